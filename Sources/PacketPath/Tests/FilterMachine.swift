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

        subscript(register: BPFMatch.Instruction.Register) -> PartialWord {
            get { register == .accumulator ? accumulator : index }
            set { if register == .accumulator { accumulator = newValue } else { index = newValue } }
        }
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
            switch instruction.operation {
            case .load(let source, let register):
                switch load(source, instruction.constant, registers) {
                case nil: return nil
                case .outside?: return false
                case .word(let word)?: registers[register] = word
                }
            case .store(let register):
                guard instruction.constant < 16 else { return nil }
                registers.memory[Int(instruction.constant)] = registers[register]
            case .calculate(let arithmetic, let operand):
                let right = value(operand, instruction, registers)
                guard let result = calculate(arithmetic, registers.accumulator, right) else {
                    // Division by 0 ends the program with 0.
                    return false
                }
                registers.accumulator = result
            case .jump: position += Int(instruction.constant)
            case .branch(let comparison, let operand):
                let ifTrue = position + Int(instruction.jumpTrue)
                let ifFalse = position + Int(instruction.jumpFalse)
                switch compare(comparison, registers.accumulator, value(operand, instruction, registers)) {
                case true?: position = ifTrue
                case false?: position = ifFalse
                case nil:
                    guard let a = run(from: ifTrue, registers), let b = run(from: ifFalse, registers), a == b else {
                        return nil
                    }
                    return a
                }
            case .end(let operand):
                let result = value(operand, instruction, registers)
                if result.value != 0 { return true }
                return result.exact == nil ? nil : false
            case .move(into: .accumulator): registers.accumulator = registers.index
            case .move(into: .index): registers.index = registers.accumulator
            }
        }
        return nil
    }

    private func value(
        _ operand: BPFMatch.Instruction.Operand, _ instruction: BPFMatch.Instruction, _ registers: Registers
    ) -> PartialWord {
        switch operand {
        case .constant: PartialWord(instruction.constant)
        case .register(let register): registers[register]
        }
    }

    /// `nil`: it is not known whether the packet reaches that far.
    private func load(_ source: BPFMatch.Instruction.Source, _ constant: UInt32, _ registers: Registers)
        -> PacketImage.Load?
    {
        switch source {
        case .constant: return .word(PartialWord(constant))
        case .packet(let size): return load(at: constant, size)
        case .behindIndex(let size):
            guard let index = registers.index.exact else { return nil }
            return load(at: index &+ constant, size)
        case .memory: return constant < 16 ? .word(registers.memory[Int(constant)]) : nil
        case .packetLength: return .word(image.length.map { PartialWord($0) } ?? .unknown)
        case .headerLength:
            guard let found = load(at: constant, 1) else { return nil }
            guard case .word(let byte) = found else { return .outside }
            return .word((byte & PartialWord(0x0f)) << 2)
        case .unknown: return nil
        }
    }

    private func load(at offset: UInt32, _ size: UInt32) -> PacketImage.Load? {
        guard let place = BPFMatch.Instruction.place(offset) else { return .word(.unknown) }
        return image.load(place, size)
    }

    /// `nil`: a division by 0.
    private func calculate(
        _ arithmetic: BPFMatch.Instruction.Arithmetic, _ a: PartialWord, _ b: PartialWord
    ) -> PartialWord? {
        switch arithmetic {
        case .or: return a | b
        case .and: return a & b
        case .exclusiveOr: return a ^ b
        case .divide, .remainder: if b.exact == 0 { return nil }
        case .leftShift, .rightShift:
            guard let count = b.exact, count < 32 else { return .unknown }
            return arithmetic == .leftShift ? a << count : a >> count
        case .add, .subtract, .multiply, .negate, .unknown: break
        }
        guard let left = a.exact, let right = arithmetic == .negate ? 0 : b.exact else { return .unknown }
        return arithmetic.result(left, right).map { PartialWord($0) } ?? .unknown
    }

    private func compare(_ comparison: BPFMatch.Instruction.Comparison, _ a: PartialWord, _ b: PartialWord) -> Bool? {
        switch comparison {
        case .equal:
            let both = a.known & b.known
            if (a.value ^ b.value) & both != 0 { return false }
            return both == .max ? true : nil
        case .greater:
            if a.value > b.highest { return true }
            return a.highest <= b.value ? false : nil
        case .greaterOrEqual:
            if a.value >= b.highest { return true }
            return a.highest < b.value ? false : nil
        case .anyBit:
            let common = a & b
            if common.value != 0 { return true }
            return common.exact == nil ? nil : false
        case .unknown: return nil
        }
    }
}
