// Fields as words of bits of which each comes from somewhere.
extension PacketSpace {
    /// `(word & keeping) ^ xor`.
    func written(_ source: FieldSource, of field: PacketField, keeping: UInt128, xor: UInt128) -> FieldSource {
        let width = bits(field)
        let whole: UInt128 = width >= 128 ? .max : (1 << UInt128(width)) - 1
        if keeping & whole == 0 { return .constant(xor & whole) }
        switch source {
        case .constant(let value): return .constant((value & keeping ^ xor) & whole)
        case .lowered, .unknown, .various: return .unknown
        case .arriving, .bits:
            guard let bits = bits(source, of: field) else { return .unknown }
            return simplified(
                bits.enumerated().map { index, bit in
                    let place = UInt128(width - 1 - index)
                    let own = keeping >> place & 1 == 1 ? bit : .zero
                    return xor >> place & 1 == 1 ? own.opposite : own
                }, of: field)
        }
    }

    func masked(_ source: FieldSource, of field: PacketField, _ mask: UInt128) -> FieldSource {
        written(source, of: field, keeping: mask, xor: 0)
    }

    /// By so many bits to the left; negative: to the right.
    func shifted(_ source: FieldSource, of field: PacketField, by count: Int) -> FieldSource {
        if count == 0 { return source }
        guard let bits = bits(source, of: field) else { return .unknown }
        let width = bits.count
        let places = (0..<width).map { index in
            let from = index + count
            return from >= 0 && from < width ? bits[from] : Bit.zero
        }
        return simplified(places, of: nil)
    }

    /// `a ^ b` of which at every place one is a constant; unknown where it is not.
    func combined(_ a: FieldSource, _ b: FieldSource, of field: PacketField) -> FieldSource {
        guard let left = bits(a, of: field), let right = bits(b, of: field), left.count == right.count else {
            return .unknown
        }
        var result: [Bit] = []
        for (one, other) in zip(left, right) {
            if let constant = other.constant {
                result.append(constant ? one.opposite : one)
            } else if let constant = one.constant {
                result.append(constant ? other.opposite : other)
            } else if one == other {
                result.append(.zero)
            } else if one == other.opposite {
                result.append(.one)
            } else {
                return .unknown
            }
        }
        return simplified(result, of: field)
    }

    /// The shortest way to say it, so that equal words are equal values.
    func simplified(_ bits: [Bit], of field: PacketField?) -> FieldSource {
        var value: UInt128 = 0
        var isConstant = true
        for bit in bits {
            guard let constant = bit.constant else {
                isConstant = false
                break
            }
            value = value << 1 | (constant ? 1 : 0)
        }
        if isConstant { return .constant(value) }
        if let field, let levels = levels(field), levels.count == bits.count,
            zip(levels, bits).allSatisfy({ Bit(level: $0) == $1 })
        {
            return .arriving
        }
        return .bits(bits)
    }
}
