/// The values of one field in classes: a decision diagram over the field's bits whose ends are numbers of classes.
///
/// Made by putting two together at a time, so that the work grows with the answer and not with the values.
public struct FieldPartition {
    private struct Node: Hashable {
        /// Below the field's first level.
        var bit: UInt32
        var low: Int32
        var high: Int32
    }

    private let field: PacketField
    private let width: UInt32
    private var nodes: [Node] = []
    private var places: [Node: Int32] = [:]
    /// A node's number; of an end `-1 - class`.
    private var root: Int32 = -1
    public private(set) var classCount = 1

    /// One class of all values.
    init(_ field: PacketField, width: Int) {
        self.field = field
        self.width = UInt32(width)
    }

    private mutating func node(_ bit: UInt32, _ low: Int32, _ high: Int32) -> Int32 {
        if low == high { return low }
        let node = Node(bit: bit, low: low, high: high)
        if let known = places[node] { return known }
        let made = Int32(nodes.count)
        nodes.append(node)
        places[node] = made
        return made
    }

    private func bit(_ node: Int32) -> UInt32 { node < 0 ? width : nodes[Int(node)].bit }

    private func half(_ node: Int32, _ bit: UInt32, _ isHigh: Bool) -> Int32 {
        if node < 0 || nodes[Int(node)].bit != bit { return node }
        return isHigh ? nodes[Int(node)].high : nodes[Int(node)].low
    }

    private struct Pair: Hashable {
        var a: Int32
        var b: Int32
    }

    /// The classes of both: values are together that are together in either. Classes are numbered by their lowest values.
    ///
    /// - Returns: with it the two classes that each is made of.
    func combined(with other: FieldPartition) -> (partition: FieldPartition, origins: [(Int, Int)]) {
        var result = FieldPartition(field, width: Int(width))
        var done: [Pair: Int32] = [:]
        var numbers: [Pair: Int32] = [:]
        var origins: [(Int, Int)] = []
        func take(_ a: Int32, _ b: Int32) -> Int32 {
            let pair = Pair(a: a, b: b)
            if a < 0, b < 0 {
                if let known = numbers[pair] { return known }
                let made = Int32(-1 - origins.count)
                numbers[pair] = made
                origins.append((Int(-1 - a), Int(-1 - b)))
                return made
            }
            if let known = done[pair] { return known }
            let bit = min(self.bit(a), other.bit(b))
            let low = take(half(a, bit, false), other.half(b, bit, false))
            let high = take(half(a, bit, true), other.half(b, bit, true))
            let made = result.node(bit, low, high)
            done[pair] = made
            return made
        }
        result.root = take(root, other.root)
        result.classCount = origins.count
        return (result, origins)
    }

    /// The classes that have a value in `set`, which asks about the field alone. What it has none of is not gone through.
    func classes(in set: PacketSet, of space: PacketSpace) -> Set<Int> {
        guard let levels = space.levels(field) else { return set.isEmpty ? [] : Set(0..<classCount) }
        var found: Set<Int> = []
        var seen: Set<UInt64> = []
        func take(_ own: Int32, _ node: UInt32) {
            if node == 0 { return }
            if own < 0 {
                found.insert(Int(-1 - own))
                return
            }
            if !seen.insert(UInt64(UInt32(bitPattern: own)) << 32 | UInt64(node)).inserted { return }
            let asked = space.store.nodes[Int(node)]
            let other = node == 1 ? width : asked.level - levels.lowerBound
            let bit = min(self.bit(own), other)
            take(half(own, bit, false), other == bit ? asked.low : node)
            take(half(own, bit, true), other == bit ? asked.high : node)
        }
        take(root, set.node)
        return found
    }

    /// The ranges of values of each class, ascending, and the lowest value of each.
    public func ranges() -> [[ClosedRange<UInt128>]] {
        var result = [[ClosedRange<UInt128>]](repeating: [], count: classCount)
        func take(_ node: Int32, _ depth: UInt32, _ value: UInt128) {
            if node < 0 {
                let rest = width - depth
                let first = rest >= 128 ? 0 : value << UInt128(rest)
                let last = rest >= 128 ? UInt128.max : first | ((1 << UInt128(rest)) - 1)
                let place = Int(-1 - node)
                if let end = result[place].last, end.upperBound &+ 1 == first {
                    result[place][result[place].count - 1] = end.lowerBound...last
                } else {
                    result[place].append(first...last)
                }
                return
            }
            take(half(node, depth, false), depth + 1, value << 1)
            take(half(node, depth, true), depth + 1, value << 1 | 1)
        }
        take(root, 0, 0)
        return result
    }

    /// The set's own two classes: 0 outside, 1 inside.
    init(_ set: PacketSet, _ field: PacketField, in space: PacketSpace) {
        self.init(field, width: space.bits(field))
        guard let levels = space.levels(field) else { return }
        classCount = 2
        var done: [UInt32: Int32] = [0: -1, 1: -2]
        func take(_ node: UInt32, _ partition: inout FieldPartition) -> Int32 {
            if let known = done[node] { return known }
            let own = space.store.nodes[Int(node)]
            let low = take(own.low, &partition)
            let high = take(own.high, &partition)
            let made = partition.node(own.level - levels.lowerBound, low, high)
            done[node] = made
            return made
        }
        root = take(set.node, &self)
    }
}

extension FieldPartition {
    /// The values of a field by what two sets leave to ask behind it; `note` is told the rests of each class in order.
    init(
        _ first: PacketSet, _ second: PacketSet, by field: PacketField, in space: PacketSpace,
        _ note: (PacketSet, PacketSet) -> Void
    ) {
        self.init(field, width: space.bits(field))
        guard let levels = space.levels(field) else {
            note(first, second)
            return
        }
        var numbers: [[UInt32]: Int32] = [:]
        var done: [[UInt32]: Int32] = [:]
        func take(_ a: UInt32, _ b: UInt32, _ partition: inout FieldPartition) -> Int32 {
            let key = [a, b]
            let (left, right) = (space.store.nodes[Int(a)], space.store.nodes[Int(b)])
            let level = min(left.level, right.level)
            guard level < levels.upperBound else {
                if let known = numbers[key] { return known }
                let made = Int32(-1 - numbers.count)
                numbers[key] = made
                note(PacketSet(node: a), PacketSet(node: b))
                return made
            }
            if let known = done[key] { return known }
            let low = take(
                left.level == level ? left.low : a, right.level == level ? right.low : b, &partition)
            let high = take(
                left.level == level ? left.high : a, right.level == level ? right.high : b, &partition)
            let made = partition.node(level - levels.lowerBound, low, high)
            done[key] = made
            return made
        }
        root = take(first.node, second.node, &self)
        classCount = numbers.count
    }
}
