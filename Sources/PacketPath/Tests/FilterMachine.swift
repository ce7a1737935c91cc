internal import NetTypes
internal import RuleModel

/// Runs a classic BPF program on what is known of a packet.
///
/// Source: Documentation/networking/filter.rst, net/core/filter.c. Jumps only go forward, so a run ends.
struct FilterMachine {
    private let program: [BPFMatch.Instruction]
    private let image: PacketImage
    /// Instructions that may still be run, over all ways of branches that are not known.
    private var budget = 1024

    private struct Registers {
        var accumulator = PartialWord(0)
        var index = PartialWord(0)
        var memory = [PartialWord](repeating: PartialWord(0), count: 16)
    }

    init(_ program: [BPFMatch.Instruction], _ image: PacketImage) {
        self.program = program
        self.image = image
    }

    /// Whether the program returns anything but 0; `nil` where that can't be told.
    mutating func run() -> Bool? { run(from: 0, Registers()) }

    private mutating func run(from start: Int, _ registers: Registers) -> Bool? {
        var registers = registers
        var position = start
        while program.indices.contains(position), budget > 0 {
            budget -= 1
            let instruction = program[position]
            position += 1
            switch instruction.code & 0x07 {
            case 0x00, 0x01:
                switch load(instruction, registers) {
                case nil: return nil
                case .outside?: return false
                case .word(let word)?:
                    if instruction.code & 0x07 == 0 { registers.accumulator = word } else { registers.index = word }
                }
            case 0x02, 0x03:
                let isIndex = instruction.code & 0x07 == 3
                guard instruction.constant < 16 else { return nil }
                registers.memory[Int(instruction.constant)] = isIndex ? registers.index : registers.accumulator
            case 0x04:
                let operand = operand(instruction, registers)
                guard let result = calculate(instruction.code & 0xf0, registers.accumulator, operand) else {
                    // Division by 0 ends the program with 0.
                    return false
                }
                registers.accumulator = result
            case 0x05:
                if instruction.code & 0xf0 == 0 {
                    position += Int(instruction.constant)
                    continue
                }
                let ifTrue = position + Int(instruction.jumpTrue)
                let ifFalse = position + Int(instruction.jumpFalse)
                let operand = operand(instruction, registers)
                switch compare(instruction.code & 0xf0, registers.accumulator, operand) {
                case true?: position = ifTrue
                case false?: position = ifFalse
                case nil:
                    guard let a = run(from: ifTrue, registers), let b = run(from: ifFalse, registers), a == b else {
                        return nil
                    }
                    return a
                }
            case 0x06:
                let result = instruction.code & 0x18 == 0x10 ? registers.accumulator : PartialWord(instruction.constant)
                if result.value != 0 { return true }
                return result.exact == nil ? nil : false
            default:
                if instruction.code & 0xf8 == 0x80 {
                    registers.accumulator = registers.index
                } else {
                    registers.index = registers.accumulator
                }
            }
        }
        return nil
    }

    private func operand(_ instruction: BPFMatch.Instruction, _ registers: Registers) -> PartialWord {
        instruction.code & 0x08 == 0 ? PartialWord(instruction.constant) : registers.index
    }

    /// `nil`: it is not known whether the packet reaches that far.
    private func load(_ instruction: BPFMatch.Instruction, _ registers: Registers) -> PacketImage.Load? {
        let size: UInt32 =
            switch instruction.code & 0x18 {
            case 0x00: 4
            case 0x08: 2
            default: 1
            }
        switch instruction.code & 0xe0 {
        case 0x00: return .word(PartialWord(instruction.constant))
        case 0x20: return load(at: instruction.constant, size)
        case 0x40:
            guard let index = registers.index.exact else { return nil }
            return load(at: index &+ instruction.constant, size)
        case 0x60:
            return instruction.constant < 16 ? .word(registers.memory[Int(instruction.constant)]) : nil
        case 0x80: return .word(image.length.map { PartialWord($0) } ?? .unknown)
        case 0xa0:
            // Four times the low half of a byte: the length of an IPv4 header.
            guard let found = load(at: instruction.constant, 1) else { return nil }
            guard case .word(let byte) = found else { return .outside }
            return .word((byte & PartialWord(0x0f)) << 2)
        default: return nil
        }
    }

    private func load(at offset: UInt32, _ size: UInt32) -> PacketImage.Load? {
        // Offsets from -0x100000 count from the IP header too; others that are negative ask the kernel (`SKF_AD_OFF`).
        if offset < 0x8000_0000 { return image.load(offset, size) }
        if offset >= 0xfff0_0000, offset < 0xffff_f000 { return image.load(offset &- 0xfff0_0000, size) }
        return .word(.unknown)
    }

    private func calculate(_ operation: UInt16, _ a: PartialWord, _ b: PartialWord) -> PartialWord? {
        switch operation {
        case 0x40: return a | b
        case 0x50: return a & b
        case 0xa0: return a ^ b
        default: break
        }
        if operation == 0x30 || operation == 0x90, b.exact == 0 { return nil }
        if operation == 0x60 || operation == 0x70 {
            guard let count = b.exact, count < 32 else { return .unknown }
            return operation == 0x60 ? a << count : a >> count
        }
        guard let left = a.exact, let right = operation == 0x80 ? 0 : b.exact else { return .unknown }
        switch operation {
        case 0x00: return PartialWord(left &+ right)
        case 0x10: return PartialWord(left &- right)
        case 0x20: return PartialWord(left &* right)
        case 0x30: return PartialWord(left / right)
        case 0x80: return PartialWord(0 &- left)
        case 0x90: return PartialWord(left % right)
        default: return .unknown
        }
    }

    private func compare(_ operation: UInt16, _ a: PartialWord, _ b: PartialWord) -> Bool? {
        switch operation {
        case 0x10:
            let both = a.known & b.known
            if (a.value ^ b.value) & both != 0 { return false }
            return both == .max ? true : nil
        case 0x20:
            if a.value > b.highest { return true }
            return a.highest <= b.value ? false : nil
        case 0x30:
            if a.value >= b.highest { return true }
            return a.highest < b.value ? false : nil
        case 0x40:
            let common = a & b
            if common.value != 0 { return true }
            return common.exact == nil ? nil : false
        default: return nil
        }
    }
}
