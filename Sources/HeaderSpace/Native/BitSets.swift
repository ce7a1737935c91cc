// Sets of packets by what bits hold that come from anywhere in a packet.

/// Packets for which something holds, and those for which it hangs on bits that nobody knows.
struct Ternary: Hashable {
    var yes: PacketSet
    var maybe: PacketSet

    static let never = Ternary(yes: .none, maybe: .none)
}

extension PacketSpace {
    /// The set of those where the bit is 1; `nil` where nobody knows.
    private func holds(_ bit: Bit?) -> PacketSet? {
        guard let bit else { return nil }
        if let constant = bit.constant { return constant ? .all : PacketSet.none }
        let node = bit.isOpposite ? store.node(bit.level, 1, 0) : store.node(bit.level, 0, 1)
        return PacketSet(node: node)
    }

    /// Packets whose known bits are those of `value`, which is as long.
    func packets(where bits: [Bit?], are value: [UInt8]) -> PacketSet {
        guard bits.count == value.count * 8 else { return .none }
        var wanted: [(level: UInt32, value: Bool)] = []
        for (index, bit) in bits.enumerated() {
            guard let bit else { continue }
            let isOne = value[index / 8] >> UInt8(7 - index % 8) & 1 == 1
            if let constant = bit.constant {
                if constant != isOne { return .none }
            } else {
                wanted.append((bit.level, isOne != bit.isOpposite))
            }
        }
        wanted.sort { $0.level > $1.level }
        var node: UInt32 = 1
        var last: (level: UInt32, value: Bool)?
        for one in wanted {
            if let last, last.level == one.level {
                if last.value != one.value { return .none }
                continue
            }
            node = store.node(one.level, one.value ? 0 : node, one.value ? node : 0)
            last = one
        }
        return PacketSet(node: node)
    }

    /// Packets whose known bits are those of one of `values`: built at one go, whatever their number.
    func packets(where bits: [Bit?], areOneOf values: [[UInt8]]) -> PacketSet {
        if values.count < 3 { return union(values.map { packets(where: bits, are: $0) }) }
        var open: [(place: Int, level: UInt32)] = []
        var constants: [(place: Int, value: Bool)] = []
        for (index, bit) in bits.enumerated() {
            guard let bit else { continue }
            if let constant = bit.constant {
                constants.append((index, constant))
            } else {
                open.append((index, bit.level))
            }
        }
        open.sort { $0.level < $1.level }
        // A bit that stands at two places is asked twice: each value by itself then.
        for (one, other) in zip(open, open.dropFirst()) where one.level == other.level {
            return union(values.map { packets(where: bits, are: $0) })
        }
        func bit(_ value: [UInt8], _ place: Int) -> Bool { value[place / 8] >> UInt8(7 - place % 8) & 1 == 1 }
        var keys: [[Bool]] = []
        for value in values where value.count * 8 == bits.count {
            if constants.contains(where: { bit(value, $0.place) != $0.value }) { continue }
            keys.append(open.map { bit(value, $0.place) != (bits[$0.place]?.isOpposite ?? false) })
        }
        keys.sort { $0.lexicographicallyPrecedes($1) { !$0 && $1 } }
        return PacketSet(node: node(of: keys[...], open.map { $0.level }, 0))
    }

    /// - Parameter keys: in order, alike in all bits before `place`.
    private func node(of keys: ArraySlice<[Bool]>, _ levels: [UInt32], _ place: Int) -> UInt32 {
        guard let first = keys.first else { return 0 }
        if place == levels.count { return 1 }
        if keys.count == 1 {
            var node: UInt32 = 1
            for index in (place..<levels.count).reversed() {
                node = store.node(levels[index], first[index] ? 0 : node, first[index] ? node : 0)
            }
            return node
        }
        let middle = keys.firstIndex { $0[place] } ?? keys.endIndex
        let low = node(of: keys[..<middle], levels, place + 1)
        let high = node(of: keys[middle...], levels, place + 1)
        return store.node(levels[place], low, high)
    }

    /// Where the number of `bits` is below that of `other`; bits that nobody knows count as `filling`, those of `other` as
    /// its opposite. Both are as long.
    func packets(where bits: [Bit?], areBelow other: [Bit?], filling: Bool) -> PacketSet {
        var result = PacketSet.none
        for (one, two) in zip(bits, other).reversed() {
            let left = one ?? Bit(filling)
            let right = two ?? Bit(!filling)
            if left == right { continue }
            if let constant = right.constant {
                let own = holds(left) ?? .none
                // A 0 below a 1 is less whatever follows.
                result = constant ? or(complement(own), result) : subtract(result, own)
            } else if let constant = left.constant {
                let own = holds(right) ?? .none
                result = constant ? and(own, result) : or(own, result)
            } else if left == right.opposite {
                result = holds(right) ?? .none
            } else {
                let (a, b) = (holds(left) ?? .none, holds(right) ?? .none)
                result = or(subtract(b, a), subtract(result, differing(a, b)))
            }
        }
        return result
    }

    /// Where both are one value.
    func compare(_ bits: [Bit?], isEqualTo other: [Bit?]) -> Ternary {
        var result = PacketSet.all
        var isOpen = false
        for (left, right) in zip(bits, other) where left != right || left == nil {
            guard let left, let right else {
                isOpen = true
                continue
            }
            result = subtract(result, differing(holds(left) ?? .none, holds(right) ?? .none))
            if result.isEmpty { return .never }
        }
        return isOpen ? Ternary(yes: .none, maybe: result) : Ternary(yes: result, maybe: .none)
    }

    func compare(_ bits: [Bit?], isBelow other: [Bit?]) -> Ternary {
        let surely = packets(where: bits, areBelow: other, filling: true)
        if !bits.contains(nil), !other.contains(nil) { return Ternary(yes: surely, maybe: .none) }
        let perhaps = packets(where: bits, areBelow: other, filling: false)
        return Ternary(yes: surely, maybe: subtract(perhaps, surely))
    }

    /// Where one of the bits is 1 that are in `mask`.
    func compare(_ bits: [Bit?], hasOneOf mask: [UInt8]) -> Ternary {
        var sets: [PacketSet] = []
        var isOpen = false
        for (index, bit) in bits.enumerated() where mask[index / 8] >> UInt8(7 - index % 8) & 1 == 1 {
            if let set = holds(bit) { sets.append(set) } else { isOpen = true }
        }
        let surely = union(sets)
        return Ternary(yes: surely, maybe: isOpen ? complement(surely) : .none)
    }

    func opposite(_ test: Ternary) -> Ternary {
        Ternary(yes: complement(or(test.yes, test.maybe)), maybe: test.maybe)
    }

    /// Where both hold.
    func both(_ a: Ternary, _ b: Ternary) -> Ternary {
        let yes = and(a.yes, b.yes)
        let all = and(or(a.yes, a.maybe), or(b.yes, b.maybe))
        return Ternary(yes: yes, maybe: subtract(all, yes))
    }

    /// Where one of them holds.
    func either(_ a: Ternary, _ b: Ternary) -> Ternary {
        let yes = or(a.yes, b.yes)
        return Ternary(yes: yes, maybe: subtract(or(a.maybe, b.maybe), yes))
    }

    /// The known bytes of a word of which nothing comes from a packet.
    func constant(_ bits: [Bit?]) -> [UInt8]? {
        guard bits.count % 8 == 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: bits.count / 8)
        for (index, bit) in bits.enumerated() {
            guard let value = bit?.constant else { return nil }
            if value { bytes[index / 8] |= 1 << UInt8(7 - index % 8) }
        }
        return bytes
    }
}
