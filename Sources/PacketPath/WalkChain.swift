internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// How a way through a chain ended.
enum ChainVerdict: Hashable, Sendable {
    /// The end of the chain, or RETURN.
    case returned
    case accept
    case drop
    case reject(RejectWith)
    case queue
    /// The packet leaves at once, by the device of its route.
    case sentOut
    /// A queue that no program reads has let it by: the hook goes on behind this step, which a nat step can tell from
    /// `accept`. Source: net/netfilter/core.c `nf_hook_slow`.
    case passedBy
    /// A jump back into a chain that the way is in, which the kernel would not have loaded.
    case loop
    /// More ways than are followed; what becomes of this one is not told.
    case tooMany
}

/// One way out of a chain.
struct ChainEnd: Sendable {
    var state: WalkState
    var verdict: ChainVerdict
}

/// A way from a rule into another chain.
struct ChainCall: Sendable {
    var chain: ChainID
    /// What returns from the chain then returns from the calling one, too.
    var isGoto: Bool
}

/// A chain that is being walked, by the ways that are in it.
struct ChainFrame: Sendable {
    let call: ChainCall
    /// The rule that ways stand before.
    var index = 0
    /// Ways that stand before the rule; the next to be tested is the last.
    var waiting: [WalkState]
    /// Ways that are in the rule and go on with one of its statements.
    var inside: [RuleWay] = []
    /// Ways that have the rule behind them.
    var passed: [WalkState] = []
    var ends: [ChainEnd] = []
    /// Whether the rule did more than let every way pass.
    var isChanged = false
    /// The look-ups of ways that go through the chain, in the order in which they wait.
    var searches: [RuleSearch] = []

    init(_ call: ChainCall, _ entering: WalkState) {
        self.call = call
        waiting = [entering]
    }
}

extension Evaluator {
    /// Takes `entering` through the rules of `chain` and returns every way out, joined where nothing differs.
    ///
    /// Jumps are followed to any depth with a stack of its own, as x_tables does, whose jump stack is as deep as there
    /// are user chains. Source: net/ipv4/netfilter/ip_tables.c `ipt_do_table`; net/netfilter/x_tables.c
    /// `xt_jumpstack_alloc`. nf_tables takes no rule set in which more than 16 jumps lead into one another: net/netfilter/
    /// nf_tables_api.c `nft_chain_validate`, `NFT_JUMP_STACK_SIZE`.
    func walk(_ chain: ChainID, _ entering: __owned WalkState) -> [ChainEnd] {
        var stack = [ChainFrame(ChainCall(chain: chain, isGoto: false), consume entering)]
        while true {
            let top = stack.count - 1
            if let (call, state) = advance(&stack[top]) {
                let isTooDeep =
                    stack.count > 16 && !call.isGoto && stack.count { !$0.call.isGoto } > 16
                    && model.linked.table(of: chain).backend == .nfTables
                if !isTooDeep, !stack.contains(where: { $0.call.chain == call.chain }) {
                    stack.append(ChainFrame(call, state))
                } else {
                    stack[top].ends.append(ChainEnd(state: state, verdict: .loop))
                }
                continue
            }
            let done = stack.removeLast()
            let ends = done.ends.count > 1 ? joined(done.ends) : done.ends
            if top == 0 { return ends }
            for end in ends {
                if end.verdict == .returned, !done.call.isGoto {
                    stack[top - 1].passed.append(end.state)
                } else {
                    stack[top - 1].ends.append(end)
                }
            }
        }
    }

    /// Takes the ways of `frame` on until one enters another chain, or until all have left this one.
    private func advance(_ frame: inout ChainFrame) -> (ChainCall, WalkState)? {
        let chain = frame.call.chain
        let rules = model.linked.rules(of: chain)
        while true {
            if frame.passed.isEmpty, !frame.isChanged { skip(&frame, rules.count) }
            guard frame.index < rules.count else { break }
            let reference = RuleReference(chain: chain, index: frame.index)
            // Taken out of the frame, so that its history is changed in place and not copied.
            while var way = frame.inside.popLast() ?? frame.waiting.popLast().map({ RuleWay($0) }) {
                let before = (frame.passed.count, way.state.history.steps.count)
                if let (call, state) = apply(rules[frame.index], reference, to: &way, &frame) {
                    frame.isChanged = true
                    return (call, state)
                }
                frame.isChanged =
                    frame.isChanged || !frame.inside.isEmpty || frame.passed.count != before.0 + 1
                    || frame.passed[before.0].history.steps.count != before.1
                bound(&frame)
            }
            if frame.isChanged, frame.passed.count > 1 { frame.passed = joined(frame.passed) }
            frame.isChanged = false
            bound(&frame.passed, &frame.ends)
            frame.index += 1
            // Nobody waits any more: the two lists change their parts and keep their room.
            swap(&frame.waiting, &frame.passed)
            if frame.waiting.isEmpty { return nil }
            if frame.waiting.count > 1 { frame.waiting.reverse() }
        }
        while let state = frame.waiting.popLast() { frame.ends.append(ChainEnd(state: state, verdict: .returned)) }
        return nil
    }

    /// Passes over rules that no way can match.
    private func skip(_ frame: inout ChainFrame, _ count: Int) {
        var next = count
        for place in frame.waiting.indices {
            guard let key = key(of: frame.waiting[place]) else { return }
            next = firstCandidate(key, place, &frame, before: next)
            if next == frame.index { return }
        }
        frame.index = next
    }

    /// The first rule from the frame's on that a way with this key may match; `end` where there is none before.
    ///
    /// - Parameter place: the way's among those that wait, by which its look-up is kept.
    private func firstCandidate(_ key: PacketKey, _ place: Int, _ frame: inout ChainFrame, before end: Int) -> Int {
        let prefilters = model.compiled.rules
        let first = model.compiled.firstRule[frame.call.chain.index]
        var next = frame.index
        guard end - next >= RuleIndex.leastRules, let index = model.compiled.index(of: frame.call.chain) else {
            while next < end, !prefilters[first + next].mayMatch(key) { next += 1 }
            return next
        }
        while frame.searches.count <= place { frame.searches.append(RuleSearch(index, key, from: next)) }
        // A rule before may have changed what is looked up.
        if frame.searches[place].key != key { frame.searches[place] = RuleSearch(index, key, from: next) }
        while let candidate = frame.searches[place].next(from: next), candidate < end {
            if prefilters[first + candidate].mayMatch(key) { return candidate }
            next = candidate + 1
        }
        return end
    }

    /// Ends the ways that are in a rule, if there are too many of them, in one that tells so.
    private func bound(_ frame: inout ChainFrame) {
        let limit = max(request.maximumLeaves, 2)
        guard frame.inside.count > limit else { return }
        let rest = frame.inside.dropLast(limit - 1).map { $0.state }
        frame.inside.removeFirst(frame.inside.count - (limit - 1))
        frame.ends += gathered(rest).map { ChainEnd(state: $0, verdict: .tooMany) }
    }

    /// Ends the ways beyond `request.maximumLeaves` in one that tells so.
    private func bound(_ live: inout [WalkState], _ ends: inout [ChainEnd]) {
        let limit = max(request.maximumLeaves, 2)
        if ends.count > limit {
            ends = joined(ends)
            if ends.count > limit {
                let last = gathered(ends[(limit - 1)...].map { $0.state })
                ends.removeSubrange((limit - 1)...)
                ends += last.map { ChainEnd(state: $0, verdict: .tooMany) }
            }
        }
        if live.count > 1, live.count + ends.count > limit {
            let kept = max(1, limit - ends.count)
            guard live.count > kept else { return }
            ends += gathered(Array(live[kept...])).map { ChainEnd(state: $0, verdict: .tooMany) }
            live.removeSubrange(kept...)
        }
    }

    /// One way, or none, that stands for `states`: it takes for granted what they all do.
    private func gathered(_ states: [WalkState]) -> [WalkState] {
        guard var one = states.first else { return [] }
        for other in states.dropFirst() {
            one.history.assumptions.removeAll { !other.history.assumptions.contains($0) }
            one.history.settled.removeAll { !other.history.settled.contains($0) }
            one.history.defaultsUsed.formUnion(other.history.defaultsUsed)
            one.setChanges = one.setChanges.agreed(with: other.setChanges)
            if let sum = one.history.probability, let own = other.history.probability {
                one.history.probability = sum + own
            } else {
                one.history.probability = nil
            }
        }
        return [one]
    }

    /// The prefilter's key, or `nil` where every rule must be looked at.
    private func key(of state: WalkState) -> PacketKey? {
        if request.recordsMisses || request.walksPlainly || state.packet.fragmentOffset > 0 { return nil }
        if !state.packet.unknown.isDisjoint(with: PacketKey.fields) { return nil }
        guard state.packet.bytes.isEmpty || prefilterApplies(to: state.packet) else { return nil }
        return PacketKey(state.packet, in: asked(state.context.inInterface), out: asked(state.context.outInterface))
    }

    private func asked(_ view: InterfaceView) -> PacketKey.Interface {
        switch view {
        case .none: .none
        case .known(let name): .known(name)
        case .unknown: .unknown
        }
    }
}
