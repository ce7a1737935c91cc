internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import RuleModel
internal import SourceText

/// One whole way of a packet: the steps of all enclosing traces and its own, with the end.
struct Way {
    /// The packet as it began.
    let packet: Packet
    let steps: [Step]
    let trace: Trace
    /// Assumptions of the whole way.
    let assumptions: [Assumption]
    /// Those that set this way apart from others.
    let conditions: [Assumption]

    init(_ trace: Trace, packet: Packet) {
        self.init(packet: packet, steps: trace.steps, trace: trace, assumptions: trace.assumptions, conditions: [])
    }

    private init(
        packet: Packet, steps: [Step], trace: Trace, assumptions: [Assumption], conditions: [Assumption]
    ) {
        self.packet = packet
        self.steps = steps
        self.trace = trace
        self.assumptions = assumptions
        self.conditions = conditions
    }

    /// The way on into `branch`.
    func into(_ branch: Trace.Branch) -> Way {
        Way(
            packet: packet, steps: steps + branch.trace.steps, trace: branch.trace,
            assumptions: assumptions + branch.assumptions + branch.trace.assumptions,
            conditions: conditions + branch.assumptions)
    }

    /// How many of the steps are told by enclosing traces.
    var commonCount: Int { steps.count - trace.steps.count }

    /// Every end below here, in order.
    var leaves: [Way] {
        if trace.branches.isEmpty { return [self] }
        return trace.branches.flatMap { into($0).leaves }
    }

    /// The interface of the tunnel that the packet itself went into, if any.
    var tunnel: Symbol? {
        for step in steps {
            if case .encapsulation(let interface) = step.kind { return interface }
        }
        return nil
    }

    /// The packet itself as it last was: inside the outer one of a tunnel.
    var lastOwn: Packet? { trace.last.map { trace.inner.first ?? $0.packet } }

    /// The packet that the answer is about: inside the one that came, where that came by a tunnel and was unpacked.
    var ownPacket: Packet {
        guard let first = steps.first, first.layer > 0 else { return packet }
        return steps.first { $0.layer == 0 }?.view.packet ?? packet
    }

    /// The steps of jumps that led to the rule at `index`, outermost first.
    func jumps(to index: Int) -> [Int] {
        guard case .rule(let rule) = steps[index].kind else { return [] }
        var chain = rule.rule.chain
        var found: [Int] = []
        for position in stride(from: index - 1, through: 0, by: -1) {
            switch steps[position].kind {
            case .rule(let jump):
                guard jump.target == chain, jump.verdict == .jump || jump.verdict == .goto else { continue }
                found.append(position)
                chain = jump.rule.chain
            case .miss, .policy: continue
            default: return found.reversed()
            }
        }
        return found.reversed()
    }
}

/// A rule that set bits of a mark that a later rule asked for.
struct MarkSource: Hashable {
    /// Index of the step that set them.
    let step: Int
    let field: Change.Field
    /// The bits of the mark that were asked for and that this step set.
    let bits: UInt32
}

extension Way {
    /// Which rules set the bits of marks that the rule at `index`, the rules before it in its chain, and those that led
    /// there asked for. Only bits that are set when they are asked count: a test for none has no maker.
    func markSources(for index: Int, _ linked: LinkedRuleset) -> [MarkSource] {
        guard case .rule(let asked) = steps[index].kind else { return [] }
        var sources: [MarkSource] = []
        var chain = asked.rule.chain
        var below = asked.rule.index
        // The next known step of this chain: rules that were asked and did not match were asked before it.
        var next = index
        tested(linked.rule(asked.rule), before: index, &sources)
        walk: for position in stride(from: index - 1, through: 0, by: -1) {
            switch steps[position].kind {
            case .rule(let step):
                if step.rule.chain == chain, step.rule.index < below {
                    takeRules(step.rule.index + 1..<below, of: chain, before: next, linked, &sources)
                    tested(linked.rule(step.rule), before: position, &sources)
                } else if step.target == chain, step.verdict == .jump || step.verdict == .goto {
                    takeRules(0..<below, of: chain, before: next, linked, &sources)
                    tested(linked.rule(step.rule), before: position, &sources)
                    chain = step.rule.chain
                } else {
                    continue
                }
                below = step.rule.index
                next = position
            case .miss, .policy: continue
            default: break walk
            }
        }
        takeRules(0..<below, of: chain, before: next, linked, &sources)
        return sources
    }

    /// Long chains are asked by others than marks; looking back over so many rules is enough.
    private static var rulesLookedAt: Int { 64 }

    private func takeRules(
        _ range: Range<Int>, of chain: ChainID, before index: Int, _ linked: LinkedRuleset,
        _ sources: inout [MarkSource]
    ) {
        let rules = linked.chain(chain).rules
        for rule in range.suffix(Way.rulesLookedAt) where rule < rules.count {
            tested(rules[rule], before: index, &sources)
        }
    }

    /// Looks for who set the bits that `rule` tests, among the steps before `index`.
    private func tested(_ rule: Rule, before index: Int, _ sources: inout [MarkSource]) {
        for statement in rule.statements {
            guard case .match(let match) = statement else { continue }
            switch match {
            case .mark(let word): findSource(.mark, word.value.mask, before: index, &sources)
            case .connectionMark(let word): findSource(.connectionMark, word.value.mask, before: index, &sources)
            default: continue
            }
        }
    }

    private func findSource(
        _ field: Change.Field, _ mask: UInt32, before index: Int, _ sources: inout [MarkSource]
    ) {
        for position in stride(from: index - 1, through: 0, by: -1) {
            guard case .rule(let step) = steps[position].kind else { continue }
            for change in step.changes where change.field == field {
                guard case .number(let before) = change.before, case .number(let after) = change.after else { continue }
                let touched = (before ^ after) & mask
                if touched == 0 { continue }
                // The last change of the bits counts; where it cleared them, nobody set what was asked.
                let set = touched & after
                if set == 0 { return }
                let source = MarkSource(step: position, field: field, bits: set)
                if !sources.contains(where: { $0.step == source.step && $0.field == field }) { sources.append(source) }
                return
            }
        }
    }
}
