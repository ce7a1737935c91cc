internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// What this host sends to many it gets too, where it belongs to them: a copy without the socket, which comes back by the
// same link and is received before the packet itself goes on. With IPv4 the copy goes through POSTROUTING before the
// packet does, with IPv6 behind it. The copy's way is not told, but what it leaves behind is.
// Source: net/ipv4/ip_output.c `ip_mc_output`, net/ipv6/ip6_output.c `ip6_finish_output2`, net/core/skbuff.c `skb_clone`,
// net/core/dev.c `netif_rx`, Linux 6.18; observed there.
extension Evaluator {
    /// A copy on its way, with the addresses in the bytes that it shares with the packet: both have the same until one
    /// asks for its own. SNPT and DNPT don't. Source: net/ipv6/netfilter/ip6t_NPT.c; observed on Linux 6.18.
    private struct Copy {
        var way: WalkState
        var source: IPAddress
        var destination: IPAddress
        var isShared: Bool
        /// What nat's chains in POSTROUTING did.
        var steps: [Step] = []

        init(of state: WalkState) {
            way = state
            way.position = .hook(.postrouting, step: 0)
            way.isWithoutSocket = true
            way.packet.hasSocket = false
            way.packet.userID = nil
            way.packet.groupID = nil
            way.packet.unknown.remove(.owner)
            source = state.packet.source
            destination = state.packet.destination
            // A packet of IPv4 has its own bytes again before any target changes them.
            isShared = state.packet.version == .v6
        }
    }

    /// A packet of IPv4 that is on to POSTROUTING, after its copy. One without time to live goes no farther.
    func withCopyReceived(_ state: WalkState) -> [WalkState] {
        guard state.outcome == nil, surelyGetsCopy(state), let interface = state.route?.interface else {
            return [staysForItsTTL(state) ? ended(state, .filtered, .ttl) : state]
        }
        let ways = changedByCopy(state, interface)
        guard staysForItsTTL(state) else { return ways }
        return ways.map { way in
            var way = way
            way.history.steps += way.natOfCopy ?? []
            return ended(way, .filtered, .ttl)
        }
    }

    /// A packet of IPv6 to a group behind POSTROUTING: changed by its copy, and kept where its group is this host alone or
    /// its hop limit lets it go no farther.
    func sentToGroup(_ entering: WalkState) -> [WalkState] {
        guard entering.packet.version == .v6, entering.outcome == nil,
            !entering.packet.unknown.contains(.destination), entering.packet.destination.isMulticast,
            let interface = entering.route?.interface, model.interface(interface)?.isLoopback != true
        else { return [entering] }
        let ways = surelyGetsCopy(entering) ? changedByCopy(entering, interface) : [entering]
        if staysForItsTTL(entering) { return ways.map { ended($0, .filtered, .ttl) } }
        return ways.map { way in
            // Whatever address the copy has left there: the kernel reads it as a group's.
            way.packet.destination.high >> 48 & 15 <= 1 ? ended(way, .filtered, .beyondScope) : way
        }
    }

    /// `entering` as its copy leaves it; more than one way where that hangs on what is not known.
    private func changedByCopy(_ entering: WalkState, _ interface: Symbol) -> [WalkState] {
        var open = [Copy(of: entering)]
        var results: [WalkState] = []
        while let next = open.popLast() {
            let ways = advanced(next, interface)
            if ways.isEmpty { results.append(changed(entering, by: next)) } else { open += ways }
            if open.count + results.count > request.maximumLeaves { return [entering] }
        }
        guard var first = results.first,
            results.allSatisfy({ $0.goesOnLike(first) && $0.history.entries == first.history.entries })
        else { return joined(results) }
        let entries = first.history.entries
        first.history = entering.history
        first.history.entries = entries
        return [first]
    }

    private func changed(_ entering: WalkState, by copy: Copy) -> WalkState {
        var state = entering
        (state.packet.source, state.packet.destination) = (copy.source, copy.destination)
        state.setChanges = copy.way.setChanges
        state.history.take(copy.way.history)
        if case .entry(var own) = state.connection, case .entry(let other) = copy.way.connection,
            own.entry.original == other.entry.original
        {
            if state.packet.version == .v4 {
                own.entry = other.entry
                own.hasSourceMapping = other.hasSourceMapping
                own.sourceIsTranslated = other.sourceIsTranslated
            } else {
                (own.entry.mark, own.entry.labels) = (other.entry.mark, other.entry.labels)
            }
            state.connection = .entry(own)
        } else if case .entry(let other) = copy.way.connection, other.entry.status.contains(.confirmed) {
            // What has no entry itself is looked up again in PREROUTING, perhaps in another zone.
            state.history.entries.append(other.entry)
        }
        if state.packet.version == .v4, !copy.steps.isEmpty { state.natOfCopy = copy.steps }
        return state
    }

    /// What rules did to the bytes that the copy shares, up to the one that had it get its own.
    private func share(_ steps: ArraySlice<Step>, _ copy: inout Copy) {
        for step in steps where copy.isShared {
            guard case .rule(let rule) = step.kind else { continue }
            if asksForOwnBytes(step) || rule.changes.contains(where: { $0.field == .dscp && $0.before != $0.after }) {
                copy.isShared = false
                return
            }
            for change in rule.changes {
                guard case .address(let address) = change.after else { continue }
                if change.field == .source { copy.source = address }
                if change.field == .destination { copy.destination = address }
            }
        }
    }

    /// Whether a target asked for bytes that are the packet's alone, though it may have changed none of them.
    /// Source: net/netfilter/xt_HL.c `hl_tg6`, xt_TCPMSS.c `tcpmss_mangle_packet`, xt_TCPOPTSTRIP.c
    /// `tcpoptstrip_mangle_packet`, nft_payload.c `nft_payload_set_eval`, Linux 6.18.
    private func asksForOwnBytes(_ step: Step) -> Bool {
        guard case .rule(let rule) = step.kind, !rule.isDropOfMatch else { return false }
        return model.linked.rule(rule.rule).statements.contains { statement in
            guard case .target(let target) = statement else { return false }
            switch target {
            case .timeToLive, .native(.assign(.field, _)), .native(.assign(.payload, _)): return true
            case .tcpMSS, .tcpOptionStrip: return step.view.packet.fragmentOffset == 0
            case .accept, .drop, .return, .jump, .goto, .queue, .nfQueue, .reject, .dnat, .snat, .masquerade,
                .redirect, .netmap, .mark, .connectionMark, .connectionSecurityMark, .ct, .notrack, .classify,
                .checksumFill, .dscp, .tos, .ecn, .hmark, .prefixTranslation, .securityMark, .log, .nfLog, .ulog,
                .audit, .set, .tee, .idleTimer, .led, .rateEstimate, .trace, .tproxy, .synproxy, .clusterIP, .native,
                .unknown:
                return false
            }
        }
    }

    /// Whether the copy's connection is one that was seen to begin, which is translated no more where no nat chain is left.
    private func isFollowed(_ copy: WalkState) -> Bool {
        if case .entry(let tracked) = copy.connection { return tracked.entry.isFollowed }
        return false
    }

    /// A copy one stage on, through POSTROUTING, PREROUTING and INPUT; none at its end.
    private func advanced(_ copy: Copy, _ interface: Symbol) -> [Copy] {
        var before = copy.way
        if before.outcome != nil { return [] }
        let ways: [WalkState]
        var manipulation: Manipulation?
        switch before.position {
        case .hook(let hook, let step):
            ways = atHook(hook, step, before, isCopy: true)
            let plan = model.compiled.plan(before.packet.version, hook)
            if step < plan.count, plan[step].isNAT, plan[step] != .withoutNAT || !isFollowed(before) {
                manipulation = Manipulation(hook)
            }
        case .transmit:
            // What conntrack puts together goes on as another packet. An answer of the kernel's has left by then.
            let putsTogether = model.compiled.plan(before.packet.version, .prerouting).contains(.defragment)
            let isKept = before.packet.isFragment && putsTogether
            if isKept || !before.startedHere { return [] }
            ways = [cameBack(before, by: interface, isCopy: true)]
        case .routing:
            let destination = before.packet.destination
            if before.packet.version == .v6 {
                guard destination.isMulticast, hasJoined(destination, before.arrival) == true else { return [] }
            } else if before.packet.isFragment {
                return []
            }
            before.position = .hook(.input, step: 0)
            ways = [before]
        case .reception: ways = received(before)
        case .bridging, .localRouting, .departure, .deliver, .ended: return []
        }
        return ways.map { way in
            var next = copy
            next.way = way
            if manipulation == .source, case .hook(.postrouting, _) = before.position {
                next.steps = Array(way.history.steps.dropFirst(before.history.steps.count))
            }
            if case .transmit = before.position, isPutTogetherAgain(way) { next.isShared = false }
            let steps = way.history.steps.dropFirst(before.history.steps.count)
            share(steps, &next)
            if way.packet.tos != before.packet.tos { next.isShared = false }
            if let manipulation, case .entry(let tracked) = way.connection, tracked.isTranslated(manipulation) {
                next.isShared = false
            }
            if next.isShared { (next.source, next.destination) = (way.packet.source, way.packet.destination) }
            return next
        }
    }
}

extension WalkState.History {
    /// Takes what the way of a copy, which began here, rests on.
    mutating func take(_ copy: WalkState.History) {
        let own = steps.count
        assumptions = copy.assumptions.map { assumption in
            var assumption = assumption
            if assumption.step.map({ $0 >= own }) == true { assumption.step = nil }
            return assumption
        }
        (settled, probability, entries) = (copy.settled, copy.probability, copy.entries)
    }
}
