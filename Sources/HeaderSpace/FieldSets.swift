package import NetTypes

/// What must hold of one bit.
private struct Literal {
    var level: UInt32
    var value: Bool
}

// Sets of packets by what a field holds, wherever its bits come from.
extension PacketSpace {
    /// The bits of a field, the highest first; `nil` where nothing is known of them.
    func bits(_ source: FieldSource, of field: PacketField) -> [Bit]? {
        switch source {
        case .arriving: levels(field)?.map { Bit(level: $0) }
        case .constant(let value):
            (0..<bits(field)).map { Bit(value >> UInt128(bits(field) - 1 - $0) & 1 == 1) }
        case .bits(let bits): bits
        case .lowered, .unknown, .various: nil
        }
    }

    /// Packets whose arriving `field` has `value` under `mask`.
    package func packets(_ field: PacketField, _ value: UInt128, mask: UInt128 = .max) -> PacketSet {
        packets(source(field), of: field, value, mask: mask) ?? .none
    }

    /// Packets whose arriving `field` lies between both, which count.
    package func packets(_ field: PacketField, from low: UInt128, through high: UInt128) -> PacketSet {
        packets(source(field), of: field, from: low, through: high) ?? .none
    }

    /// Packets whose field, of which `source` tells where it comes from, has `value` under `mask`; `nil` where that is
    /// not known.
    func packets(_ source: FieldSource, of field: PacketField, _ value: UInt128, mask: UInt128 = .max) -> PacketSet? {
        let width = bits(field)
        let whole = width >= 128 ? UInt128.max : (1 << UInt128(width)) - 1
        let asked = mask & whole
        if value & mask & ~whole != 0 { return PacketSet.none }
        switch source {
        case .lowered(let count):
            guard asked == whole else { return asked == 0 ? .all : nil }
            return packets(.arriving, of: field, from: (value & whole) + count, through: (value & whole) + count)
        case .unknown, .various: return asked == 0 ? .all : nil
        case .constant(let own): return own & asked == value & asked ? .all : PacketSet.none
        case .arriving:
            guard let levels = levels(field) else { return nil }
            var node: UInt32 = 1
            var rest = asked
            // From the lowest bit up, so that every node is made once.
            while rest != 0 {
                let place = rest.trailingZeroBitCount
                rest &= rest - 1
                let level = levels.upperBound - 1 - UInt32(place)
                let isOne = value >> UInt128(place) & 1 == 1
                node = store.node(level, isOne ? 0 : node, isOne ? node : 0)
            }
            return PacketSet(node: node)
        case .bits(let bits):
            var literals: [Literal] = []
            for (index, bit) in bits.enumerated() {
                let place = UInt128(bits.count - 1 - index)
                guard asked >> place & 1 == 1 else { continue }
                let wanted = value >> place & 1 == 1
                if let constant = bit.constant {
                    if constant != wanted { return PacketSet.none }
                } else {
                    literals.append(Literal(level: bit.level, value: wanted != bit.isOpposite))
                }
            }
            return conjunction(&literals)
        }
    }

    private func conjunction(_ literals: inout [Literal]) -> PacketSet {
        literals.sort { $0.level > $1.level }
        var node: UInt32 = 1
        var last: Literal?
        for literal in literals {
            if let last, last.level == literal.level {
                if last.value != literal.value { return .none }
                continue
            }
            node = store.node(literal.level, literal.value ? 0 : node, literal.value ? node : 0)
            last = literal
        }
        return PacketSet(node: node)
    }

    func packets(
        _ source: FieldSource, of field: PacketField, from low: UInt128, through high: UInt128
    ) -> PacketSet? {
        if low > high { return PacketSet.none }
        let width = bits(field)
        let most = width >= 128 ? UInt128.max : (1 << UInt128(width)) - 1
        if low == 0, high >= most { return .all }
        if low > most { return PacketSet.none }
        switch source {
        case .lowered(let count):
            return packets(.arriving, of: field, from: low + count, through: min(high, most - count) + count)
        case .unknown, .various: return nil
        case .constant(let value): return low <= value && value <= high ? .all : PacketSet.none
        case .arriving, .bits:
            guard let bits = bits(source, of: field) else { return nil }
            let atLeast = compared(bits, low, isLower: true)
            let atMost = high >= most ? 1 : compared(bits, high, isLower: false)
            return PacketSet(node: store.and(atLeast, atMost))
        }
    }

    /// Where the number of `bits` is at least (or at most) `bound`: built from the lowest bit up.
    private func compared(_ bits: [Bit], _ bound: UInt128, isLower: Bool) -> UInt32 {
        var node: UInt32 = 1
        for (index, bit) in bits.reversed().enumerated() {
            let wanted = bound >> UInt128(index) & 1 == 1
            // A higher number than the bound's is what is asked for where that has 0 here, and a lower where it has 1.
            let whenOne: UInt32 = wanted ? node : (isLower ? 1 : 0)
            let whenZero: UInt32 = wanted ? (isLower ? 0 : 1) : node
            if let constant = bit.constant {
                node = constant ? whenOne : whenZero
            } else {
                node = store.select(
                    bit.level, high: bit.isOpposite ? whenZero : whenOne, low: bit.isOpposite ? whenOne : whenZero)
            }
        }
        return node
    }

    /// Packets whose field lies in a prefix.
    func packets(_ source: FieldSource, of field: PacketField, in prefix: IPPrefix) -> PacketSet? {
        guard prefix.address.version == version else { return PacketSet.none }
        let length = Int(prefix.length)
        let width = version.addressBits
        if length == 0 { return .all }
        let whole: UInt128 = width >= 128 ? .max : (1 << UInt128(width)) - 1
        let mask = length >= width ? whole : whole & ~(whole >> UInt128(length))
        return packets(source, of: field, number(prefix.address), mask: mask)
    }

    /// Packets whose arriving `field` is one of these addresses.
    package func packets(_ field: PacketField, in range: AddressRange) -> PacketSet {
        guard range.first.version == version else { return .none }
        return packets(field, from: number(range.first), through: number(range.last))
    }

    package func number(_ address: IPAddress) -> UInt128 { UInt128(address.high) << 64 | UInt128(address.low) }

    package func address(_ number: UInt128) -> IPAddress {
        IPAddress(version, high: UInt64(truncatingIfNeeded: number >> 64), low: UInt64(truncatingIfNeeded: number))
    }
}
