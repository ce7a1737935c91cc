internal import NetTypes
internal import PathModel
internal import RuleModel

extension Evaluator {
    /// The connection enters the table.
    func confirmed(_ entering: __owned WalkState) -> WalkState {
        var state = consume entering
        // The answer of a REJECT has the entry that the packet would have made: that was for the packet to do.
        // Source: net/netfilter/nf_conntrack_core.c `__nf_conntrack_confirm`.
        guard case .entry(var tracked) = state.connection, tracked.isNew, tracked.direction == .original else {
            return state
        }
        // Source: net/netfilter/nf_conntrack_core.c `__nf_conntrack_confirm`; observed on Linux 6.18.
        let isTaken =
            tracked.entry.hasDrawnPort ? hasNoFreePort(tracked, state) : isTaken(tracked.entry.reply, state)
        if isTaken, let winner = winner(over: tracked, state) {
            state.connection = .entry(winner)
            return state
        }
        if isTaken {
            state.outcome = .dropped
            state.reason = .natNoAddress
            return state
        }
        tracked.entry.status.insert(.confirmed)
        tracked.entry.lacksSourceMapping = !tracked.hasSourceMapping
        tracked.entry.lacksDestinationMapping = !tracked.hasDestinationMapping
        state.connection = .entry(tracked)
        return state
    }

    /// The packet with the connection that was there before, where its own clashes with that and both are one in two
    /// directions: no flow of TCP and SCTP does without its own.
    /// Source: net/netfilter/nf_conntrack_core.c `__nf_ct_resolve_clash`, `nf_ct_can_merge`; observed on Linux 6.18, which
    /// does not ask any more whether NAT has looked at the other.
    private func winner(over loser: TrackedConnection, _ state: WalkState) -> TrackedConnection? {
        let zone = loser.entry.fullZone
        guard mayClash(loser.entry.original.protocol),
            let found = remaining(state).taker(of: loser.entry.reply, zone: zone)
        else { return nil }
        let other = found.entry
        let isReverse =
            other.original == loser.entry.reply && other.reply == loser.entry.original
            && other.fullZone.id(in: .original) == zone.id(in: .reply)
            && other.fullZone.id(in: .reply) == zone.id(in: .original)
        guard isReverse else { return nil }
        var winner = loser
        winner.entry = other
        winner.entry.originalCounters = other.originalCounters.map { counters in
            Counters(
                packets: counters.packets &+ (loser.entry.originalCounters?.packets ?? 0),
                bytes: counters.bytes &+ (loser.entry.originalCounters?.bytes ?? 0))
        }
        return winner
    }

    /// No flow of TCP and SCTP goes on as another one. Source: `allow_clash` of net/netfilter/nf_conntrack_proto_*.c.
    func mayClash(_ protocol: IPProtocol) -> Bool { `protocol` != .tcp && `protocol` != .sctp }
}
