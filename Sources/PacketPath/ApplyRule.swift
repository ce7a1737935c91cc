internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// A way that stands within a rule.
struct RuleWay: Sendable {
    var state: WalkState
    /// The statement that comes next.
    var statement = 0
    /// What the statement before came to, where it was not to go on.
    var action = Action.continue
    var changes: [Change] = []
    /// What was known when the rule began, once something is about to change it.
    private var kept: SharedView?

    init(_ state: WalkState) { self.state = state }

    /// What was known when the rule began.
    var before: SharedView { kept ?? SharedView(state.view) }

    /// Keeps what is known, before the rule first changes the way: most rules that are tried change nothing.
    mutating func keepView() {
        if kept == nil { kept = SharedView(state.view) }
    }
}

extension Evaluator {
    /// Tests the rule that `way` stands in and does what it says. Ways that stay in the chain go to `frame.passed`,
    /// others to `frame.ends`, and those that are still in the rule to `frame.inside`; a way into another chain is
    /// returned.
    func apply(_ rule: Rule, _ reference: RuleReference, to way: inout RuleWay, _ frame: inout ChainFrame)
        -> (call: ChainCall, state: WalkState)?
    {
        var open = OpenConditions()
        let start = model.compiled.start(of: reference)
        if way.statement == 0, !mayStart(start, way.state) {
            leave(&way, at: 0, reference, &frame)
            return nil
        }
        while case .continue = way.action, way.statement < rule.statements.count {
            let index = way.statement
            way.statement += 1
            switch rule.statements[index] {
            case .match(let match):
                // Only where those before hold is it asked, and does what it does.
                if hasEffect(match) {
                    way.keepView()
                    if !isClosed(&open, reference, &way, &frame) { return nil }
                }
                let defaults = defaults(of: match, way.state)
                if !defaults.isSubset(of: way.state.history.defaultsUsed) {
                    way.state.history.defaultsUsed.formUnion(defaults)
                }
                if dropsItself(match, way.state, reference) || countsNothing(match, way.state)
                    || missesFrame(match, way.state)
                {
                    // Only where those before hold is it asked.
                    guard isClosed(&open, reference, &way, &frame) else { return nil }
                    let isRun = runsWhereDropped(by: match, at: index, of: rule, reference, way)
                    if isRun, case .target(.reject(let with))? = rule.statements.last {
                        // It answers; what else a target does is dropped with the packet.
                        way.action = .reject(with)
                        return finish(rule, reference, &way, &frame).map { ($0, way.state) }
                    }
                    dropInMatch(reference, &way, &frame, isCounted: isRun)
                    return nil
                }
                if let emptied = countsEmptiedGroup(match, reference, way.state) {
                    guard isClosed(&open, reference, &way, &frame) else { return nil }
                    if isDropped(for: emptied, reference, &way, &frame) { return nil }
                }
                var answer = test(match, in: way.state, rule: reference)
                if start.contains(.mayJoin), answer == .no, mayHoldJoined(index, of: rule, reference, way.state) {
                    answer = joined(reference)
                }
                if start.contains(.mayMove) { answer = moved(answer, index, of: rule, reference, way.state) }
                if case .perhaps = answer { way.keepView() }
                switch take(answer, of: index, &way.state, &open) {
                case true?: applyEffect(of: match, holding: true, to: &way.state)
                case false?:
                    applyEffect(of: match, holding: false, to: &way.state)
                    leave(&way, at: index, reference, &frame)
                    return nil
                case nil:
                    open.matches.append(match)
                    // What it does where it does not hold is done by itself.
                    if hasEffect(match) { close(&open, reference, &way, &frame) }
                }
            case .target(let target):
                way.keepView()
                guard isClosed(&open, reference, &way, &frame) else { return nil }
                if start.contains(.mayMove), moved(.yes, index, of: rule, reference, way.state) == .no {
                    leave(&way, at: index, reference, &frame)
                    return nil
                }
                if case .native(let statement) = target {
                    for expression in statement.expressions {
                        let defaults = fields(of: expression).intersection(way.state.packet.defaulted)
                        way.state.history.defaultsUsed.formUnion(defaults)
                    }
                }
                way.action = perform(target, reference, &way.state, &way.changes)
                if case .test(let answer) = way.action {
                    way.action = .continue
                    if take(answer, of: index, &way.state, &open) == false { way.action = .miss }
                }
                if case .miss = way.action {
                    leave(&way, at: index, reference, &frame)
                    return nil
                }
            }
        }
        if !open.unknowns.isEmpty { close(&open, reference, &way, &frame) }
        if let call = finish(rule, reference, &way, &frame) { return (call, way.state) }
        return nil
    }

    /// Whether the packet is of the protocols that nft has the rule ask for before its first statement.
    private func mayStart(_ start: RuleStart, _ state: WalkState) -> Bool {
        if start.isEmpty { return true }
        if start.contains(.isV4), state.packet.version != .v4 { return false }
        if start.contains(.isV6), state.packet.version != .v6 { return false }
        guard start.contains(.isTCP) else { return true }
        switch transport(state.packet) {
        case .missing: return false
        case .unknown: return true
        case .found(let own, _): return own == .tcp
        }
    }

    /// Fields that `match` looks at and nobody gave.
    private func defaults(of match: Match, _ state: WalkState) -> PacketFields {
        if state.packet.defaulted.isEmpty { return [] }
        return fields(of: match, in: state.packet.version).intersection(state.packet.defaulted)
    }

    private func dropsItself(_ match: Match, _ state: WalkState, _ rule: RuleReference) -> Bool {
        // Most packets are no such fragment, and nobody gave their bytes.
        if state.packet.bytes.isEmpty, state.packet.fragmentOffset != 1 { return false }
        return dropsItself(match, state.packet, rule)
    }

    /// Whether a match drops the packet where `unknown` holds; one way of two is ended where that is not known.
    private func isDropped(
        for unknown: Unknown, _ reference: RuleReference, _ way: inout RuleWay, _ frame: inout ChainFrame
    ) -> Bool {
        way.keepView()
        let settled = settle(unknown, &way.state)
        if settled == false { return false }
        var dropped = way
        if settled == nil {
            dropped.state = assume([unknown], true, reference, way.state)
            way.state = assume([unknown], false, reference, way.state)
        }
        dropInMatch(reference, &dropped, &frame)
        return settled == true
    }

    /// Ends the way in a rule whose match drops the packet.
    private func dropInMatch(
        _ reference: RuleReference, _ way: inout RuleWay, _ frame: inout ChainFrame, isCounted: Bool = false
    ) {
        var own = RuleStep(rule: reference, verdict: .drop, changes: way.changes)
        own.isDropOfMatch = true
        own.isCounted = isCounted
        way.state.history.steps.append(Step(.rule(own), way.before, layer: way.state.layer))
        frame.ends.append(ChainEnd(state: way.state, verdict: .drop))
    }

    /// Whether a legacy rule counts the packet that its match drops, and runs its target: the negated test for chunks of
    /// SCTP, or an option of DCCP, holds where the packet is cut short, and a table looks only after its rule whether to
    /// drop.
    /// Source: net/netfilter/xt_sctp.c `match_packet`, xt_dccp.c `dccp_find_option`, net/ipv4/netfilter/ip_tables.c
    /// `ipt_do_table`, Linux 6.18.
    private func runsWhereDropped(
        by match: Match, at index: Int, of rule: Rule, _ reference: RuleReference, _ way: RuleWay
    ) -> Bool {
        var isNegated = false
        if case .sctp(let match) = match { isNegated = match.chunkMode?.isNegated ?? false }
        if case .dccp(let match) = match { isNegated = match.option?.isNegated ?? false }
        // Without the first header of either the match fails.
        guard isNegated, !isInNFTables(reference), let layout = PacketLayout(way.state.packet.bytes),
            layout.transport.offset + 12 <= way.state.packet.bytes.count
        else { return false }
        return rule.statements[(index + 1)...].allSatisfy { statement in
            guard case .match(let next) = statement else { return true }
            return test(next, in: way.state, rule: reference) == .yes
        }
    }

    /// Conditions of a rule whose answers are not known.
    private struct OpenConditions {
        var unknowns: [Unknown] = []
        var matches: [Match] = []
        var indexes: [Int] = []
    }

    /// Whether the condition holds; one that is open is noted, for `nil`.
    private func take(
        _ answer: Answer, of index: Int, _ state: inout WalkState, _ open: inout OpenConditions
    ) -> Bool? {
        switch answer {
        case .yes: return true
        case .no: return false
        case .perhaps(let unknown):
            if let settled = settle(unknown, &state) { return settled }
            open.unknowns.append(unknown)
            open.indexes.append(index)
            return nil
        }
    }

    /// Closes what is open; `false` where there is no room for another way, which ends this one.
    private func isClosed(
        _ open: inout OpenConditions, _ reference: RuleReference, _ way: inout RuleWay, _ frame: inout ChainFrame
    ) -> Bool {
        if open.unknowns.isEmpty { return true }
        guard frame.passed.count + frame.ends.count < request.maximumLeaves else {
            frame.ends.append(ChainEnd(state: way.state, verdict: .tooMany))
            return false
        }
        close(&open, reference, &way, &frame)
        return true
    }

    /// Lets the way on which the open conditions do not all hold pass the rule by, and takes for granted on this one that
    /// they do.
    private func close(
        _ open: inout OpenConditions, _ reference: RuleReference, _ way: inout RuleWay, _ frame: inout ChainFrame
    ) {
        way.keepView()
        var other = way
        assume(open.unknowns, false, reference, in: &other.state)
        note(other.changes, reference, &other)
        if open.indexes.count == 1 {
            for match in open.matches { applyEffect(of: match, holding: false, to: &other.state) }
            miss(open.indexes[0], reference, &other.state)
        }
        frame.passed.append(other.state)
        assume(open.unknowns, true, reference, in: &way.state)
        for match in open.matches { applyEffect(of: match, holding: true, to: &way.state) }
        open = OpenConditions()
    }

    /// Ends the rule without a match: what was done stays done.
    private func leave(_ way: inout RuleWay, at index: Int, _ reference: RuleReference, _ frame: inout ChainFrame) {
        note(way.changes, reference, &way)
        miss(index, reference, &way.state)
        frame.passed.append(way.state)
    }

    /// Records what a rule that does not match has changed.
    private func note(_ changes: [Change], _ reference: RuleReference, _ way: inout RuleWay) {
        if changes.isEmpty { return }
        var own = RuleStep(rule: reference, verdict: .continue, changes: changes)
        own.isBroken = true
        way.state.history.steps.append(Step(.rule(own), way.before, layer: way.state.layer))
    }

    /// Records the rule and goes where its action leads.
    private func finish(
        _ rule: Rule, _ reference: RuleReference, _ entering: inout RuleWay, _ frame: inout ChainFrame
    ) -> ChainCall? {
        let before = entering.before
        let changes = entering.changes
        let statement = entering.statement
        /// Lets a way go on in the rule, or past it where the rule ends.
        func goOn(_ way: WalkState, _ changes: [Change], _ action: Action) {
            var next = entering
            next.state = way
            next.changes = changes
            next.action = action
            frame.inside.append(next)
        }
        func record(
            _ verdict: StepVerdict, _ state: inout WalkState, to chain: ChainID? = nil, _ with: RejectWith? = nil,
            besides more: [Change] = []
        ) {
            let own = RuleStep(
                rule: reference, verdict: verdict, target: chain, rejectWith: with,
                changes: more.isEmpty ? changes : changes + more)
            state.history.steps.append(Step(.rule(own), before, layer: state.layer))
            if let kind = translationKind(rule), before.view.packet != state.packet {
                recordTranslation(kind, before: before, &state)
            }
        }
        func end(_ verdict: StepVerdict, _ chainVerdict: ChainVerdict, _ with: RejectWith? = nil) {
            record(verdict, &entering.state, with)
            frame.ends.append(ChainEnd(state: entering.state, verdict: chainVerdict))
        }
        switch entering.action {
        case .continue:
            record(.continue, &entering.state)
            frame.passed.append(entering.state)
        case .miss, .test:
            leave(&entering, at: max(0, statement - 1), reference, &frame)
        case .several(let ways):
            for way in ways.reversed() { goOn(way.state, way.changes, way.action) }
        case .accept: end(.accept, .accept)
        case .drop: end(.drop, .drop)
        case .reject(let with): end(.reject, .reject(with), with)
        case .queue: end(.queue, .queue)
        case .sendOut: end(.stolen, .sentOut)
        case .return: end(.return, .returned)
        case .jump(let target):
            record(.jump, &entering.state, to: target)
            return ChainCall(chain: target, isGoto: false)
        case .goto(let target):
            record(.goto, &entering.state, to: target)
            return ChainCall(chain: target, isGoto: true)
        case .either(let unknown, let ways):
            let settled = settle(unknown, &entering.state)
            for isYes in [true, false] where settled == nil || settled == isYes {
                var way = settled == nil ? assume([unknown], isYes, reference, entering.state) : entering.state
                let verdict = isYes ? ways.yes : ways.no
                guard let verdict else {
                    if statement < rule.statements.count {
                        goOn(way, changes, .continue)
                    } else {
                        record(.continue, &way)
                        frame.passed.append(way)
                    }
                    continue
                }
                record(stepVerdict(verdict), &way)
                frame.ends.append(ChainEnd(state: way, verdict: verdict))
            }
        case .acceptChanged(let unknown, let packet, let change):
            let settled = settle(unknown, &entering.state)
            for isYes in [true, false] where settled == nil || settled == isYes {
                var way = settled == nil ? assume([unknown], isYes, reference, entering.state) : entering.state
                if isYes {
                    way.packet = packet
                    way.isGivenToSocket = true
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
        case .sentOut?: .stolen
        case nil, .returned?, .reject?, .loop?, .tooMany?: .continue
        }
    }

    private func translationKind(_ rule: Rule) -> TranslationStep.Kind? {
        for case .target(.native(.translate(let translation))) in rule.statements {
            switch translation.kind {
            case .snat: return .snat
            case .dnat: return .dnat
            case .masquerade: return .masquerade
            case .redirect: return .redirect
            }
        }
        return translationKind(rule.target)
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
    private func recordTranslation(_ kind: TranslationStep.Kind, before: SharedView, _ state: inout WalkState) {
        let old = before.view.packet
        let new = state.packet
        var translation = TranslationStep(
            kind: kind, source: nil, sourcePort: nil, sourcePortChoices: new.sourcePortChoices, destination: nil,
            destinationPort: nil, isFromEntry: false)
        if Manipulation(before.view.hook) == .source {
            if !new.unknown.contains(.source) { translation.source = new.source }
            if old.sourcePort != new.sourcePort { translation.sourcePort = new.sourcePort }
        } else {
            if !new.unknown.contains(.destination) { translation.destination = new.destination }
            if old.destinationPort != new.destinationPort { translation.destinationPort = new.destinationPort }
        }
        state.history.steps.append(Step(.translation(translation), before, layer: state.layer))
    }

    private func miss(_ statement: Int, _ reference: RuleReference, _ state: inout WalkState) {
        if request.recordsMisses { state.record(.miss(reference, statement: statement)) }
    }
}
