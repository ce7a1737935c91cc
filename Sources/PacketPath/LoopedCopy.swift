internal import NetTypes
internal import PathModel
internal import RuleModel

// What this host sends to a group of IPv6 that it has joined, it gets too: a copy without the socket, which goes through
// POSTROUTING behind the packet. The copy is not followed further, but what it leaves behind is.
// Source: net/ipv6/ip6_output.c `ip6_finish_output2`, net/core/skbuff.c `skb_clone`, Linux 6.18.
extension Evaluator {
    /// `state` after its copy has passed POSTROUTING: both have the same bytes until a target asks for its own. SNPT and
    /// DNPT don't. Source: net/ipv6/netfilter/ip6t_NPT.c; observed on Linux 6.18.
    func changedByCopy(_ state: WalkState) -> WalkState {
        guard state.packet.version == .v6, surelyGetsCopy(state), state.outcome == nil,
            let copy = passed(copy(of: state))
        else { return state }
        var state = state
        state.setChanges = copy.setChanges
        if copy.packet.ttl == state.packet.ttl, copy.packet.tos == state.packet.tos {
            state.packet.source = copy.packet.source
            state.packet.destination = copy.packet.destination
        }
        return state
    }

    private func copy(of state: WalkState) -> WalkState {
        var copy = state
        copy.position = .hook(.postrouting, step: 0)
        copy.packet.hasSocket = false
        copy.packet.userID = nil
        copy.packet.groupID = nil
        copy.packet.unknown.remove(.owner)
        return copy
    }

    /// The end of POSTROUTING for a copy; `nil` where that is not known.
    private func passed(_ copy: WalkState) -> WalkState? {
        var copy = copy
        while case .hook(.postrouting, let step) = copy.position, copy.outcome == nil {
            let ways = atHook(.postrouting, step, copy, isCopy: true)
            guard ways.count == 1, let way = ways.first else { return nil }
            copy = way
        }
        return copy
    }
}
