internal import NetTypes
internal import PathModel
internal import RuleModel

extension Evaluator {
    /// What the sender notices, as far as this host is concerned.
    func senderView(_ state: WalkState) -> SenderView? {
        switch state.outcome ?? .undecided {
        case .forwarded, .sent: return .answer
        case .delivered: return deliveredView(state)
        case .dropped, .queued: return .timeout
        case .rejected:
            return state.rejectWith.map { with in
                with.icmp.map { .unreachable(type: $0.type, code: $0.code) } ?? .reset
            }
        case .unroutable, .filtered: return errorView(state)
        case .undecided: return nil
        }
    }

    /// A port that nobody listens on answers with a reset or an ICMP error.
    private func deliveredView(_ state: WalkState) -> SenderView? {
        if silencesEcho(state) { return .timeout }
        guard model.host.listeners != nil, case .delivery(let listener)? = state.history.steps.last?.kind else {
            return .answer
        }
        if listener != nil || !state.packet.protocol.hasPorts { return .answer }
        if case .entry(let tracked) = state.connection, tracked.direction == .reply { return .answer }
        // What was sent to many is never answered by an error. Source: net/ipv4/icmp.c `icmp_send`, net/ipv6/icmp.c
        // `icmp6_send`, net/ipv4/udp.c `__udp4_lib_mcast_deliver`, Linux 6.1.
        if state.packet.packetType != .unicast, state.packet.packetType != .loopback { return .timeout }
        if isForMany(state.packet) { return .timeout }
        if state.packet.isWithinConnection { return nil }
        if state.packet.protocol == .tcp { return .reset }
        return state.packet.version == .v4 ? .unreachable(type: 3, code: 3) : .unreachable(type: 1, code: 4)
    }

    /// Which ICMP error answers a packet that routing ended. Source: net/ipv4/route.c `ip_error`.
    private func errorView(_ state: WalkState) -> SenderView {
        let isV4 = state.packet.version == .v4
        switch state.reason {
        case .noRoute?: return isV4 ? .unreachable(type: 3, code: 0) : .unreachable(type: 1, code: 0)
        case .unreachable?: return isV4 ? .unreachable(type: 3, code: 1) : .unreachable(type: 1, code: 3)
        case .prohibit?: return isV4 ? .unreachable(type: 3, code: 13) : .unreachable(type: 1, code: 1)
        case .beyondScope? where !state.startedHere: return .unreachable(type: 1, code: 2)
        case .ttl? where isForMany(state.packet): return .timeout
        case .ttl?: return isV4 ? .unreachable(type: 11, code: 0) : .unreachable(type: 3, code: 0)
        case .badHeader? where hasBrokenOptions(state.packet) && !isForMany(state.packet):
            return .unreachable(type: 12, code: 0)
        // A bridge drops what is too long without a word.
        case .tooBig? where state.isBridged || isTooLongForBridge(state): return .timeout
        case .tooBig?: return isV4 ? .unreachable(type: 3, code: 4) : .unreachable(type: 2, code: 0)
        default: return .timeout
        }
    }
}
