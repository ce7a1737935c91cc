/// Two places that stand for each other.
struct Pair: Hashable {
    var a: Int
    var b: Int
}

/// Lines `a` up with `b`: pairs of equal numbers, ascending on both sides, nearly as many as there can be.
///
/// Numbers that each side has once are lined up by the longest ascending run among them (patience), and what lies
/// between by the same again; where nothing is unique, by Myers' greedy search as far as `searchLimit` edits. So time
/// grows with n·log n, and what is not lined up for that is told as moved.
func lineUp(_ a: [Int32], _ b: [Int32]) -> [Pair] {
    var pairs: [Pair] = []
    var open = [Stretch(a: 0..<a.count, b: 0..<b.count, depth: 0)]
    while var stretch = open.popLast() {
        while let first = stretch.a.first, let other = stretch.b.first, a[first] == b[other] {
            pairs.append(Pair(a: first, b: other))
            stretch.a = (first + 1)..<stretch.a.upperBound
            stretch.b = (other + 1)..<stretch.b.upperBound
        }
        while let last = stretch.a.last, let other = stretch.b.last, a[last] == b[other] {
            pairs.append(Pair(a: last, b: other))
            stretch.a = stretch.a.lowerBound..<last
            stretch.b = stretch.b.lowerBound..<other
        }
        if stretch.a.isEmpty || stretch.b.isEmpty { continue }
        let anchors = stretch.depth < depthLimit ? uniqueAnchors(a, b, stretch) : []
        if anchors.isEmpty {
            pairs += shortestEdit(a, b, stretch)
            continue
        }
        var start = (a: stretch.a.lowerBound, b: stretch.b.lowerBound)
        for anchor in anchors {
            open.append(Stretch(a: start.a..<anchor.a, b: start.b..<anchor.b, depth: stretch.depth + 1))
            start = (anchor.a + 1, anchor.b + 1)
        }
        pairs += anchors
        open.append(
            Stretch(
                a: start.a..<stretch.a.upperBound, b: start.b..<stretch.b.upperBound, depth: stretch.depth + 1))
    }
    return pairs.sorted { $0.a < $1.a }
}

private struct Stretch {
    var a: Range<Int>
    var b: Range<Int>
    var depth: Int
}

/// Each level costs time in proportion to the whole; numbers seldom become unique that deep.
private let depthLimit = 48

/// Edits that the greedy search goes to; it costs their square in memory.
private let searchLimit = 160

private func uniqueAnchors(_ a: [Int32], _ b: [Int32], _ stretch: Stretch) -> [Pair] {
    struct Found {
        var countA = 0
        var countB = 0
        var placeB = 0
    }
    var found: [Int32: Found] = [:]
    for index in stretch.a { found[a[index], default: Found()].countA += 1 }
    for index in stretch.b {
        guard var entry = found[b[index]] else { continue }
        entry.countB += 1
        entry.placeB = index
        found[b[index]] = entry
    }
    var candidates: [Pair] = []
    for index in stretch.a {
        guard let entry = found[a[index]], entry.countA == 1, entry.countB == 1 else { continue }
        candidates.append(Pair(a: index, b: entry.placeB))
    }
    return longestAscending(candidates)
}

/// The longest run of pairs that ascends in `b`, of pairs that ascend in `a`.
private func longestAscending(_ pairs: [Pair]) -> [Pair] {
    // The last pair of the best run of each length, and for each pair the one before it in its run.
    var ends: [Int] = []
    var before = [Int](repeating: -1, count: pairs.count)
    for (index, pair) in pairs.enumerated() {
        var low = 0
        var high = ends.count
        while low < high {
            let middle = (low + high) / 2
            if pairs[ends[middle]].b < pair.b { low = middle + 1 } else { high = middle }
        }
        if low > 0 { before[index] = ends[low - 1] }
        if low == ends.count { ends.append(index) } else { ends[low] = index }
    }
    var run: [Pair] = []
    var index = ends.last ?? -1
    while index >= 0 {
        run.append(pairs[index])
        index = before[index]
    }
    return run.reversed()
}

/// Myers' greedy search for the shortest edit; nothing where it takes more than `searchLimit`.
private func shortestEdit(_ a: [Int32], _ b: [Int32], _ stretch: Stretch) -> [Pair] {
    let countA = stretch.a.count
    let countB = stretch.b.count
    let limit = min(searchLimit, countA + countB)
    let middle = limit + 1
    var furthest = [Int](repeating: 0, count: 2 * limit + 3)
    var history: [[Int]] = []
    for edits in 0...limit {
        history.append(furthest)
        for diagonal in stride(from: -edits, through: edits, by: 2) {
            let isDown =
                diagonal == -edits
                || (diagonal != edits && furthest[middle + diagonal - 1] < furthest[middle + diagonal + 1])
            var x = isDown ? furthest[middle + diagonal + 1] : furthest[middle + diagonal - 1] + 1
            while x < countA, x - diagonal < countB, x - diagonal >= 0,
                a[stretch.a.lowerBound + x] == b[stretch.b.lowerBound + x - diagonal]
            {
                x += 1
            }
            furthest[middle + diagonal] = x
            if x >= countA, x - diagonal >= countB { return walkBack(history, stretch, middle, edits) }
        }
    }
    return []
}

private func walkBack(_ history: [[Int]], _ stretch: Stretch, _ middle: Int, _ edits: Int) -> [Pair] {
    var pairs: [Pair] = []
    var x = stretch.a.count
    var y = stretch.b.count
    for step in stride(from: edits, through: 0, by: -1) {
        let furthest = history[step]
        let diagonal = x - y
        let isDown =
            diagonal == -step
            || (diagonal != step && furthest[middle + diagonal - 1] < furthest[middle + diagonal + 1])
        let previous = isDown ? diagonal + 1 : diagonal - 1
        let startX = step == 0 ? 0 : furthest[middle + previous]
        let startY = step == 0 ? 0 : startX - previous
        while x > startX, y > startY {
            x -= 1
            y -= 1
            pairs.append(Pair(a: stretch.a.lowerBound + x, b: stretch.b.lowerBound + y))
        }
        x = startX
        y = startY
    }
    return pairs
}
