/// How a picture's nodes are to lie to each other, as far as that is not left to Graphviz.
struct PictureLayout {
    private let picture: ChainPicture
    private let targets: [[Int]]
    /// By node, in which row below the first it lies.
    private let depth: [Int]
    /// By node, pairs of its leaves that lie one below the other.
    private let stacks: [[(upper: Int, lower: Int)]]

    init(_ picture: ChainPicture) {
        self.picture = picture
        var targets = [[Int]](repeating: [], count: picture.nodes.count)
        var callerCount = [Int](repeating: 0, count: picture.nodes.count)
        var seen: Set<[Int]> = []
        for edge in picture.edges where seen.insert([edge.from, edge.to]).inserted {
            callerCount[edge.to] += 1
            if edge.from != edge.to { targets[edge.from].append(edge.to) }
        }
        self.targets = targets
        var walk = DownwardWalk(targets)
        walk.run()
        var depth = [Int](repeating: 0, count: picture.nodes.count)
        for node in walk.order.reversed() {
            for target in targets[node] where !walk.backward.contains([node, target]) {
                depth[target] = max(depth[target], depth[node] + 1)
            }
        }
        stacks = targets.map { own in
            PictureLayout.stack(own.filter { targets[$0].isEmpty && callerCount[$0] == 1 })
        }
        for pairs in stacks {
            for pair in pairs { depth[pair.lower] = max(depth[pair.lower], depth[pair.upper] + 1) }
        }
        self.depth = depth
    }

    /// Pairs of leaves to lie one below the other: many in one row would make a picture that nobody can read.
    private static func stack(_ leaves: [Int]) -> [(upper: Int, lower: Int)] {
        if leaves.count < 4 { return [] }
        var columns = 2
        while columns * columns * 5 < leaves.count * 4 { columns += 1 }
        return (0..<(leaves.count - columns)).map { (leaves[$0], leaves[$0 + columns]) }
    }

    /// Rows of a band: the nodes at the top of each, from left to right.
    ///
    /// iptables' tables have one. A native table that has several chains at one hook has one for each priority, unless
    /// chains that their rules share join them.
    func rows(of band: ChainPicture.Band) -> [[Int]] {
        let bases = band.nodes.filter { base($0) != nil }
        let others = band.nodes.filter { picture.nodes[$0].standing == .unreferenced }
        guard !bases.isEmpty, Set(bases.compactMap { base($0)?.hook }).count < bases.count else {
            return [bases + others]
        }
        let parts = parts(of: band)
        var priorities: [Int: Int32] = [:]
        for node in bases {
            guard let base = base(node) else { continue }
            priorities[parts[node]] = min(priorities[parts[node]] ?? base.priority, base.priority)
        }
        var rows = Set(priorities.values).sorted().map { priority in bases.filter { priorities[parts[$0]] == priority }
        }
        for node in others {
            let own = rows.firstIndex { $0.contains { parts[$0] == parts[node] } }
            rows[own ?? rows.count - 1].append(node)
        }
        return rows
    }

    private func base(_ node: Int) -> ChainPicture.Base? {
        if case .base(let base) = picture.nodes[node].standing { base } else { nil }
    }

    /// By node, the least node that jumps join it with.
    private func parts(of band: ChainPicture.Band) -> [Int] {
        var part = Array(picture.nodes.indices)
        func root(_ node: Int) -> Int {
            var node = node
            while part[node] != node {
                part[node] = part[part[node]]
                node = part[node]
            }
            return node
        }
        for node in band.nodes {
            for target in targets[node] {
                let (a, b) = (root(node), root(target))
                part[max(a, b)] = min(a, b)
            }
        }
        return picture.nodes.indices.map(root)
    }

    /// How many rows of nodes lie below the nodes of `row`.
    func depth(below row: [Int]) -> Int {
        var lowest = 0
        var open = row
        var seen = Set(row)
        while let node = open.popLast() {
            lowest = max(lowest, depth[node])
            let below = targets[node] + stacks[node].map { $0.lower }
            for next in below where seen.insert(next).inserted { open.append(next) }
        }
        return lowest
    }

    func stacked(in band: ChainPicture.Band) -> [(upper: Int, lower: Int)] {
        band.nodes.flatMap { stacks[$0] }
    }

    func lowest(of band: ChainPicture.Band) -> Int? {
        band.nodes.max { (depth[$0], $1) < (depth[$1], $0) }
    }
}

/// Goes through a graph depth first, with a stack of its own.
private struct DownwardWalk {
    let targets: [[Int]]
    /// Each node behind all that lie below it.
    var order: [Int] = []
    var backward: Set<[Int]> = []

    private enum Mark { case new, open, done }

    init(_ targets: [[Int]]) { self.targets = targets }

    mutating func run() {
        var marks = [Mark](repeating: .new, count: targets.count)
        for root in targets.indices where marks[root] == .new {
            var stack: [(node: Int, next: Int)] = [(root, 0)]
            marks[root] = .open
            while let top = stack.last {
                guard top.next < targets[top.node].count else {
                    marks[top.node] = .done
                    order.append(top.node)
                    stack.removeLast()
                    continue
                }
                stack[stack.count - 1].next += 1
                let target = targets[top.node][top.next]
                switch marks[target] {
                case .new:
                    marks[target] = .open
                    stack.append((target, 0))
                case .open: backward.insert([top.node, target])
                case .done: break
                }
            }
        }
    }
}
