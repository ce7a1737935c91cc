internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// How packets left a chain.
enum SetVerdict: Hashable {
    /// The end of the chain, or RETURN.
    case returned
    case accept
    case drop
    /// NAT has nothing to translate them to.
    case untranslated(Reason)
    case reject(RejectWith)
    case queue
    /// A queue that no program reads has let them by.
    case passedBy
    /// Deeper than can be followed, or in a circle.
    case lost
}

extension SetVerdict {
    /// Whether the packets' way ends with it.
    var isLast: Bool {
        switch self {
        case .returned, .accept, .passedBy: false
        case .drop, .untranslated, .reject, .queue, .lost: true
        }
    }
}

/// Packets that left a chain alike, and the rule that let them go.
struct SetEnd {
    var verdict: SetVerdict
    var way: Way
    /// Of those whose way ends with it.
    var rule: RuleReference?

    init(_ verdict: SetVerdict, _ way: Way, _ rule: RuleReference? = nil) {
        self.verdict = verdict
        self.way = way
        self.rule = verdict.isLast ? rule : nil
    }
}

/// What a target makes of packets.
enum SetAction {
    /// They go on with the rule's next statement.
    case `continue`([Way])
    case end(SetVerdict)
    /// Some end so, others in another way, and the rest goes on.
    case several(ends: [(SetVerdict, Way)], onward: [Way])
    case call(ChainID, isGoto: Bool)
    /// Into chains by a verdict map; those that no element has miss the rule.
    case dispatch(calls: [(ChainID, Bool, Way)], ends: [(SetVerdict, Way)], onward: [Way], missed: [Way])
}

extension SetAction {
    /// Those of `packets` that the rule has met for good: all that do not miss it where nothing follows the target, else
    /// those that it ended.
    func met(_ packets: PacketSet, isLast: Bool, _ space: PacketSpace) -> PacketSet {
        switch self {
        case .end, .call: return packets
        case .continue: return isLast ? packets : .none
        case .several(let ends, _): return isLast ? packets : space.union(ends.map { $0.1.packets })
        case .dispatch(let calls, let ends, _, let missed):
            if isLast { return space.subtract(packets, space.union(missed.map { $0.packets })) }
            return space.or(
                space.union(calls.map { $0.2.packets }), space.union(ends.map { $0.1.packets }))
        }
    }
}

extension SetEvaluator {
    /// Takes `entering` through the rules of `chain` and returns all ways out, those of one flow and verdict together.
    func walk(_ chain: ChainID, _ entering: [Way], _ context: Context, depth: Int = 0) -> [SetEnd] {
        // Recursion as deep as chains lead into one another; rule sets that the kernel takes stay far below.
        guard depth < 512, openChains.insert(chain).inserted else {
            return entering.map { SetEnd(.lost, $0) }
        }
        defer { openChains.remove(chain) }
        var live = space.merged(entering)
        var ends: [SetEnd] = []
        let rules = model.linked.chain(chain).rules
        for (index, rule) in rules.enumerated() {
            if live.isEmpty || space.isExhausted { break }
            let reference = RuleReference(chain: chain, index: index)
            var passed: [Way] = []
            apply(rule, reference, live, context, depth, &passed, &ends)
            live = passed.count > 1 ? space.merged(passed) : passed.filter { !$0.packets.isEmpty }
        }
        ends += live.map { SetEnd(.returned, $0) }
        return merged(ends)
    }

    /// Takes `ways` through `chain`: by what it makes of all packets of their flow where others may enter it too. Then ends
    /// that are the packets' last are noted, and not returned.
    ///
    /// - Parameter caller: the chain that leads there; `nil` for a base chain.
    func called(_ chain: ChainID, _ ways: [Way], _ context: Context, depth: Int, by caller: ChainID?) -> [SetEnd] {
        let reads = reads(of: chain)
        let isShared: Bool
        if let caller {
            isShared = callers[chain.index] > 1 || !reads.readsOut && self.reads(of: caller).readsOut
        } else {
            isShared = ways.count > 1
        }
        if !isShared { return walk(chain, ways, context, depth: depth) }
        if reads.readsAll || reads.masquerades && hasSeveralAddresses(context.outInterface) {
            return walk(chain, ways, context, depth: depth)
        }
        var result: [SetEnd] = []
        for way in ways {
            guard let summary = summary(of: chain, way.flow, context, reads, depth) else {
                result.append(SetEnd(.lost, way))
                continue
            }
            enter(summary, way.packets)
            for (end, packets) in summary.onward.meeting(way.packets, space) {
                let flow = way.flow.changed(as: end.way.flow, from: summary.flow)
                result.append(SetEnd(end.verdict, Way(packets: packets, flow: flow)))
            }
        }
        return merged(result)
    }

    private func apply(
        _ rule: Rule, _ reference: RuleReference, _ ways: [Way], _ context: Context, _ depth: Int,
        _ passed: inout [Way], _ ends: inout [SetEnd]
    ) {
        /// Ways that jump from here, together.
        var calls: [(chain: ChainID, isGoto: Bool, way: Way)] = []
        for way in ways {
            noteReached(reference, way.packets)
            let begins = beginning(reference, way.flow)
            let kept = space.subtract(way.packets, begins)
            if !kept.isEmpty { passed.append(Way(packets: kept, flow: way.flow)) }
            let begun = Way(packets: space.and(way.packets, begins), flow: way.flow)
            if begun.packets.isEmpty { continue }
            // Each with the statement that comes next.
            var inside = [(way: begun, statement: 0)]
            while var (one, statement) = inside.popLast() {
                var ended = false
                steps: while statement < rule.statements.count {
                    switch rule.statements[statement] {
                    case .match(let first):
                        if case .arrived = one.flow.standing, setsLabel(first) {
                            for part in byState(one) { inside.append((part, statement)) }
                            ended = true
                            break steps
                        }
                        let (holds, next, dropped) = run(of: rule, from: statement, reference, one, context)
                        if !dropped.isEmpty {
                            let part = Way(packets: space.and(one.packets, dropped), flow: one.flow)
                            ends.append(SetEnd(.drop, part, reference))
                            one.packets = space.subtract(one.packets, dropped)
                        }
                        let missed = space.subtract(one.packets, holds)
                        if !missed.isEmpty {
                            passed.append(Way(packets: missed, flow: flow(one.flow, behind: first, holding: false)))
                        }
                        one.flow = flow(one.flow, behind: first, holding: true)
                        one.packets = space.and(one.packets, holds)
                        statement = next
                        if one.packets.isEmpty {
                            ended = true
                            break steps
                        }
                    case .target(let target):
                        if case .arrived = one.flow.standing, asksConnection(target) {
                            for part in byState(one) { inside.append((part, statement)) }
                            ended = true
                            break steps
                        }
                        statement += 1
                        let action = perform(target, reference, one, context)
                        if record.recordsRules {
                            let isLast = statement == rule.statements.count
                            noteHit(reference, action.met(one.packets, isLast: isLast, space))
                        }
                        switch action {
                        case .continue(let next):
                            guard let first = next.first else {
                                ended = true
                                break steps
                            }
                            for other in next.dropFirst() { inside.append((other, statement)) }
                            one = first
                        case .end(let verdict):
                            ends.append(SetEnd(verdict, one, reference))
                            ended = true
                            break steps
                        case .several(let own, let onward):
                            for (verdict, way) in own where !way.packets.isEmpty {
                                ends.append(SetEnd(verdict, way, reference))
                            }
                            for way in onward where !way.packets.isEmpty { inside.append((way, statement)) }
                            ended = true
                            break steps
                        case .call(let chain, let isGoto):
                            calls.append((chain, isGoto, one))
                            ended = true
                            break steps
                        case .dispatch(let own, let verdicts, let onward, let missed):
                            for (chain, isGoto, way) in own { calls.append((chain, isGoto, way)) }
                            for (verdict, way) in verdicts where !way.packets.isEmpty {
                                ends.append(SetEnd(verdict, way, reference))
                            }
                            passed += missed.filter { !$0.packets.isEmpty }
                            for way in onward where !way.packets.isEmpty { inside.append((way, statement)) }
                            ended = true
                            break steps
                        }
                    }
                }
                guard !ended else { continue }
                if case .target? = rule.statements.last {} else { noteHit(reference, one.packets) }
                passed.append(one)
            }
        }
        for (target, ways) in grouped(calls) {
            for end in called(target.chain, ways, context, depth: depth + 1, by: reference.chain) {
                if end.verdict == .returned, !target.isGoto {
                    passed.append(end.way)
                } else {
                    ends.append(end)
                }
            }
        }
    }

    /// Whether a native statement looks at what conntrack knows, or writes there.
    private func asksConnection(_ target: Target) -> Bool {
        guard case .native(let statement) = target else { return false }
        switch statement {
        case .assign(.connection, _), .object, .objectMap: return true
        default: break
        }
        return statement.expressions.contains { $0.contains(where: isOfConnection) }
    }

    func isOfConnection(_ expression: Expression) -> Bool {
        if case .connection = expression { return true }
        return false
    }

    private struct CallTarget: Hashable {
        var chain: ChainID
        var isGoto: Bool
    }

    /// Calls of one chain together, in the order in which chains were met: a verdict map may have thousands.
    private func grouped(_ calls: [(chain: ChainID, isGoto: Bool, way: Way)]) -> [(CallTarget, [Way])] {
        var places: [CallTarget: Int] = [:]
        var result: [(CallTarget, [Way])] = []
        for call in calls where !call.way.packets.isEmpty {
            let target = CallTarget(chain: call.chain, isGoto: call.isGoto)
            if let place = places[target] {
                result[place].1.append(call.way)
            } else {
                places[target] = result.count
                result.append((target, [call.way]))
            }
        }
        return result
    }

    /// What all matches from `statement` to the next target hold for, and where that stands.
    private func run(
        of rule: Rule, from statement: Int, _ reference: RuleReference, _ way: Way, _ context: Context
    ) -> (holds: PacketSet, next: Int, dropped: PacketSet) {
        var holds = PacketSet.all
        var dropped = PacketSet.none
        var index = statement
        var asked = Asked(reference, context, way, in: space)
        while index < rule.statements.count, case .match(let match) = rule.statements[index] {
            // What has an effect has it on those that the matches before held for, and whatever those behind it say.
            if index > statement, hasEffect(match) { break }
            index += 1
            if holds.isEmpty { continue }
            if case .connectionLimit = match { dropped = space.and(holds, emptied(asked)) }
            var own = packets(match, asked)
            if case .native = match {
                own = moved(space.or(own, joined(rule, index - 1, asked)), rule, index - 1, asked)
            }
            holds = space.and(holds, own)
            if hasEffect(match) { break }
            // What is asked of one packet of all is asked of one that the matches before held for.
            asked.keep(holds)
        }
        if index < rule.statements.count, case .target = rule.statements[index] {
            holds = moved(holds, rule, index, asked)
        }
        return (holds, index, dropped)
    }

    /// `own`, which the statement at `index` holds for, as that is where an old nft asks for fields side by side at one
    /// place; see `Evaluator.moved`.
    private func moved(_ own: PacketSet, _ rule: Rule, _ index: Int, _ asked: Asked) -> PacketSet {
        guard model.compiled.start(of: asked.rule).contains(.mayMove) else { return own }
        func holds(_ member: Int, _ relation: Comparison.Relation? = nil) -> PacketSet {
            guard case .match(.native(var comparison)) = rule.statements[member] else { return .all }
            if let relation { comparison.relation = relation }
            return packets(comparison, .native(comparison), asked)
        }
        var own = own
        for group in rule.movedComparisons(in: model.linked.table(of: asked.rule.chain).family) {
            if group.place == index {
                for member in group.members where member < index { own = space.and(own, holds(member)) }
                guard let condition = stages.askedFirst(asked.rule) else { continue }
                let isApart = space.complement(unknown(condition.name, condition.text, isYes: condition.isYes))
                for member in group.members where member > index {
                    own = space.and(own, space.or(holds(member), isApart))
                }
            } else if index < group.place, group.members.contains(index),
                let condition = stages.askedLast(asked.rule)
            {
                let isMerged = unknown(condition.name, condition.text, isYes: condition.isYes)
                own = space.or(own, space.and(holds(index, .notEqual), isMerged))
            }
        }
        return own
    }

    /// Whether a match changes what packets are followed by.
    private func hasEffect(_ match: Match) -> Bool {
        if case .socket(let socket) = match { return socket.restoresMark }
        return setsLabel(match)
    }

    private func setsLabel(_ match: Match) -> Bool {
        guard case .connectionLabel(let label) = match else { return false }
        return label.sets && model.compiled.labelsConnections
    }

    /// What `Evaluator.applyEffect` makes of packets for which `match` held, or not.
    private func flow(_ before: Flow, behind match: Match, holding: Bool) -> Flow {
        var flow = before
        switch match {
        case .socket(let socket): if socket.restoresMark, holding { flow[.mark] = .unknown }
        case .connectionLabel(let label):
            guard setsLabel(match), case .tracked(var tracked) = flow.standing,
                !tracked.labels.contains(label.label.value)
            else { break }
            tracked.labels.append(label.label.value)
            flow.standing = .tracked(tracked)
        default: break
        }
        return flow
    }

    /// Packets of old connections that connlimit drops where those that it counted are over; see
    /// `Evaluator.countsEmptiedGroup`.
    private func emptied(_ asked: Asked) -> PacketSet {
        let text = "every connection that was counted in the packet's group is over"
        let isEmpty = unknown("connlimit-empty@\(cite(asked.rule))", text)
        switch asked.flow.standing {
        case .arrived:
            return space.and(isEmpty, space.or(ofState(.established), ofState(.related)))
        case .tracked(let tracked): return tracked.state == .new ? .none : isEmpty
        case .none, .untracked, .invalid: return .none
        }
    }

    private func ofState(_ state: ArrivalState) -> PacketSet { space.packets(.state, UInt128(state.rawValue)) }

    /// Packets for which the comparison at `index` holds where an old nft has compared it with its neighbours as one.
    private func joined(_ rule: Rule, _ index: Int, _ asked: Asked) -> PacketSet {
        guard model.compiled.start(of: asked.rule).contains(.mayJoin),
            let group = rule.joinableComparisons.first(where: { $0.contains(index) }),
            let condition = stages.joined(asked.rule)
        else { return .none }
        var one = PacketSet.none
        var loaded = PacketSet.all
        for member in group {
            guard case .match(.native(var comparison)) = rule.statements[member] else { return .none }
            let differs = packets(comparison, .native(comparison), asked)
            comparison.relation = .equal
            // What is not there can't be loaded with its neighbour either.
            loaded = space.and(loaded, space.or(differs, packets(comparison, .native(comparison), asked)))
            one = space.or(one, space.always(differs))
        }
        return space.and(space.and(one, loaded), unknown(condition.name, condition.text, isYes: condition.isYes))
    }

    /// Packets that may begin the rule: what nft asks before its first statement.
    private func beginning(_ rule: RuleReference, _ flow: Flow) -> PacketSet {
        let start = model.compiled.start(of: rule)
        if start.contains(.isV4), space.version != .v4 { return .none }
        if start.contains(.isV6), space.version != .v6 { return .none }
        return start.contains(.isTCP) ? isOf(.tcp, flow) : .all
    }

    private func noteReached(_ rule: RuleReference, _ packets: PacketSet) {
        guard record.recordsRules else { return }
        current.reached[rule] = space.or(current.reached[rule] ?? .none, packets)
    }

    private func noteHit(_ rule: RuleReference, _ packets: PacketSet) {
        guard record.recordsRules else { return }
        current.hits[rule] = space.or(current.hits[rule] ?? .none, packets)
    }

    private struct EndKey: Hashable {
        var verdict: SetVerdict
        var rule: RuleReference?
        var flow: Flow
    }

    func merged(_ ends: [SetEnd]) -> [SetEnd] {
        if ends.count < 2 { return ends }
        var places: [EndKey: Int] = [:]
        var groups: [(end: SetEnd, sets: [PacketSet])] = []
        for end in ends where !end.way.packets.isEmpty {
            let key = EndKey(verdict: end.verdict, rule: end.rule, flow: end.way.flow)
            if let place = places[key] {
                groups[place].sets.append(end.way.packets)
            } else {
                places[key] = groups.count
                groups.append((end, [end.way.packets]))
            }
        }
        return groups.map { group in
            var end = group.end
            end.way.packets = space.union(group.sets)
            return end
        }
    }
}
