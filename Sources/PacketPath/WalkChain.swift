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
    /// Jumps nested deeper than this program follows; the kernel would not have loaded them.
    case tooDeep
    /// More ways than are followed; what becomes of this one is not told.
    case tooMany
}

/// One way out of a chain.
struct ChainEnd: Sendable {
    var state: WalkState
    var verdict: ChainVerdict
}

/// Levels of jumps followed, so that hostile input can't exhaust the stack. nf_tables loads 16 levels, and legacy tables
/// of real programs stay under 20.
let maximumJumpDepth = 64

extension Evaluator {
    /// Takes `entering` through the rules of `chain` and returns every way out, joined where nothing differs.
    func walk(_ chain: ChainID, _ entering: WalkState, depth: Int = 0) -> [ChainEnd] {
        guard depth < maximumJumpDepth else { return [ChainEnd(state: entering, verdict: .tooDeep)] }
        let rules = model.linked.chain(chain).rules
        let prefilters = model.compiled.rules
        let first = model.compiled.firstRule[chain.index]
        var ends: [ChainEnd] = []
        var live = [entering]
        var index = 0
        while index < rules.count, !live.isEmpty {
            if live.count == 1, let key = key(of: live[0]) {
                while index < rules.count, !prefilters[first + index].mayMatch(key) { index += 1 }
                if index == rules.count { break }
            }
            let reference = RuleReference(chain: chain, index: index)
            var next: [WalkState] = []
            var isChanged = false
            for state in live {
                let before = (next.count, state.history.steps.count)
                apply(rules[index], reference, to: state, depth: depth, &next, &ends)
                isChanged =
                    isChanged || next.count != before.0 + 1 || next[before.0].history.steps.count != before.1
            }
            live = isChanged && next.count > 1 ? joined(next) : next
            bound(&live, &ends)
            index += 1
        }
        for state in live { ends.append(ChainEnd(state: state, verdict: .returned)) }
        return ends.count > 1 ? joined(ends) : ends
    }

    /// Ends the ways beyond `request.maximumLeaves` in one that tells so.
    private func bound(_ live: inout [WalkState], _ ends: inout [ChainEnd]) {
        let limit = max(request.maximumLeaves, 2)
        if ends.count > limit {
            ends = joined(ends)
            if ends.count > limit {
                let last = ends[limit - 1].state
                ends.removeSubrange((limit - 1)...)
                ends.append(ChainEnd(state: last, verdict: .tooMany))
            }
        }
        if live.count > 1, live.count + ends.count > limit {
            let kept = max(1, limit - ends.count)
            guard live.count > kept else { return }
            ends.append(ChainEnd(state: live[kept], verdict: .tooMany))
            live.removeSubrange(kept...)
        }
    }

    /// The prefilter's key, or `nil` where every rule must be looked at.
    private func key(of state: WalkState) -> PacketKey? {
        if request.recordsMisses || state.packet.fragmentOffset > 0 { return nil }
        if !state.packet.unknown.isDisjoint(with: PacketKey.fields) { return nil }
        return PacketKey(state.packet)
    }

    /// Tests one rule for one way and does what it says. Ways that stay in the chain go to `next`, others to `ends`.
    private func apply(
        _ rule: Rule, _ reference: RuleReference, to entering: WalkState, depth: Int, _ next: inout [WalkState],
        _ ends: inout [ChainEnd]
    ) {
        var state = entering
        var open: [Unknown] = []
        var openMatches: [Match] = []
        var action = Action.continue
        var changes: [Change] = []
        for (index, statement) in rule.statements.enumerated() {
            switch statement {
            case .match(let match):
                state.history.defaultsUsed.formUnion(fields(of: match).intersection(state.packet.defaulted))
                if dropsItself(match, state.packet, reference) {
                    return finish(.drop, reference, before: entering, state, changes, depth: depth, &next, &ends)
                }
                switch test(match, in: state, rule: reference) {
                case .yes: applyEffect(of: match, holding: true, to: &state)
                case .no:
                    applyEffect(of: match, holding: false, to: &state)
                    miss(index, reference, &state)
                    next.append(state)
                    return
                case .perhaps(let unknown):
                    switch settle(unknown, &state) {
                    case true?: applyEffect(of: match, holding: true, to: &state)
                    case false?:
                        applyEffect(of: match, holding: false, to: &state)
                        miss(index, reference, &state)
                        next.append(state)
                        return
                    case nil:
                        open.append(unknown)
                        openMatches.append(match)
                    }
                }
            case .target(let target):
                if !open.isEmpty {
                    guard next.count + ends.count < request.maximumLeaves else {
                        ends.append(ChainEnd(state: state, verdict: .tooMany))
                        return
                    }
                    next.append(assume(open, false, reference, state))
                    state = assume(open, true, reference, state)
                    for match in openMatches { applyEffect(of: match, holding: true, to: &state) }
                    open = []
                    openMatches = []
                }
                action = perform(target, reference, &state, &changes)
            }
        }
        if !open.isEmpty {
            next.append(assume(open, false, reference, state))
            state = assume(open, true, reference, state)
            for match in openMatches { applyEffect(of: match, holding: true, to: &state) }
        }
        finish(action, reference, before: entering, state, changes, depth: depth, &next, &ends)
    }

    /// Records the rule and goes where its action leads.
    private func finish(
        _ action: Action, _ reference: RuleReference, before: WalkState, _ matched: WalkState, _ changes: [Change],
        depth: Int, _ next: inout [WalkState], _ ends: inout [ChainEnd]
    ) {
        func recorded(_ state: WalkState, _ verdict: StepVerdict, target: ChainID? = nil, with: RejectWith? = nil)
            -> WalkState
        {
            var state = state
            let own = RuleStep(rule: reference, verdict: verdict, target: target, rejectWith: with, changes: changes)
            var step = Step(.rule(own), before.view)
            step.layer = state.layer
            state.history.steps.append(step)
            if let kind = translationKind(model.linked.rule(reference).target), before.packet != state.packet {
                recordTranslation(kind, before: before, &state)
            }
            return state
        }
        switch action {
        case .continue: next.append(recorded(matched, .continue))
        case .accept: ends.append(ChainEnd(state: recorded(matched, .accept), verdict: .accept))
        case .drop: ends.append(ChainEnd(state: recorded(matched, .drop), verdict: .drop))
        case .reject(let with):
            ends.append(ChainEnd(state: recorded(matched, .reject, with: with), verdict: .reject(with)))
        case .queue: ends.append(ChainEnd(state: recorded(matched, .queue), verdict: .queue))
        case .return: ends.append(ChainEnd(state: recorded(matched, .return), verdict: .returned))
        case .jump(let target):
            for end in walk(target, recorded(matched, .jump, target: target), depth: depth + 1) {
                if end.verdict == .returned { next.append(end.state) } else { ends.append(end) }
            }
        case .goto(let target):
            ends += walk(target, recorded(matched, .goto, target: target), depth: depth + 1)
        case .either(let unknown, let ways):
            fork(unknown, ways, reference, matched, recorded, &next, &ends)
        case .choices(let ways):
            for way in ways {
                ends.append(ChainEnd(state: recorded(way, .accept), verdict: .accept))
            }
        }
    }

    private func translationKind(_ target: Target?) -> TranslationStep.Kind? {
        switch target {
        case .dnat?: .dnat
        case .snat?: .snat
        case .masquerade?: .masquerade
        case .redirect?: .redirect
        case .netmap?: .netmap
        default: nil
        }
    }

    /// Notes what a translation changed, after the rule that made it.
    private func recordTranslation(_ kind: TranslationStep.Kind, before: WalkState, _ state: inout WalkState) {
        let old = before.packet
        let new = state.packet
        var translation = TranslationStep(
            kind: kind, source: nil, sourcePort: nil, sourcePortChoices: new.sourcePortChoices, destination: nil,
            destinationPort: nil, isFromEntry: false)
        if Manipulation(before.context.hook) == .source {
            if !new.unknown.contains(.source) { translation.source = new.source }
            if old.sourcePort != new.sourcePort { translation.sourcePort = new.sourcePort }
        } else {
            if !new.unknown.contains(.destination) { translation.destination = new.destination }
            if old.destinationPort != new.destinationPort { translation.destinationPort = new.destinationPort }
        }
        var step = Step(.translation(translation), before.view)
        step.layer = state.layer
        state.history.steps.append(step)
    }

    /// Both ways of a target that does one thing or another for a reason that is not known.
    private func fork(
        _ unknown: Unknown, _ ways: (yes: ChainVerdict?, no: ChainVerdict?), _ reference: RuleReference,
        _ matched: WalkState,
        _ recorded: (WalkState, StepVerdict, ChainID?, RejectWith?) -> WalkState,
        _ next: inout [WalkState], _ ends: inout [ChainEnd]
    ) {
        var matched = matched
        let settled = settle(unknown, &matched)
        for isYes in [true, false] where settled == nil || settled == isYes {
            let state = settled == nil ? assume([unknown], isYes, reference, matched) : matched
            switch isYes ? ways.yes : ways.no {
            case nil: next.append(recorded(state, .continue, nil, nil))
            case .drop?: ends.append(ChainEnd(state: recorded(state, .drop, nil, nil), verdict: .drop))
            case .queue?: ends.append(ChainEnd(state: recorded(state, .queue, nil, nil), verdict: .queue))
            case .accept?: ends.append(ChainEnd(state: recorded(state, .accept, nil, nil), verdict: .accept))
            case let verdict?: ends.append(ChainEnd(state: recorded(state, .continue, nil, nil), verdict: verdict))
            }
        }
    }

    private func miss(_ statement: Int, _ reference: RuleReference, _ state: inout WalkState) {
        if request.recordsMisses { state.record(.miss(reference, statement: statement)) }
    }
}

extension Evaluator {
    /// The condition's answer if its variable has one on this way or by `--assume`; `nil` if it is open.
    func settle(_ unknown: Unknown, _ state: inout WalkState) -> Bool? {
        for settled in state.history.settled where settled.name == unknown.name {
            return settled.isYes != unknown.isNegated
        }
        guard let value = given(unknown) else { return nil }
        let isYes = value == unknown.yes || value == "yes"
        guard isYes || value == unknown.no || value == "no" else { return nil }
        var assumption = Assumption(
            name: unknown.name, value: isYes ? unknown.yes : unknown.no,
            text: isYes ? unknown.whenYes : unknown.whenNo, step: state.history.steps.count)
        assumption.isGiven = true
        state.history.assumptions.append(assumption)
        state.history.settled.append(WalkState.Settled(name: unknown.name, isYes: isYes))
        if isYes { pin(unknown, &state) }
        return isYes != unknown.isNegated
    }

    /// What `--assume` says of a variable: by its whole name (`set@NAME:ADDRESS`), by what it is about (`set@NAME`), or by
    /// its kind (`set`).
    private func given(_ unknown: Unknown) -> String? {
        if request.assumptions.isEmpty { return nil }
        if let value = request.assumptions[unknown.name] { return value }
        let name = unknown.name.utf8
        guard let at = name.firstIndex(of: UInt8(ascii: "@")) else { return nil }
        if let colon = name[at...].firstIndex(of: UInt8(ascii: ":")),
            let value = request.assumptions[String(decoding: name[..<colon], as: UTF8.self)]
        {
            return value
        }
        return request.assumptions[String(decoding: name[..<at], as: UTF8.self)]
    }

    /// `state` on the way where all of `unknowns` hold as asked, or not all of them do.
    func assume(_ unknowns: [Unknown], _ holds: Bool, _ reference: RuleReference?, _ state: WalkState) -> WalkState {
        var state = state
        if !holds, unknowns.count > 1, let reference {
            // Which of several fails can't be told apart by what follows.
            state.history.assumptions.append(
                Assumption(
                    name: "rule@\(cite(reference))", value: "no",
                    text: "not every open condition of \(cite(reference)) holds", step: nil))
            state.history.probability = nil
            return state
        }
        for unknown in unknowns {
            let isYes = holds != unknown.isNegated
            state.history.assumptions.append(
                Assumption(
                    name: unknown.name, value: isYes ? unknown.yes : unknown.no,
                    text: isYes ? unknown.whenYes : unknown.whenNo, step: holds ? state.history.steps.count : nil))
            let before = unknown.probability == nil ? state.history.probability : nil
            state.history.settled.append(
                WalkState.Settled(name: unknown.name, isYes: isYes, probabilityBefore: before))
            if let chance = unknown.probability, let before = state.history.probability {
                state.history.probability = before * (isYes ? chance : 1 - chance)
            } else {
                state.history.probability = nil
            }
            if isYes { pin(unknown, &state) }
        }
        return state
    }

    private func pin(_ unknown: Unknown, _ state: inout WalkState) {
        switch unknown.pins {
        case .inInterface(let name)?:
            state.context.inInterface = .known(name)
            state.arrival = .known(name)
        case .outInterface(let name)?:
            state.context.outInterface = .known(name)
            state.route?.interface = name
        case nil: break
        }
    }
}
