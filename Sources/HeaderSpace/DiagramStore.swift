/// A set of packets: a node of one `PacketSpace`'s decision diagrams. Equal sets are equal nodes.
public struct PacketSet: Hashable, Sendable {
    let node: UInt32

    public static let none = PacketSet(node: 0)
    public static let all = PacketSet(node: 1)

    public var isEmpty: Bool { node == 0 }
}

/// Reduced ordered binary decision diagrams, one node for each function of the variables, which are numbered by level from
/// the top. Nodes live as long as the store: an analysis makes one, and drops it.
struct DiagramStore: ~Copyable {
    struct Node {
        /// `.max` for the two ends.
        var level: UInt32
        /// Where the variable is 0, and where it is 1.
        var low: UInt32
        var high: UInt32
    }

    private enum Operation: UInt32 { case and, or, difference, exclusiveOr }

    private struct Remembered {
        var left: UInt32 = .max
        var right: UInt32 = .max
        var operation: UInt32 = 0
        var result: UInt32 = 0
    }

    private(set) var nodes = [Node(level: .max, low: 0, high: 0), Node(level: .max, low: 1, high: 1)]
    /// Open addressing: indexes into `nodes`, 0 where free.
    private var table = [UInt32](repeating: 0, count: 1 << 13)
    private var remembered = [Remembered](repeating: Remembered(), count: 1 << 13)
    /// Nodes that are made at most.
    let limit: Int
    /// Whether the limit was met: sets made since are wrong, and no answer may rest on them.
    private(set) var isExhausted = false

    /// - Parameter limit: of nodes, 12 bytes each and as much again for finding them.
    init(limit: Int) { self.limit = limit }

    // MARK: Nodes

    /// The function that is `low` where the variable of `level` is 0 and `high` where it is 1; both must lie below it.
    mutating func node(_ level: UInt32, _ low: UInt32, _ high: UInt32) -> UInt32 {
        if low == high { return low }
        let wanted = Node(level: level, low: low, high: high)
        let slot = slot(of: wanted)
        if table[slot] != 0 { return table[slot] }
        guard nodes.count < limit else {
            isExhausted = true
            return 0
        }
        let made = UInt32(nodes.count)
        nodes.append(wanted)
        table[slot] = made
        if nodes.count * 2 > table.count { grow() }
        return made
    }

    /// Where in the table the node stands, or would.
    ///
    /// Beside the place of its newer child first: a way down is made from below, node by node, and asked for in that order
    /// again, so that one line of the cache holds the next ones, too. By its hash alone each is a wait for memory, which
    /// doubles the time that a chain of thousands of rules takes.
    private func slot(of node: Node) -> Int {
        let mask = table.count - 1
        var slot = Int(max(node.low, node.high)) * 2 & mask
        var tried = 0
        // Those places may be full for a long way, so that the search goes on in steps of its own.
        var step = 1
        while table[slot] != 0 {
            let found = nodes[Int(table[slot])]
            if found.level == node.level, found.low == node.low, found.high == node.high { break }
            tried += 1
            if tried == 4 {
                let hash = DiagramStore.hash(node.level, node.low, node.high)
                (slot, step) = (hash & mask, hash >> 20 | 1)
            } else {
                slot = (slot &+ step) & mask
            }
        }
        return slot
    }

    private mutating func grow() {
        let size = table.count * 2
        table = [UInt32](repeating: 0, count: size)
        for index in 2..<nodes.count { table[slot(of: nodes[index])] = UInt32(index) }
        if remembered.count < 1 << 20 { widenMemory(min(size, 1 << 20)) }
    }

    /// Gives the memory of results more room, and keeps what it has.
    private mutating func widenMemory(_ size: Int) {
        var wider = [Remembered](repeating: Remembered(), count: size)
        for known in remembered where known.left != .max {
            wider[DiagramStore.hash(known.operation, known.left, known.right) & (size - 1)] = known
        }
        remembered = wider
    }

    private static func hash(_ a: UInt32, _ b: UInt32, _ c: UInt32) -> Int {
        var value = UInt64(a) &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(b) << 32 ^ UInt64(c)
        value = (value ^ value >> 29) &* 0xbf58_476d_1ce4_e5b9
        return Int(truncatingIfNeeded: (value ^ value >> 32) & 0x7fff_ffff_ffff)
    }

    // MARK: Sets

    mutating func and(_ a: UInt32, _ b: UInt32) -> UInt32 { apply(.and, a, b) }
    mutating func or(_ a: UInt32, _ b: UInt32) -> UInt32 { apply(.or, a, b) }
    mutating func difference(_ a: UInt32, _ b: UInt32) -> UInt32 { apply(.difference, a, b) }
    mutating func exclusiveOr(_ a: UInt32, _ b: UInt32) -> UInt32 { apply(.exclusiveOr, a, b) }
    mutating func not(_ a: UInt32) -> UInt32 { apply(.difference, 1, a) }

    /// `high` where the variable is 1, `low` where it is 0; both may look at variables above it.
    mutating func select(_ level: UInt32, high: UInt32, low: UInt32) -> UInt32 {
        if level < nodes[Int(low)].level, level < nodes[Int(high)].level { return node(level, low, high) }
        let variable = node(level, 0, 1)
        return or(and(variable, high), difference(low, variable))
    }

    private mutating func apply(_ operation: Operation, _ first: UInt32, _ second: UInt32) -> UInt32 {
        var (a, b) = (first, second)
        switch operation {
        case .and:
            if a == b || b == 1 { return a }
            if a == 0 || b == 0 { return 0 }
            if a == 1 { return b }
            if a > b { swap(&a, &b) }
        case .or:
            if a == b || b == 0 { return a }
            if a == 1 || b == 1 { return 1 }
            if a == 0 { return b }
            if a > b { swap(&a, &b) }
        case .difference:
            if a == 0 || b == 1 || a == b { return 0 }
            if b == 0 { return a }
        case .exclusiveOr:
            if a == b { return 0 }
            if b == 0 { return a }
            if a == 0 { return b }
            if a > b { swap(&a, &b) }
        }
        if isExhausted { return 0 }
        let slot = DiagramStore.hash(operation.rawValue, a, b) & (remembered.count - 1)
        let known = remembered[slot]
        if known.left == a, known.right == b, known.operation == operation.rawValue { return known.result }
        let (left, right) = (nodes[Int(a)], nodes[Int(b)])
        let level = min(left.level, right.level)
        let low = apply(operation, left.level == level ? left.low : a, right.level == level ? right.low : b)
        let high = apply(operation, left.level == level ? left.high : a, right.level == level ? right.high : b)
        // Much of what is taken together leaves one of both as it was, which need not be looked for.
        let result: UInt32
        if level == left.level, low == left.low, high == left.high {
            result = a
        } else if level == right.level, low == right.low, high == right.high {
            result = b
        } else {
            result = node(level, low, high)
        }
        // The table may have grown meanwhile.
        remembered[DiagramStore.hash(operation.rawValue, a, b) & (remembered.count - 1)] = Remembered(
            left: a, right: b, operation: operation.rawValue, result: result)
        return result
    }

    // MARK: Variables that nobody knows

    /// Where some values of the variables of `levels` make it hold (`isAll` false), or all do.
    mutating func quantify(_ a: UInt32, _ levels: Range<UInt32>, isAll: Bool) -> UInt32 {
        var done: [UInt32: UInt32] = [:]
        return quantify(a, levels, isAll, &done)
    }

    private mutating func quantify(
        _ a: UInt32, _ levels: Range<UInt32>, _ isAll: Bool, _ done: inout [UInt32: UInt32]
    ) -> UInt32 {
        let own = nodes[Int(a)]
        if own.level >= levels.upperBound { return a }
        if let known = done[a] { return known }
        let low = quantify(own.low, levels, isAll, &done)
        let high = quantify(own.high, levels, isAll, &done)
        let result: UInt32
        if own.level < levels.lowerBound {
            result = node(own.level, low, high)
        } else {
            result = isAll ? and(low, high) : or(low, high)
        }
        done[a] = result
        return result
    }

    /// The function with the variable of `level` set to a value.
    mutating func cofactor(_ a: UInt32, _ level: UInt32, _ value: Bool) -> UInt32 {
        var done: [UInt32: UInt32] = [:]
        return cofactor(a, level, value, &done)
    }

    private mutating func cofactor(_ a: UInt32, _ level: UInt32, _ value: Bool, _ done: inout [UInt32: UInt32])
        -> UInt32
    {
        let own = nodes[Int(a)]
        if own.level > level { return a }
        if own.level == level { return value ? own.high : own.low }
        if let known = done[a] { return known }
        let low = cofactor(own.low, level, value, &done)
        let high = cofactor(own.high, level, value, &done)
        let result = node(own.level, low, high)
        done[a] = result
        return result
    }

    /// The function with every variable set to what `value` says of it; those of which it says nothing stay.
    mutating func rest(_ a: UInt32, _ value: (UInt32) -> Bool?) -> UInt32 {
        var done: [UInt32: UInt32] = [:]
        return rest(a, value, &done)
    }

    private mutating func rest(_ a: UInt32, _ value: (UInt32) -> Bool?, _ done: inout [UInt32: UInt32]) -> UInt32 {
        var at = a
        while at > 1, let isOne = value(nodes[Int(at)].level) {
            at = isOne ? nodes[Int(at)].high : nodes[Int(at)].low
        }
        if at < 2 { return at }
        if let known = done[at] { return known }
        let own = nodes[Int(at)]
        let low = rest(own.low, value, &done)
        let high = rest(own.high, value, &done)
        let result = node(own.level, low, high)
        done[at] = result
        return result
    }

    /// Levels of the variables that the function looks at, ascending.
    func support(_ a: UInt32) -> [UInt32] {
        var levels: Set<UInt32> = []
        for index in below(a) { levels.insert(nodes[Int(index)].level) }
        return levels.sorted()
    }

    /// How many nodes it is made of, but for the two ends.
    func size(_ a: UInt32) -> Int { below(a).count }

    private func below(_ a: UInt32) -> Set<UInt32> {
        var seen: Set<UInt32> = []
        var open = [a]
        while let next = open.popLast() {
            if next < 2 || !seen.insert(next).inserted { continue }
            open.append(nodes[Int(next)].low)
            open.append(nodes[Int(next)].high)
        }
        return seen
    }

    /// How many of all assignments meet it, as a share of 1.
    func share(_ a: UInt32) -> Double {
        var done: [UInt32: Double] = [:]
        return share(a, &done)
    }

    private func share(_ a: UInt32, _ done: inout [UInt32: Double]) -> Double {
        if a < 2 { return Double(a) }
        if let known = done[a] { return known }
        let own = nodes[Int(a)]
        let result = (share(own.low, &done) + share(own.high, &done)) / 2
        done[a] = result
        return result
    }

    /// Makes of `values` an assignment that meets it, with as few changes from the top as there need be; `place` tells
    /// where the variable of a level lies in it.
    func example(_ a: UInt32, _ values: inout [Bool], _ place: (UInt32) -> Int) {
        var at = a
        while at > 1 {
            let own = nodes[Int(at)]
            let index = place(own.level)
            if (values[index] ? own.high : own.low) == 0 { values[index].toggle() }
            at = values[index] ? own.high : own.low
        }
    }
}
