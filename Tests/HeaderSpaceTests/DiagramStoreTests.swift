import Testing

@testable import HeaderSpace

/// Functions of eight variables, each beside its truth table: one bit for each of the 256 assignments.
@Suite struct DiagramStoreTests {
    private static let count: UInt32 = 8

    /// Both forms of one function.
    private struct Pair {
        var node: UInt32
        var table: [Bool]
    }

    private static func table(_ holds: (Int) -> Bool) -> [Bool] { (0..<256).map(holds) }

    /// The value of a variable in an assignment.
    private static func bit(_ level: UInt32, _ assignment: Int) -> Bool { assignment >> Int(level) & 1 == 1 }

    private static func variable(_ level: UInt32, _ store: inout DiagramStore) -> Pair {
        Pair(node: store.node(level, 0, 1), table: table { bit(level, $0) })
    }

    /// Random functions, made of the variables by random operations.
    private static func drawn(_ count: Int, _ store: inout DiagramStore, seed: UInt64) -> [Pair] {
        var numbers = SeededNumbers(seed: seed)
        var pairs = (0..<Self.count).map { variable($0, &store) }
        for _ in 0..<count {
            let a = pairs[Int(numbers.next() % UInt64(pairs.count))]
            let b = pairs[Int(numbers.next() % UInt64(pairs.count))]
            switch numbers.next() % 5 {
            case 0: pairs.append(Pair(node: store.and(a.node, b.node), table: table { a.table[$0] && b.table[$0] }))
            case 1: pairs.append(Pair(node: store.or(a.node, b.node), table: table { a.table[$0] || b.table[$0] }))
            case 2:
                let node = store.difference(a.node, b.node)
                pairs.append(Pair(node: node, table: table { a.table[$0] && !b.table[$0] }))
            case 3:
                let node = store.exclusiveOr(a.node, b.node)
                pairs.append(Pair(node: node, table: table { a.table[$0] != b.table[$0] }))
            default: pairs.append(Pair(node: store.not(a.node), table: table { !a.table[$0] }))
            }
        }
        return pairs
    }

    private static func read(_ node: UInt32, _ store: inout DiagramStore) -> [Bool] {
        var result: [Bool] = []
        for assignment in 0..<256 { result.append(store.rest(node) { bit($0, assignment) } == 1) }
        return result
    }

    @Test func operationsAreThoseOfTruthTables() {
        var store = DiagramStore(limit: 100_000)
        for pair in Self.drawn(400, &store, seed: 1) {
            let read = Self.read(pair.node, &store)
            #expect(read == pair.table)
            let share = store.share(pair.node)
            #expect(share * 256 == Double(pair.table.count { $0 }))
        }
    }

    @Test func oneFunctionIsOneNode() {
        var store = DiagramStore(limit: 100_000)
        let pairs = Self.drawn(400, &store, seed: 2)
        for (index, one) in pairs.enumerated() {
            for other in pairs[(index + 1)...] { #expect((one.node == other.node) == (one.table == other.table)) }
        }
    }

    @Test func nodesAreReducedAndOrdered() {
        var store = DiagramStore(limit: 100_000)
        _ = Self.drawn(400, &store, seed: 3)
        for node in store.nodes.dropFirst(2) {
            #expect(node.low != node.high)
            let (low, high) = (store.nodes[Int(node.low)].level, store.nodes[Int(node.high)].level)
            #expect(low > node.level && high > node.level)
        }
    }

    @Test func quantifiesOverLevelsInTheMidst() {
        var store = DiagramStore(limit: 100_000)
        for pair in Self.drawn(200, &store, seed: 4) {
            func group(_ assignment: Int) -> [Bool] {
                (0..<8).map { pair.table[assignment & ~0b1_1100 | $0 << 2] }
            }
            let some = store.quantify(pair.node, 2..<5, isAll: false)
            let all = store.quantify(pair.node, 2..<5, isAll: true)
            let someRead = Self.read(some, &store)
            #expect(someRead == Self.table { group($0).contains(true) })
            let allRead = Self.read(all, &store)
            #expect(allRead == Self.table { !group($0).contains(false) })
        }
    }

    @Test func cofactorSetsOneVariable() {
        var store = DiagramStore(limit: 100_000)
        for pair in Self.drawn(100, &store, seed: 5) {
            for level: UInt32 in [0, 3, 7] {
                let whenOne = store.cofactor(pair.node, level, true)
                let whenZero = store.cofactor(pair.node, level, false)
                let place = 1 << Int(level)
                let whenOneRead = Self.read(whenOne, &store)
                #expect(whenOneRead == Self.table { pair.table[$0 | place] })
                let whenZeroRead = Self.read(whenZero, &store)
                #expect(whenZeroRead == Self.table { pair.table[$0 & ~place] })
                let support = store.support(whenOne)
                #expect(!support.contains(level))
            }
        }
    }

    @Test func selectsWhateverStandsAbove() {
        var store = DiagramStore(limit: 100_000)
        let pairs = Self.drawn(60, &store, seed: 6)
        for (high, low) in zip(pairs, pairs.reversed()) {
            let node = store.select(4, high: high.node, low: low.node)
            let nodeRead = Self.read(node, &store)
            #expect(nodeRead == Self.table { Self.bit(4, $0) ? high.table[$0] : low.table[$0] })
        }
    }

    @Test func supportIsWhatTheFunctionHangsOn() {
        var store = DiagramStore(limit: 100_000)
        for pair in Self.drawn(200, &store, seed: 7) {
            let asked = (0..<Self.count).filter { level in
                (0..<256).contains { pair.table[$0] != pair.table[$0 ^ 1 << Int(level)] }
            }
            let support = store.support(pair.node)
            #expect(support == asked)
        }
    }

    @Test func exampleMeetsTheFunctionAndChangesLittle() {
        var store = DiagramStore(limit: 100_000)
        for pair in Self.drawn(200, &store, seed: 8) where pair.node != 0 {
            for wanted in [0, 0b0101_0101, 255] {
                var values = (0..<Self.count).map { Self.bit($0, wanted) }
                store.example(pair.node, &values) { Int($0) }
                let assignment = values.enumerated().reduce(0) { $0 | ($1.element ? 1 << $1.offset : 0) }
                #expect(pair.table[assignment])
                if pair.table[wanted] { #expect(assignment == wanted) }
            }
        }
    }

    @Test func tellsWhenItsNodesAreUsedUp() {
        var store = DiagramStore(limit: 40)
        let before = store.isExhausted
        #expect(!before)
        // The sum of many variables' products has more nodes than that.
        var sum: UInt32 = 0
        for index: UInt32 in 0..<12 {
            let product = store.and(store.node(index, 0, 1), store.node(index + 12, 0, 1))
            sum = store.exclusiveOr(sum, product)
        }
        let (after, count) = (store.isExhausted, store.nodes.count)
        #expect(after)
        #expect(count <= 40)
    }
}
