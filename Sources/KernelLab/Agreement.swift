internal import ChainGraph
internal import KernelLink
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Whether a trace says what the kernel did.
///
/// A trace with branches agrees where one of its ways is the kernel's.
struct Agreement {
    /// What the kernel did otherwise than the likeliest way, in words; empty where they agree.
    var differences: [String]
    /// The way that agrees, or the one that comes closest.
    var way: Way

    var agrees: Bool { differences.isEmpty }
}

/// One way that a trace leaves open: its end, all steps that lead there, and what it assumes.
struct Way {
    var end: Trace
    var steps: [Step]
    var assumptions: [Assumption]
}

/// Every way that `trace` leaves open; one for a sure answer.
func ways(of trace: Trace) -> [Way] {
    var found: [Way] = []
    func visit(_ trace: Trace, _ steps: [Step], _ assumptions: [Assumption]) {
        let steps = steps + trace.steps
        let assumptions = assumptions + trace.assumptions
        if trace.branches.isEmpty { found.append(Way(end: trace, steps: steps, assumptions: assumptions)) }
        for branch in trace.branches { visit(branch.trace, steps, assumptions + branch.assumptions) }
    }
    visit(trace, [], [])
    return found
}

/// Compares an answer with what the kernel did.
struct Comparison {
    let model: HostModel
    let seen: Observation
    /// Whether the interface it came or left by stands for a tunnel that the laboratory could not make: what the kernel
    /// would have done with the outer packet is not seen.
    var passesStandIn = false
    /// Whether the laboratory keeps resets from going out, REJECT's among them.
    var holdsResets = false

    var linked: LinkedRuleset { model.linked }

    func agreement(of trace: Trace) -> Agreement {
        var best: Agreement?
        for way in ways(of: trace) {
            let found = differences(way)
            if found.isEmpty { return Agreement(differences: [], way: way) }
            if best.map({ found.count < $0.differences.count }) ?? true {
                best = Agreement(differences: found, way: way)
            }
        }
        return best ?? Agreement(differences: ["no way at all"], way: Way(end: trace, steps: [], assumptions: []))
    }

    /// Each way that the trace leaves open and what the kernel did otherwise, for the person who looks for the cause.
    func account(of trace: Trace) -> [String] {
        ways(of: trace).map { way in
            let given = way.assumptions.filter { !$0.isGiven }.map { "\($0.name)=\($0.value)" }
            let reason = way.end.reason.map { " (\($0.name))" } ?? ""
            return
                "hookline\(given.isEmpty ? "" : ", if \(given.joined(separator: " "))"): \(way.end.outcome.name)\(reason), "
                + "differs by: \(differences(way).joined(separator: "; ")); rules: \(rulesMet(way).joined(separator: ", "))"
        }
    }

    private func rulesMet(_ way: Way) -> [String] {
        visible(way).compactMap { step in
            guard case .rule(let rule) = step.kind else { return nil }
            return "\(step.view.hook.name) \(key(rule.rule.chain)) \(rule.rule.index + 1)\(step.isCertain ? "" : "?")"
        }
    }

    /// What differs on the way of a fragment that the kernel keeps for the others, empty where they agree, and the fragment
    /// as it is kept: what comes behind is of the whole datagram.
    func untilKept(_ trace: Trace) -> (differences: [String], fragment: Packet?) {
        var first: (differences: [String], fragment: Packet?)?
        for var way in ways(of: trace) {
            guard let kept = way.steps.firstIndex(where: \.isDefragmentation) else { continue }
            let fragment = way.steps[kept].view.packet
            way.steps.removeSubrange(kept...)
            let found = ruleDifferences(way) + policyDifferences(way) + countDifferences(way)
            if found.isEmpty { return ([], fragment) }
            first = first ?? (found, fragment)
        }
        return first ?? (["hookline keeps no fragment"], nil)
    }

    private func differences(_ way: Way) -> [String] {
        guard seen.isTraced else { return countDifferences(way) + outcomeDifferences(way) }
        var found = ruleDifferences(way) + policyDifferences(way) + countDifferences(way) + outcomeDifferences(way)
        if let state = seen.connection?.state?.asModel, let told = firstState(way), told != state {
            // Of an invalid packet the kernel says no more than of an untracked one.
            if !(state == .untracked && told == .invalid) {
                found.append("conntrack state: kernel \(word(state)), hookline \(word(told))")
            }
        }
        return found
    }

    private func firstState(_ way: Way) -> ConnectionStates? {
        for step in way.steps where step.layer == 0 {
            // What was not tracked in OUTPUT may yet be in PREROUTING, and the kernel's word is of the former.
            if case .loopback = step.kind, seen.connection?.state == .untracked { return nil }
            guard case .conntrack(let states, _, _) = step.kind else { continue }
            return states.intersection([.invalid, .new, .related, .established, .untracked])
        }
        return nil
    }

    private func word(_ states: ConnectionStates) -> String {
        ConnectionStates.names.first { states.contains($0.state) }?.name ?? "none"
    }

    /// The steps that the laboratory could see.
    func visible(_ way: Way) -> [Step] {
        passesStandIn ? way.steps.filter { $0.layer == 0 } : way.steps
    }

    // MARK: Rules

    func key(_ chain: ChainID) -> ChainKey {
        let table = linked.table(of: chain)
        return ChainKey(table.family, model.names.text(table.name), model.names.text(linked.chain(chain).name))
    }

    func isTraced(_ chain: ChainID) -> Bool { linked.table(of: chain).backend == .nfTables }

    private func ruleDifferences(_ way: Way) -> [String] {
        var ours: [(rule: SeenRule, isCertain: Bool)] = []
        for step in visible(way) {
            guard case .rule(let rule) = step.kind, isTraced(rule.rule.chain), !rule.isBroken else { continue }
            ours.append((seenRule(rule, step), step.isCertain))
        }
        // What is not certain may be passed over: each place in ours up to which the kernel's may have been met.
        var places: Set<Int> = [0]
        for (number, step) in seen.steps.enumerated() {
            let kernel = SeenRule(hook: step.hook, chain: step.chain, number: step.number, verdict: step.verdict)
            var reached: Set<Int> = []
            for place in places {
                for index in place..<ours.count {
                    if ours[index].rule == kernel { reached.insert(index + 1) }
                    if ours[index].isCertain { break }
                }
            }
            if reached.isEmpty {
                let next = places.max().flatMap { place in ours[place...].first { $0.isCertain } ?? ours[place...].first
                }
                let told = next.map { "\($0.rule)" } ?? "has no more"
                return ["rule \(number + 1): kernel \(kernel), hookline \(told)"]
            }
            places = reached
        }
        let left = places.map { place in ours[place...].first { $0.isCertain } }
        if left.contains(where: { $0 == nil }) { return [] }
        guard let more = left.compactMap({ $0 }).first else { return [] }
        return ["rule \(seen.steps.count + 1): kernel has no more, hookline \(more.rule)"]
    }

    /// The step as the kernel's trace tells it: REJECT is a drop there.
    private func seenRule(_ rule: RuleStep, _ step: Step) -> SeenRule {
        let target = rule.target.map { model.names.text(linked.chain($0).name) } ?? ""
        let verdict: TraceVerdict
        switch rule.verdict {
        // A packet that a queue without a program lets by has been queued in the kernel's words.
        case .accept where queues(rule.rule): verdict = .queue(0)
        case .accept: verdict = .accept
        case .drop, .reject: verdict = .drop
        case .jump: verdict = .jump(target)
        case .goto: verdict = .goto(target)
        case .return: verdict = .return
        case .continue: verdict = .continue
        case .queue: verdict = .queue(0)
        case .stolen: verdict = .stolen
        }
        return SeenRule(
            hook: step.view.hook, chain: key(rule.rule.chain), number: rule.rule.index + 1, verdict: verdict)
    }

    /// How many copies TEE sends on this way.
    func copies(_ way: Way) -> Int {
        way.steps.count { step in
            guard case .rule(let rule) = step.kind else { return false }
            return linked.rule(rule.rule).statements.contains { statement in
                if case .target(.tee) = statement { return true }
                return false
            }
        }
    }

    /// Whether this host may get a copy of what it sends: by POSTROUTING too (net/ipv6/ip6_output.c `ip6_finish_output2`).
    func getsCopy(_ way: Way) -> Bool {
        let isToGroup = way.end.last?.packet.destination.isMulticast ?? false
        return isToGroup && (way.end.outcome == .sent || way.end.reason == .ttl)
    }

    /// Without a trace what TEE sends looks like the packet itself: which of the frames is the packet's, `nil` for none,
    /// and whether there are more than there can be copies.
    private func ownFrame(_ way: Way) -> (frame: SeenFrame?, hasMore: Bool) {
        let end = way.end
        let leaves = end.outcome == .sent || end.outcome == .forwarded
        let links = Set(seen.frames.map(\.interface)).count
        let hasMore = links > copies(way) + (leaves ? 1 : 0)
        guard leaves, let packet = end.last?.packet else { return (nil, hasMore) }
        let own = seen.frames.filter { isOut(end, by: $0.interface) }
        let same = own.first { packetDifferences("", packet, $0.packet, leaving: []).isEmpty }
        return (same ?? own.first ?? seen.frames.last, hasMore)
    }

    /// Whether the packet leaves by an interface: a frame at a port is taken for its bridge's, which may have been the
    /// port's own.
    private func isOut(_ end: Trace, by interface: String) -> Bool {
        guard let told = end.outInterface else { return false }
        return model.names.text(told) == interface
            || model.interface(told)?.master.map { model.names.text($0) } == interface
    }

    /// Whether a packet leaves by an interface or by a port of it.
    private func isOut(_ end: Trace, byPortOrLink interface: String) -> Bool {
        guard let told = end.outInterface else { return false }
        if model.names.text(told) == interface { return true }
        return model.host.interfaces.contains { $0.master == told && model.names.text($0.name) == interface }
    }

    private func queues(_ rule: RuleReference) -> Bool {
        for case .target(let target) in linked.rule(rule).statements {
            switch target {
            case .nfQueue, .native(.queue): return true
            default: continue
            }
        }
        return false
    }

    private func policyDifferences(_ way: Way) -> [String] {
        for step in visible(way) where step.isCertain {
            guard case .policy(let chain, let verdict) = step.kind, isTraced(chain) else { continue }
            let policy = verdict == .drop ? Policy.drop : .accept
            let isSeen = seen.policies.contains {
                $0.hook == step.view.hook && $0.chain == key(chain) && $0.policy == policy
            }
            if !isSeen {
                return ["policy: hookline \(step.view.hook.name) \(key(chain)) \(verdict.name), not so in the kernel"]
            }
        }
        return []
    }

    // MARK: The end

    private func outcomeDifferences(_ way: Way) -> [String] {
        let end = way.end
        var isSeenWhole = false
        var left: String?
        var bytes = seen.packet
        var isPastAllHooks = false
        let hasCopies = !seen.isTraced && copies(way) > 0
        let own: (frame: SeenFrame?, hasMore: Bool) = hasCopies ? ownFrame(way) : (nil, false)
        if own.hasMore { return ["frames: more than hookline's copies"] }
        switch seen.outcome {
        // Of what came out of no interface nothing more is known.
        case .unseen where !seen.isTraced && end.outcome != .forwarded && end.outcome != .sent: return []
        case .sent where hasCopies && own.frame == nil, .forwarded where hasCopies && own.frame == nil: return []
        case .gone, .unroutable, .unseen:
            guard [.filtered, .unroutable, .dropped].contains(end.outcome) else {
                return ["outcome: kernel \(seen.outcome), hookline \(end.outcome.name)"]
            }
            return answerDifferences(end)
        case .lost: return []
        // A connection whose answers belong to another is not confirmed, behind everything that could be seen.
        case .forwarded(isSeen: false) where end.reason == .natNoAddress || end.reason == .natInterface: return []
        case .sent(isSeen: false) where end.reason == .natNoAddress || end.reason == .natInterface: return []
        case .forwarded(isSeen: false) where end.reason == .tooBig: return []
        case .sent(isSeen: false) where end.reason == .ttl || end.reason == .tooBig: return []
        // TEE's copies leave by the same link.
        case .sent where seen.hasCopies && (end.reason == .beyondScope || end.reason == .ttl): return []
        // The last fragment is short enough, where the first is not.
        case .forwarded where end.reason == .tooBig && isLaterFragment(seen.packet): return []
        case .sent where end.reason == .tooBig && isLaterFragment(seen.packet): return []
        // A group that does not reach beyond the host is kept back behind POSTROUTING.
        case .sent(isSeen: false) where end.reason == .beyondScope && end.last?.hook == .postrouting:
            isPastAllHooks = true
        case .delivered where end.reason == .natNoAddress && end.last?.hook == .input: return []
        // Headers for the host alone are read behind INPUT.
        case .delivered where end.reason == .badHeader && end.last?.hook == .input:
            (isSeenWhole, isPastAllHooks) = (true, true)
        // What a bridge sends to a group the host gets too: that copy is not told.
        case .delivered where end.outcome == .forwarded && end.last?.packet.destination.isMulticast == true: return []
        case .forwarded(let isSeen), .sent(let isSeen):
            isSeenWhole = isSeen
            left = own.frame?.interface ?? seen.interface
            if let frame = own.frame { bytes = frame.packet }
        case .delivered: isSeenWhole = true
        // A rule that has no trace may have met a copy: of it `counts` are all that is known.
        case .dropped(.legacy), .rejected(.legacy), .queued(.legacy):
            let ends: [Outcome] = [.dropped, .rejected, .queued, .filtered, .unroutable]
            if seen.hasCopies, ends.contains(end.outcome) { return [] }
        case .dropped, .rejected, .queued: break
        }
        // A match that drops the packet looks in the trace as its rule's target would.
        if case .rejected = seen.outcome, end.outcome == .dropped, isDroppedByMatch(way),
            seen.answers.allSatisfy({ $0.kind.isRedirect })
        {
            return []
        }
        guard isPastAllHooks || end.outcome.name == seen.outcome.name else {
            let reason = end.reason.map { " (\($0.name))" } ?? ""
            return ["outcome: kernel \(seen.outcome), hookline \(end.outcome.name)\(reason)"]
        }
        guard let last = end.last else { return [] }
        var found: [String] = []
        var packet = last.packet
        if !seen.outer.isEmpty {
            found += packetDifferences("outer packet", last.packet, seen.outer, leaving: [.sourcePort])
            packet = end.inner.first ?? packet
            packet.mark = last.packet.mark
        } else if passesStandIn, let inner = end.inner.first {
            packet = inner
        }
        if !bytes.isEmpty, isEndSeen {
            var hidden: PacketFields = isSeenWhole ? [] : [.ttl, .dscp]
            if seen.hidesAddresses { hidden.formUnion([.source, .destination]) }
            // The host's own copy may have changed it behind all that is told.
            if isPastAllHooks { hidden.insert(.destination) }
            let told = seen.outer.isEmpty ? packetAsLastTold(way) ?? packet : packet
            found += packetDifferences("packet", told, bytes, leaving: hidden)
        }
        if let left {
            let told = end.outInterface.map { model.names.text($0) } ?? "none that it knows"
            if !passesStandIn, !isOut(end, by: left) { found.append("out: kernel \(left), hookline \(told)") }
            if !isSeenWhole, left != "lo" { found.append("nothing left \(left)") }
        }
        found += rejectDifferences(end)
        if isEndSeen, !seen.isPastHooks, packet.mark != seen.mark, !packet.unknown.contains(.mark) {
            found.append("mark: kernel \(hexadecimal(seen.mark)), hookline \(hexadecimal(packet.mark))")
        }
        return found
    }

    private func isLaterFragment(_ bytes: [UInt8]) -> Bool {
        Packet(decoding: bytes.span).map { $0.fragmentOffset > 0 } == true
    }

    /// The packet behind the first rule that matched in the base chain which ended it: the kernel tells headers with the
    /// first event of each base chain, so that what further rules of it changed is not seen.
    /// Source: net/netfilter/nf_tables_trace.c `nft_trace_notify`, Linux 6.18.
    private func packetAsLastTold(_ way: Way) -> Packet? {
        switch seen.outcome {
        case .dropped, .rejected, .queued: break
        case .gone, .unroutable, .unseen, .lost, .forwarded, .sent, .delivered: return nil
        }
        var table: Int?
        var told: Packet?
        var after = way.end.last?.packet
        for step in way.steps.reversed() {
            switch step.kind {
            case .policy(let chain, .drop) where table == nil: table = linked.tableIndex(of: chain)
            case .rule(let rule) where !rule.isBroken:
                let own = linked.tableIndex(of: rule.rule.chain)
                guard table ?? own == own, rule.verdict != .accept else { return told }
                table = own
                told = after
            case .rule, .miss: break
            // Told behind its rule, with the packet from before.
            case .translation: continue
            case .policy, .conntrack, .routing, .defragmentation, .encapsulation, .decapsulation, .loopback, .delivery,
                .ipvs, .end:
                return told
            }
            after = step.view.packet
        }
        return told
    }

    private func isDroppedByMatch(_ way: Way) -> Bool {
        let rule = way.steps.reversed().lazy.compactMap { step -> RuleStep? in
            if case .rule(let rule) = step.kind { return rule }
            return nil
        }.first
        return rule?.isDropOfMatch == true
    }

    /// Whether headers and mark are the packet's last: legacy tables have no trace that tells them where they end a packet.
    private var isEndSeen: Bool {
        switch seen.outcome {
        case .dropped(.legacy), .rejected(.legacy), .queued(.legacy): false
        case .dropped, .rejected, .queued, .gone, .unroutable, .unseen, .lost, .forwarded, .sent, .delivered: true
        }
    }

    /// The kernel does not say why a packet vanished between two hooks, but some reasons are answered.
    private func answerDifferences(_ end: Trace) -> [String] {
        let told = seen.answers.map(\.kind)
        let answers: [(reason: Reason, kinds: [AnswerKind])] = [
            (.ttl, [.icmp(type: 11, code: 0), .icmpv6(type: 3, code: 0)]),
            (.tooBig, [.icmp(type: 3, code: 4), .icmpv6(type: 2, code: 0)]),
        ]
        for (reason, kinds) in answers where end.reason != reason && kinds.contains(where: told.contains) {
            // One of TEE's copies was too big for its own way.
            if reason == .tooBig, seen.hasCopies { continue }
            // The other way round the answer may have found no way to the sender, or was owed to no error.
            return ["reason: the kernel answered \(told), hookline \(end.reason?.name ?? end.outcome.name)"]
        }
        return []
    }

    /// REJECT's own answer, and what became of it.
    private func rejectDifferences(_ end: Trace) -> [String] {
        guard case .rejected = seen.outcome, let with = end.rejectWith else { return [] }
        var kind = AnswerKind.reset
        if let icmp = with.icmp {
            let isV4 = end.last?.packet.version == .v4
            kind = isV4 ? .icmp(type: icmp.type, code: icmp.code) : .icmpv6(type: icmp.type, code: icmp.code)
        }
        if kind == .reset, holdsResets { return [] }
        let all = seen.answers.filter { $0.kind == kind }.map(\.fate)
        let kernel = all.first
        // One of them may be to a copy.
        let fates: [ObservedAnswer.Fate?] = seen.hasRejectedCopy ? all + [nil] : [kernel]
        guard let answer = end.answer.first else {
            if fates.contains(nil) { return [] }
            return ["answer: the kernel's \(kind) \(fateWords(kernel)), hookline has none"]
        }
        let told = ways(of: answer)
        let agrees = told.contains { way in
            // What TEE sends of it looks like it.
            (copies(way) > 0 ? all : fates).contains { isSame(way.end, $0) }
        }
        if agrees { return [] }
        let name = told.first?.end.outcome.name ?? "none"
        return ["answer: the kernel's \(kind) \(fateWords(kernel)), hookline's is \(name)"]
    }

    private func isSame(_ answer: Trace, _ fate: ObservedAnswer.Fate?) -> Bool {
        switch fate {
        // What rules drop at egress is not traced: nothing asks for it there.
        case nil:
            [.unroutable, .filtered].contains(answer.outcome)
                || answer.outcome == .dropped && answer.last?.hook == .egress
        case .dropped: answer.outcome == .dropped || answer.outcome == .rejected
        case .delivered: answer.outcome == .delivered
        case .gone: ![.delivered, .sent, .forwarded].contains(answer.outcome)
        case .left("lo", _): answer.outcome == .filtered
        case .left(let interface, let address):
            (answer.outcome == .sent || answer.outcome == .forwarded)
                && isOut(answer, byPortOrLink: interface)
                && answer.last?.packet.destination == address
        }
    }

    private func fateWords(_ fate: ObservedAnswer.Fate?) -> String {
        switch fate {
        case nil: "was not seen"
        case .dropped(let chain, let number): "was dropped by \(chain) \(number.map { "\($0)" } ?? "policy")"
        case .delivered: "was delivered here"
        case .gone: "went nowhere"
        case .left(let interface, let address): "left by \(interface) to \(address)"
        }
    }

    private func packetDifferences(
        _ what: String, _ told: Packet, _ bytes: [UInt8], leaving left: PacketFields
    ) -> [String] {
        guard let kernel = Packet(decoding: bytes.span) else { return ["\(what): the kernel's is none"] }
        var found: [String] = []
        func compare<Value: Equatable>(_ field: PacketFields, _ name: String, _ ours: Value, _ theirs: Value) {
            if left.contains(field) || told.unknown.contains(field) || kernel.unknown.contains(field) { return }
            if ours != theirs { found.append("\(what) \(name): kernel \(theirs), hookline \(ours)") }
        }
        compare(.source, "source", told.source, kernel.source)
        compare(.destination, "destination", told.destination, kernel.destination)
        compare(.ttl, "ttl", told.ttl, kernel.ttl)
        compare(.dscp, "tos", told.tos, kernel.tos)
        // A trace leaves extension headers out, and with them what the transport is.
        if told.protocol.hasPorts, told.fragmentOffset == 0, kernel.protocol == told.protocol {
            if let choices = told.sourcePortChoices {
                // A later fragment tells none.
                let isSeen = !left.contains(.sourcePort) && !kernel.unknown.contains(.sourcePort)
                if isSeen, !choices.contains(kernel.sourcePort) {
                    found.append(
                        "\(what) source port: kernel \(kernel.sourcePort), hookline \(choices.first)-\(choices.last)")
                }
            } else {
                compare(.sourcePort, "source port", told.sourcePort, kernel.sourcePort)
            }
            compare(.destinationPort, "destination port", told.destinationPort, kernel.destinationPort)
        }
        return found
    }
}
