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
            case .bits(let bits): result = space.either(result, next(NativeWord.fitted(bits, 32), one.packets))
            case .choices, .unknown: result = space.either(result, Ternary(yes: .none, maybe: one.packets))
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
        for range in test.ranges { result = space.either(result, inside(bits, range.first.word, range.last.word)) }
        return within(packets, result)
    }

    // MARK: bpf

    private struct FilterRegisters {
        var accumulator = UInt32(0).word
        var index = UInt32(0).word
        var memory = [[Bit?]](repeating: UInt32(0).word, count: 16)

        subscript(register: BPFMatch.Instruction.Register) -> [Bit?] {
            get { register == .accumulator ? accumulator : index }
            set { if register == .accumulator { accumulator = newValue } else { index = newValue } }
        }
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
            switch instruction.operation {
            case .load(let source, let register):
                switch load(source, instruction.constant, registers, asked) {
                case nil: return open
                case .word(let word): registers[register] = word
                case .bytes(let offset, let size):
                    return loaded(offset, Int(size), packets, asked) { word, own in
                        var next = registers
                        next[register] = source == .headerLength ? headerLength(word) : word
                        return run(program, from: position, next, own, asked, &budget)
                    }
                }
            case .store(let register):
                guard instruction.constant < 16 else { return open }
                registers.memory[Int(instruction.constant)] = registers[register]
            case .calculate(let arithmetic, let operand):
                let right = value(operand, instruction, registers)
                // Division by 0 ends the program with 0.
                guard let result = calculate(arithmetic, registers.accumulator, right) else { return .never }
                registers.accumulator = result
            case .jump: position += Int(instruction.constant)
            case .branch(let comparison, let operand):
                let right = value(operand, instruction, registers)
                let holds = within(packets, compare(comparison, registers.accumulator, right))
                let fails = space.subtract(packets, space.or(holds.yes, holds.maybe))
                let (ifTrue, ifFalse) = (
                    position + Int(instruction.jumpTrue), position + Int(instruction.jumpFalse)
                )
                func run(_ position: Int, _ own: PacketSet) -> Ternary {
                    own.isEmpty ? .never : self.run(program, from: position, registers, own, asked, &budget)
                }
                let result = space.either(run(ifTrue, holds.yes), run(ifFalse, fails))
                let (one, other) = (run(ifTrue, holds.maybe), run(ifFalse, holds.maybe))
                let yes = space.and(one.yes, other.yes)
                let some = space.union([one.yes, one.maybe, other.yes, other.maybe])
                return space.either(result, Ternary(yes: yes, maybe: space.subtract(some, yes)))
            case .end(let operand):
                let result = value(operand, instruction, registers)
                return within(packets, space.compare(result, hasOneOf: UInt32.max.bytes))
            case .move(into: .accumulator): registers.accumulator = registers.index
            case .move(into: .index): registers.index = registers.accumulator
            }
        }
        return open
    }

    private enum FilterLoad {
        case word([Bit?])
        case bytes(UInt32, size: UInt32)
    }

    private func value(
        _ operand: BPFMatch.Instruction.Operand, _ instruction: BPFMatch.Instruction, _ registers: FilterRegisters
    ) -> [Bit?] {
        switch operand {
        case .constant: instruction.constant.word
        case .register(let register): registers[register]
        }
    }

    private func load(
        _ source: BPFMatch.Instruction.Source, _ constant: UInt32, _ registers: FilterRegisters, _ asked: Asked
    ) -> FilterLoad? {
        func bytes(_ offset: UInt32, _ size: UInt32) -> FilterLoad {
            BPFMatch.Instruction.place(offset).map { .bytes($0, size: size) } ?? .word(UInt32.unknownWord)
        }
        switch source {
        case .constant: return .word(constant.word)
        case .packet(let size): return bytes(constant, size)
        case .behindIndex(let size): return number(registers.index).map { bytes($0 &+ constant, size) }
        case .memory: return constant < 16 ? .word(registers.memory[Int(constant)]) : nil
        case .packetLength: return .word(NativeWord.fitted(word(asked.flow[.length], .length), 32))
        case .headerLength: return bytes(constant, 1)
        case .unknown: return nil
        }
    }

    /// Four times the low half of a byte.
    private func headerLength(_ word: [Bit?]) -> [Bit?] {
        UInt32(0).word.prefix(26) + word.suffix(4) + [.zero, .zero]
    }

    /// `nil`: a division by 0.
    private func calculate(
        _ arithmetic: BPFMatch.Instruction.Arithmetic, _ a: [Bit?], _ b: [Bit?]
    ) -> [Bit?]? {
        let right = number(b)
        switch arithmetic {
        case .or: return bits(a, b, absorbing: true)
        case .and: return bits(a, b, absorbing: false)
        case .exclusiveOr:
            return zip(a, b).map { one, other in
                if let constant = other?.constant { return constant ? one?.opposite : one }
                if let constant = one?.constant { return constant ? other?.opposite : other }
                return one != nil && one == other ? .zero : nil
            }
        case .divide, .remainder: if right == 0 { return nil }
        case .leftShift, .rightShift:
            guard let right, right < 32,
                case .bits(let result) = NativeWord.bits(a).shifted(
                    arithmetic == .leftShift ? Int(right) : -Int(right))
            else { return UInt32.unknownWord }
            return result
        case .add, .subtract, .multiply, .negate, .unknown: break
        }
        guard let left = number(a), let right = arithmetic == .negate ? 0 : right else { return UInt32.unknownWord }
        return arithmetic.result(left, right)?.word ?? UInt32.unknownWord
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

    private func compare(_ comparison: BPFMatch.Instruction.Comparison, _ a: [Bit?], _ b: [Bit?]) -> Ternary {
        switch comparison {
        case .equal: space.compare(a, isEqualTo: b)
        case .greater: space.compare(b, isBelow: a)
        case .greaterOrEqual: space.opposite(space.compare(a, isBelow: b))
        case .anyBit: space.compare(bits(a, b, absorbing: false), hasOneOf: UInt32.max.bytes)
        case .unknown: Ternary(yes: .none, maybe: .all)
        }
    }

    private func number(_ bits: [Bit?]) -> UInt32? {
        space.constant(bits)?.reduce(0) { $0 << 8 | UInt32($1) }
    }
}

extension UInt32 {
    fileprivate static var unknownWord: [Bit?] { [Bit?](repeating: nil, count: 32) }
    fileprivate var bytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> UInt32(24 - 8 * $0)) } }
    fileprivate var word: [Bit?] { NativeWord.bits(bytes) }
}
