import Testing

@testable import Questions

@Suite("Diff: lining rules up") struct LineUpTests {
    /// A generator that gives the same numbers on every run.
    private struct Numbers {
        var state: UInt64

        mutating func next(below limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: state >> 33) % limit
        }
    }

    /// The length of a longest common subsequence, by the table that every book has.
    private func longestCommon(_ a: [Int32], _ b: [Int32]) -> Int {
        var row = [Int](repeating: 0, count: b.count + 1)
        for own in a {
            var diagonal = 0
            for (index, other) in b.enumerated() {
                let above = row[index + 1]
                row[index + 1] = own == other ? diagonal + 1 : max(above, row[index])
                diagonal = above
            }
        }
        return row[b.count]
    }

    private func check(_ a: [Int32], _ b: [Int32], _ place: SourceLocation = #_sourceLocation) -> [Pair] {
        let pairs = lineUp(a, b)
        for pair in pairs { #expect(a[pair.a] == b[pair.b], sourceLocation: place) }
        for (first, second) in zip(pairs, pairs.dropFirst()) {
            #expect(first.a < second.a && first.b < second.b, sourceLocation: place)
        }
        return pairs
    }

    @Test func pairsAreEqualAndAscendAndWhereNothingRepeatsAreAsManyAsCanBe() {
        var numbers = Numbers(state: 1)
        for _ in 0..<300 {
            var a = (0..<Int32(40)).map { $0 }
            for index in a.indices.reversed() { a.swapAt(index, numbers.next(below: index + 1)) }
            var b = a
            for _ in 0..<numbers.next(below: 12) {
                switch numbers.next(below: 3) {
                case 0: if !b.isEmpty { b.remove(at: numbers.next(below: b.count)) }
                case 1: b.insert(Int32(100 + numbers.next(below: 1000)), at: numbers.next(below: b.count + 1))
                default: b.swapAt(numbers.next(below: b.count), numbers.next(below: b.count))
                }
            }
            // The unique ones are lined up the best way; a number that was put in twice may cost one.
            #expect(check(a, b).count >= longestCommon(a, b) - 1)
        }
    }

    @Test func whatRepeatsIsLinedUpByTheShortestEdit() {
        var numbers = Numbers(state: 2)
        for _ in 0..<300 {
            let a = (0..<(1 + numbers.next(below: 20))).map { _ in Int32(numbers.next(below: 3)) }
            let b = (0..<(1 + numbers.next(below: 20))).map { _ in Int32(numbers.next(below: 3)) }
            let found = check(a, b).count
            // Equal ends are taken first, and that loses nothing; unique numbers may lead astray by a few.
            #expect(found * 2 + 4 >= longestCommon(a, b) * 2)
        }
        #expect(check([1, 1, 2, 2, 1, 1], [1, 2, 1, 2, 1, 1]).count == 5)
    }

    @Test func emptySides() {
        #expect(lineUp([], []).isEmpty)
        #expect(lineUp([1], []).isEmpty)
        #expect(lineUp([], [1]).isEmpty)
    }

    /// Two long runs with nothing unique and nothing alike: the search gives up instead of trying every pair.
    @Test func hopelessInputsAreGivenUpOn() {
        let a = (0..<20_000).map { Int32($0 % 2) }
        let b = (0..<20_000).map { Int32($0 % 2 + 2) }
        #expect(check(a, b).isEmpty)
    }
}
