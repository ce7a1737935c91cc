internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Tests the rule before which `frame` stands for one way and does what it says. Ways that stay in the chain go to
    /// `frame.passed`, others to `frame.ends`; a way into another chain is returned.
    func apply(_ rule: Rule, _ reference: RuleReference, to state: inout WalkState, _ frame: inout ChainFrame)
        -> ChainCall?
    {
        let before = state.view
        var open: [Unknown] = []
        var openMatches: [Match] = []
        var openIndexes: [Int] = []
        var action = Action.continue
        var changes: [Change] = []
        for (index, statement) in rule.statements.enumerated() {
            switch statement {
            case .match(let match):
                state.history.defaultsUsed.formUnion(fields(of: match).intersection(state.packet.defaulted))
                if dropsItself(match, state.packet, reference) {
                    var own = RuleStep(rule: reference, verdict: .drop, changes: changes)
                    own.isDropOfMatch = true
                    var step = Step(.rule(own), before)
                    step.layer = state.layer
                    state.history.steps.append(step)
                    frame.ends.append(ChainEnd(state: state, verdict: .drop))
                    return nil
                }
                switch test(match, in: state, rule: reference) {
                case .yes: applyEffect(of: match, holding: true, to: &state)
                case .no:
                    applyEffect(of: match, holding: false, to: &state)
                    miss(index, reference, &state)
                    frame.passed.append(state)
                    return nil
                case .perhaps(let unknown):
                    switch settle(unknown, &state) {
                    case true?: applyEffect(of: match, holding: true, to: &state)
                    case false?:
                        applyEffect(of: match, holding: false, to: &state)
                        miss(index, reference, &state)
                        frame.passed.append(state)
                        return nil
                    case nil:
                        open.append(unknown)
                        openMatches.append(match)
                        openIndexes.append(index)
                    }
                }
            case .target(let target):
                if !open.isEmpty {
                    guard frame.passed.count + frame.ends.count < request.maximumLeaves else {
                        frame.ends.append(ChainEnd(state: state, verdict: .tooMany))
                        return nil
                    }
                    frame.passed.append(unmatched(open, openIndexes, reference, state))
                    state = assume(open, true, reference, state)
                    for match in openMatches { applyEffect(of: match, holding: true, to: &state) }
                    open = []
                    openMatches = []
                    openIndexes = []
                }
                action = perform(target, reference, &state, &changes)
            }
        }
        if !open.isEmpty {
            frame.passed.append(unmatched(open, openIndexes, reference, state))
            state = assume(open, true, reference, state)
            for match in openMatches { applyEffect(of: match, holding: true, to: &state) }
        }
        return finish(action, reference, before: before, &state, changes, &frame)
    }

    /// The way on which a rule's open matches do not all hold: which of several does not, nobody knows.
    private func unmatched(_ open: [Unknown], _ statements: [Int], _ reference: RuleReference, _ state: WalkState)
        -> WalkState
    {
        var other = assume(open, false, reference, state)
        if statements.count == 1 { miss(statements[0], reference, &other) }
        return other
    }

    /// Records the rule and goes where its action leads.
    private func finish(
        _ action: Action, _ reference: RuleReference, before: PacketView, _ state: inout WalkState,
        _ changes: [Change], _ frame: inout ChainFrame
    ) -> ChainCall? {
        func record(
            _ verdict: StepVerdict, _ state: inout WalkState, to chain: ChainID? = nil, _ with: RejectWith? = nil,
            besides more: [Change] = []
        ) {
            let own = RuleStep(
                rule: reference, verdict: verdict, target: chain, rejectWith: with, changes: changes + more)
            var step = Step(.rule(own), before)
            step.layer = state.layer
            state.history.steps.append(step)
            if let kind = translationKind(model.linked.rule(reference).target), before.packet != state.packet {
                recordTranslation(kind, before: before, &state)
            }
        }
        func end(_ verdict: StepVerdict, _ chainVerdict: ChainVerdict, _ with: RejectWith? = nil) {
            record(verdict, &state, with)
            frame.ends.append(ChainEnd(state: state, verdict: chainVerdict))
        }
        switch action {
        case .continue:
            record(.continue, &state)
            frame.passed.append(state)
        case .accept: end(.accept, .accept)
        case .drop: end(.drop, .drop)
        case .reject(let with): end(.reject, .reject(with), with)
        case .queue: end(.queue, .queue)
        case .return: end(.return, .returned)
        case .jump(let target):
            record(.jump, &state, to: target)
            return ChainCall(chain: target, isGoto: false)
        case .goto(let target):
            record(.goto, &state, to: target)
            return ChainCall(chain: target, isGoto: true)
        case .either(let unknown, let ways):
            let settled = settle(unknown, &state)
            for isYes in [true, false] where settled == nil || settled == isYes {
                var way = settled == nil ? assume([unknown], isYes, reference, state) : state
                let verdict = isYes ? ways.yes : ways.no
                record(stepVerdict(verdict), &way)
                if let verdict {
                    frame.ends.append(ChainEnd(state: way, verdict: verdict))
                } else {
                    frame.passed.append(way)
                }
            }
        case .acceptChanged(let unknown, let packet, let change):
            let settled = settle(unknown, &state)
            for isYes in [true, false] where settled == nil || settled == isYes {
                var way = settled == nil ? assume([unknown], isYes, reference, state) : state
                if isYes {
                    way.packet = packet
                    record(.accept, &way, besides: [change])
                } else {
                    record(.drop, &way)
                }
                frame.ends.append(ChainEnd(state: way, verdict: isYes ? .accept : .drop))
            }
        case .choices(let ways):
            for var way in ways {
                record(.accept, &way)
                frame.ends.append(ChainEnd(state: way, verdict: .accept))
            }
        }
        return nil
    }

    /// How the step of a rule that does one thing or another tells what it did on one way.
    private func stepVerdict(_ verdict: ChainVerdict?) -> StepVerdict {
        switch verdict {
        case .accept?, .passedBy?: .accept
        case .drop?: .drop
        case .queue?: .queue
        case nil, .returned?, .reject?, .loop?, .tooMany?: .continue
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
    private func recordTranslation(_ kind: TranslationStep.Kind, before: PacketView, _ state: inout WalkState) {
        let old = before.packet
        let new = state.packet
        var translation = TranslationStep(
            kind: kind, source: nil, sourcePort: nil, sourcePortChoices: new.sourcePortChoices, destination: nil,
            destinationPort: nil, isFromEntry: false)
        if Manipulation(before.hook) == .source {
            if !new.unknown.contains(.source) { translation.source = new.source }
            if old.sourcePort != new.sourcePort { translation.sourcePort = new.sourcePort }
        } else {
            if !new.unknown.contains(.destination) { translation.destination = new.destination }
            if old.destinationPort != new.destinationPort { translation.destinationPort = new.destinationPort }
        }
        var step = Step(.translation(translation), before)
        step.layer = state.layer
        state.history.steps.append(step)
    }

    private func miss(_ statement: Int, _ reference: RuleReference, _ state: inout WalkState) {
        if request.recordsMisses { state.record(.miss(reference, statement: statement)) }
    }
}
