internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

// Packets by programs over their bytes: what `Evaluator.testU32` and `FilterMachine` do with one packet's words is done
// here with words of bits that come from packets.
extension SetEvaluator {
    /// Source: net/netfilter/xt_u32.c.
    func packets(_ test: Negatable<U32Program>, _ match: Match, _ asked: Asked) -> PacketSet {
        var holds = Ternary(yes: .all, maybe: .none)
        for one in test.value.tests {
            holds = space.both(holds, loaded(one.start, 4, .all, asked) { run(one, from: 0, $0, at: 0, $1, asked) })
        }
        return settled(test.isNegated ? space.opposite(holds) : holds, match, asked)
    }

    /// Source: net/netfilter/xt_bpf.c.
    func packets(_ match: BPFMatch, _ whole: Match, _ asked: Asked) -> PacketSet {
        guard match.pinnedPath == .empty else { return ask(whole, asked) }
        var budget = 4096
        return settled(run(match.program, from: 0, FilterRegisters(), .all, asked, &budget), whole, asked)
    }

    /// What is too short for the pattern has it not. Source: net/netfilter/xt_string.c.
    func packets(_ match: StringMatch, _ whole: Match, _ asked: Asked) -> PacketSet {
        let end = Int(match.from) + match.pattern.value.count
        if end > Int(match.to) { return match.pattern.isNegated ? .all : .none }
        let short = end == 0 ? nil : space.packets(asked.flow[.length], of: .length, from: 0, through: UInt128(end - 1))
        let isShort = short ?? .none
        let open = open(space.subtract(asked.packets, isShort), whole, asked)
        return match.pattern.isNegated ? space.or(isShort, open) : space.subtract(open, isShort)
    }

    private func settled(_ test: Ternary, _ match: Match, _ asked: Asked) -> PacketSet {
        space.or(test.yes, open(space.and(test.maybe, asked.packets), match, asked))
    }

    private func joined(_ a: Ternary, _ b: Ternary) -> Ternary {
        Ternary(yes: space.or(a.yes, b.yes), maybe: space.or(a.maybe, b.maybe))
    }

    private func within(_ packets: PacketSet, _ test: Ternary) -> Ternary {
        Ternary(yes: space.and(packets, test.yes), maybe: space.and(packets, test.maybe))
    }

    /// What `next` says of the words of `size` bytes at `offset` of `packets`; nothing holds for those that end before.
    private func loaded(
        _ offset: UInt32, _ size: Int, _ packets: PacketSet, _ asked: Asked, _ next: ([Bit?], PacketSet) -> Ternary
    ) -> Ternary {
        var result = Ternary.never
        guard offset < 65536 else { return result }
        for one in cases(of: .network, Int(offset) * 8, size * 8, within: packets, asked) {
            switch one.word {
            case .absent: continue
            case .bits(let bits): result = joined(result, next(NativeWord.fitted(bits, 32), one.packets))
            case .choices, .unknown: result.maybe = space.or(result.maybe, one.packets)
            }
        }
        return result
    }

    // MARK: u32

    private func run(
        _ test: U32Program.Test, from first: Int, _ word: [Bit?], at base: UInt32, _ packets: PacketSet, _ asked: Asked
    ) -> Ternary {
        let open = Ternary(yes: .none, maybe: packets)
        var word = NativeWord.bits(word)
        for (index, step) in test.steps.enumerated().dropFirst(first) {
            switch step.operation {
            case .and: word = word.masked(step.value.bytes, [])
            case .leftShift:
                guard step.value < 32 else { return open }
                word = word.shifted(Int(step.value))
            case .rightShift:
                guard step.value < 32 else { return open }
                word = word.shifted(-Int(step.value))
            case .at:
                guard case .bits(let bits) = word, let exact = number(bits) else { return open }
                let (next, overflow) = base.addingReportingOverflow(exact)
                let (offset, isBeyond) = next.addingReportingOverflow(step.value)
                if overflow || isBeyond { return .never }
                return loaded(offset, 4, packets, asked) { run(test, from: index + 1, $0, at: next, $1, asked) }
            }
        }
        guard case .bits(let bits) = word else { return open }
        var result = Ternary.never
        for range in test.ranges {
            let isBelow = space.compare(bits, isBelow: range.first.word)
            let isAbove = space.compare(range.last.word, isBelow: bits)
            result = joined(result, space.both(space.opposite(isBelow), space.opposite(isAbove)))
        }
        result.maybe = space.subtract(result.maybe, result.yes)
        return within(packets, result)
    }

    // MARK: bpf

    private struct FilterRegisters {
        var accumulator = UInt32(0).word
        var index = UInt32(0).word
        var memory = [[Bit?]](repeating: UInt32(0).word, count: 16)
    }

    /// - Parameter budget: instructions that may still be run, over all ways.
    private func run(
        _ program: [BPFMatch.Instruction], from start: Int, _ registers: FilterRegisters, _ packets: PacketSet,
        _ asked: Asked, _ budget: inout Int
    ) -> Ternary {
        let open = Ternary(yes: .none, maybe: packets)
        var registers = registers
        var position = start
        while program.indices.contains(position), budget > 0 {
            budget -= 1
            let instruction = program[position]
            position += 1
            switch instruction.code & 0x07 {
            case 0x00, 0x01:
                let isIndex = instruction.code & 0x07 == 1
                let value: [Bit?]
                switch load(instruction, registers, asked) {
                case nil: return open
                case .word(let word): value = word
                case .bytes(let offset, let size):
                    return loaded(offset, size, packets, asked) { word, own in
                        var next = registers
                        let value = instruction.code & 0xe0 == 0xa0 ? headerLength(word) : word
                        if isIndex { next.index = value } else { next.accumulator = value }
                        return run(program, from: position, next, own, asked, &budget)
                    }
                }
                if isIndex { registers.index = value } else { registers.accumulator = value }
            case 0x02, 0x03:
                guard instruction.constant < 16 else { return open }
                registers.memory[Int(instruction.constant)] =
                    instruction.code & 0x07 == 3 ? registers.index : registers.accumulator
            case 0x04:
                let operand = operand(instruction, registers)
                // Division by 0 ends the program with 0.
                guard let result = calculate(instruction.code & 0xf0, registers.accumulator, operand) else {
                    return .never
                }
                registers.accumulator = result
            case 0x05:
                if instruction.code & 0xf0 == 0 {
                    position += Int(instruction.constant)
                    continue
                }
                let holds = within(packets, compare(instruction, registers))
                let fails = space.subtract(packets, space.or(holds.yes, holds.maybe))
                let (ifTrue, ifFalse) = (
                    position + Int(instruction.jumpTrue), position + Int(instruction.jumpFalse)
                )
                func run(_ position: Int, _ own: PacketSet) -> Ternary {
                    own.isEmpty ? .never : self.run(program, from: position, registers, own, asked, &budget)
                }
                let result = joined(run(ifTrue, holds.yes), run(ifFalse, fails))
                let (one, other) = (run(ifTrue, holds.maybe), run(ifFalse, holds.maybe))
                let yes = space.and(one.yes, other.yes)
                let some = space.union([one.yes, one.maybe, other.yes, other.maybe])
                return joined(result, Ternary(yes: yes, maybe: space.subtract(some, yes)))
            case 0x06:
                let result = instruction.code & 0x18 == 0x10 ? registers.accumulator : instruction.constant.word
                return within(packets, space.compare(result, hasOneOf: UInt32.max.bytes))
            default:
                if instruction.code & 0xf8 == 0x80 {
                    registers.accumulator = registers.index
                } else {
                    registers.index = registers.accumulator
                }
            }
        }
        return open
    }

    private enum FilterLoad {
        case word([Bit?])
        case bytes(UInt32, size: Int)
    }

    private func load(_ instruction: BPFMatch.Instruction, _ registers: FilterRegisters, _ asked: Asked) -> FilterLoad?
    {
        let size = instruction.code & 0x18 == 0 ? 4 : instruction.code & 0x18 == 0x08 ? 2 : 1
        func bytes(_ offset: UInt32, _ size: Int) -> FilterLoad {
            if offset < 0x8000_0000 { return .bytes(offset, size: size) }
            if offset >= 0xfff0_0000, offset < 0xffff_f000 { return .bytes(offset &- 0xfff0_0000, size: size) }
            return .word([Bit?](repeating: nil, count: 32))
        }
        switch instruction.code & 0xe0 {
        case 0x00: return .word(instruction.constant.word)
        case 0x20: return bytes(instruction.constant, size)
        case 0x40: return number(registers.index).map { bytes($0 &+ instruction.constant, size) }
        case 0x60: return instruction.constant < 16 ? .word(registers.memory[Int(instruction.constant)]) : nil
        case 0x80: return .word(NativeWord.fitted(word(asked.flow[.length], .length), 32))
        case 0xa0: return bytes(instruction.constant, 1)
        default: return nil
        }
    }

    /// Four times the low half of a byte.
    private func headerLength(_ word: [Bit?]) -> [Bit?] {
        UInt32(0).word.prefix(26) + word.suffix(4) + [.zero, .zero]
    }

    private func operand(_ instruction: BPFMatch.Instruction, _ registers: FilterRegisters) -> [Bit?] {
        instruction.code & 0x08 == 0 ? instruction.constant.word : registers.index
    }

    /// `nil`: a division by 0.
    private func calculate(_ operation: UInt16, _ a: [Bit?], _ b: [Bit?]) -> [Bit?]? {
        let unknown = [Bit?](repeating: nil, count: 32)
        switch operation {
        case 0x40: return bits(a, b, absorbing: true)
        case 0x50: return bits(a, b, absorbing: false)
        case 0xa0:
            return zip(a, b).map { one, other in
                if let constant = other?.constant { return constant ? one?.opposite : one }
                if let constant = one?.constant { return constant ? other?.opposite : other }
                return one != nil && one == other ? .zero : nil
            }
        default: break
        }
        let right = number(b)
        if operation == 0x30 || operation == 0x90, right == 0 { return nil }
        if operation == 0x60 || operation == 0x70 {
            guard let right, right < 32 else { return unknown }
            guard case .bits(let result) = NativeWord.bits(a).shifted(operation == 0x60 ? Int(right) : -Int(right))
            else {
                return unknown
            }
            return result
        }
        guard let left = number(a), let right = operation == 0x80 ? 0 : right else { return unknown }
        switch operation {
        case 0x00: return (left &+ right).word
        case 0x10: return (left &- right).word
        case 0x20: return (left &* right).word
        case 0x30: return (left / right).word
        case 0x80: return (0 &- left).word
        case 0x90: return (left % right).word
        default: return unknown
        }
    }

    /// `a | b`, where a 1 absorbs, or `a & b`, where a 0 does.
    private func bits(_ a: [Bit?], _ b: [Bit?], absorbing: Bool) -> [Bit?] {
        zip(a, b).map { one, other in
            if one?.constant == absorbing || other?.constant == absorbing { return Bit(absorbing) }
            if one?.constant != nil { return other }
            if other?.constant != nil { return one }
            return one != nil && one == other ? one : nil
        }
    }

    private func compare(_ instruction: BPFMatch.Instruction, _ registers: FilterRegisters) -> Ternary {
        let (a, b) = (registers.accumulator, operand(instruction, registers))
        switch instruction.code & 0xf0 {
        case 0x10: return space.compare(a, isEqualTo: b)
        case 0x20: return space.compare(b, isBelow: a)
        case 0x30: return space.opposite(space.compare(a, isBelow: b))
        case 0x40: return space.compare(bits(a, b, absorbing: false), hasOneOf: UInt32.max.bytes)
        default: return Ternary(yes: .none, maybe: .all)
        }
    }

    private func number(_ bits: [Bit?]) -> UInt32? {
        var number: UInt32 = 0
        for bit in bits {
            guard let constant = bit?.constant else { return nil }
            number = number << 1 | (constant ? 1 : 0)
        }
        return number
    }
}

extension UInt32 {
    fileprivate var bytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> UInt32(24 - 8 * $0)) } }
    fileprivate var word: [Bit?] { NativeWord.bits(bytes) }
}
