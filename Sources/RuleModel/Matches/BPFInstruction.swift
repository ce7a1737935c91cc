/// What instructions of a classic program do. Source: include/uapi/linux/bpf_common.h, filter.h, Linux 6.18.
extension BPFMatch.Instruction {
    public enum Operation: Hashable, Sendable {
        case load(Source, into: Register)
        case store(Register)
        case calculate(Arithmetic, Operand)
        case jump
        case branch(Comparison, Operand)
        case end(Operand)
        /// From the other register.
        case move(into: Register)
    }

    public enum Register: Hashable, Sendable { case accumulator, index }

    /// What an instruction takes beside the accumulator: `constant`, or the register.
    public enum Operand: Hashable, Sendable { case constant, register(Register) }

    /// Where a load takes its value from. Sizes are in bytes; offsets are `constant`.
    public enum Source: Hashable, Sendable {
        case constant
        case packet(size: UInt32)
        /// With the index register added to the offset.
        case behindIndex(size: UInt32)
        case memory
        case packetLength
        /// Four times the low half of a byte: the length of an IPv4 header.
        case headerLength
        case unknown
    }

    public enum Arithmetic: Hashable, Sendable {
        case add, subtract, multiply, divide, remainder, negate, or, and, exclusiveOr, leftShift, rightShift, unknown
    }

    public enum Comparison: Hashable, Sendable { case equal, greater, greaterOrEqual, anyBit, unknown }

    public var operation: Operation {
        switch code & 0x07 {
        case 0x00: .load(source, into: .accumulator)
        case 0x01: .load(source, into: .index)
        case 0x02: .store(.accumulator)
        case 0x03: .store(.index)
        case 0x04: .calculate(arithmetic, operand)
        case 0x05: code & 0xf0 == 0 ? .jump : .branch(comparison, operand)
        case 0x06: .end(code & 0x18 == 0x10 ? .register(.accumulator) : .constant)
        default: .move(into: code & 0xf8 == 0x80 ? .accumulator : .index)
        }
    }

    /// The offset in the packet that a load from `offset` means: those from -0x100000 on count from the IP header, too.
    /// `nil` for others that are negative, which ask the kernel (`SKF_AD_OFF`).
    public static func place(_ offset: UInt32) -> UInt32? {
        if offset < 0x8000_0000 { return offset }
        return offset >= 0xfff0_0000 && offset < 0xffff_f000 ? offset - 0xfff0_0000 : nil
    }

    private var operand: Operand { code & 0x08 == 0 ? .constant : .register(.index) }

    private var source: Source {
        let size: UInt32 =
            switch code & 0x18 {
            case 0x00: 4
            case 0x08: 2
            default: 1
            }
        return switch code & 0xe0 {
        case 0x00: .constant
        case 0x20: .packet(size: size)
        case 0x40: .behindIndex(size: size)
        case 0x60: .memory
        case 0x80: .packetLength
        case 0xa0: .headerLength
        default: .unknown
        }
    }

    private var arithmetic: Arithmetic {
        switch code & 0xf0 {
        case 0x00: .add
        case 0x10: .subtract
        case 0x20: .multiply
        case 0x30: .divide
        case 0x40: .or
        case 0x50: .and
        case 0x60: .leftShift
        case 0x70: .rightShift
        case 0x80: .negate
        case 0x90: .remainder
        case 0xa0: .exclusiveOr
        default: .unknown
        }
    }

    private var comparison: Comparison {
        switch code & 0xf0 {
        case 0x10: .equal
        case 0x20: .greater
        case 0x30: .greaterOrEqual
        case 0x40: .anyBit
        default: .unknown
        }
    }
}

extension BPFMatch.Instruction.Arithmetic {
    /// What it makes of two numbers; `nil` for what is not known. A division by 0 is the caller's to end the program for.
    package func result(_ left: UInt32, _ right: UInt32) -> UInt32? {
        switch self {
        case .add: left &+ right
        case .subtract: left &- right
        case .multiply: left &* right
        case .divide: right == 0 ? nil : left / right
        case .remainder: right == 0 ? nil : left % right
        case .negate: 0 &- left
        case .or: left | right
        case .and: left & right
        case .exclusiveOr: left ^ right
        case .leftShift: right < 32 ? left << right : nil
        case .rightShift: right < 32 ? left >> right : nil
        case .unknown: nil
        }
    }
}
