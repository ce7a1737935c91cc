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
        // Who is inside a tunnel's packet is answered, if anyone is.
        if openTunnel(of: state) != nil { return nil }
        if let view = protocolView(state) { return view.known }
        guard model.host.listeners != nil, case .delivery(let listener)? = state.history.steps.last?.kind else {
            return .answer
        }
        if listener != nil || !state.packet.protocol.hasPorts { return .answer }
        if case .entry(let tracked) = state.connection, tracked.direction == .reply { return .answer }
        // What was sent to many is never answered by an error. Source: net/ipv4/icmp.c `icmp_send`, net/ipv6/icmp.c
        // `icmp6_send`, net/ipv4/udp.c `__udp4_lib_mcast_deliver`, Linux 6.1.
        if state.packet.packetType != .unicast, state.packet.packetType != .loopback { return .timeout }
        // Sent from here, no address is the host itself.
        if isForMany(state.packet), !state.packet.destination.isZero { return .timeout }
        if state.packet.isWithinConnection { return nil }
        if state.packet.protocol == .tcp { return .reset }
        return state.packet.version == .v4 ? .unreachable(type: 3, code: 3) : .unreachable(type: 1, code: 4)
    }

    private func isRefusedByLoopback(_ state: WalkState) -> Bool {
        for step in state.history.steps.reversed() {
            if case .routing(let routing) = step.kind { return routing.route?.type == .unicast }
        }
        return false
    }

    /// What is known of the answer to a packet of a protocol that the kernel itself may not know.
    private struct ProtocolView {
        var known: SenderView?
    }

    /// What answers a packet of a protocol other than those that every kernel takes: an error, unless a program or a module
    /// takes it. `nil` for those.
    /// Source: net/ipv4/ip_input.c `ip_protocol_deliver_rcu`, net/ipv6/ip6_input.c `ip6_protocol_deliver_rcu`, Linux
    /// 6.18; observed there.
    private func protocolView(_ state: WalkState) -> ProtocolView? {
        let packet = state.packet
        if packet.protocol.hasPorts || packet.unknown.contains(.protocol) { return nil }
        let isV4 = packet.version == .v4
        switch packet.protocol {
        case .icmp: if isV4 { return nil }
        case .icmpv6: if !isV4 { return nil }
        case .igmp: if isV4 { return nil }
        // IPIP, IPv6, GRE, ESP, AH, EIGRP, OSPF, PIM, IPComp, VRRP, L2TP: a module's or a program's where there is one.
        case .ipip, .ipv6, .gre, .esp, .ah, IPProtocol(88), IPProtocol(89), IPProtocol(103), .ipcomp, IPProtocol(112),
            IPProtocol(115):
            return ProtocolView(known: nil)
        // Headers of IPv6, of which what stands behind them is not told.
        case IPProtocol(0), IPProtocol(43), IPProtocol(44), IPProtocol(60), IPProtocol(135), IPProtocol(139),
            IPProtocol(140):
            if !isV4 { return ProtocolView(known: nil) }
        case IPProtocol(59): if !isV4 { return ProtocolView(known: .timeout) }
        default: break
        }
        if isForMany(packet) || packet.packetType != .unicast && packet.packetType != .loopback {
            return ProtocolView(known: .timeout)
        }
        return ProtocolView(known: isV4 ? .unreachable(type: 3, code: 2) : .unreachable(type: 4, code: 1))
    }

    /// Which ICMP error answers a packet that routing ended. Source: net/ipv4/route.c `ip_error`.
    private func errorView(_ state: WalkState) -> SenderView {
        let isV4 = state.packet.version == .v4
        switch state.reason {
        case .noRoute?: return isV4 ? .unreachable(type: 3, code: 0) : .unreachable(type: 1, code: 0)
        case .unreachable? where isV4: return .unreachable(type: 3, code: 1)
        // IPv6 tells others of such a route as of none, and nobody here of one that leads to lo.
        // Source: net/ipv6/route.c `ip6_rt_init_dst_reject`, `ip6_pkt_discard`, Linux 6.18; observed there.
        case .unreachable? where !state.startedHere: return .unreachable(type: 1, code: 0)
        case .unreachable?: return isRefusedByLoopback(state) ? .timeout : .unreachable(type: 1, code: 3)
        case .prohibit?: return isV4 ? .unreachable(type: 3, code: 13) : .unreachable(type: 1, code: 1)
        case .beyondScope? where !state.startedHere: return .unreachable(type: 1, code: 2)
        case .ttl? where isForMany(state.packet): return .timeout
        case .ttl?: return isV4 ? .unreachable(type: 11, code: 0) : .unreachable(type: 3, code: 0)
        case .badHeader? where state.context.hook == .input && !isV4:
            if case .answered(let code) = destinationHeaders(state) { return .unreachable(type: 4, code: code) }
            return .timeout
        case .badHeader? where hasBrokenOptions(state.packet) && !isForMany(state.packet):
            return .unreachable(type: 12, code: 0)
        // A bridge drops what is too long without a word.
        case .tooBig? where state.isBridged || isTooLongForBridge(state): return .timeout
        case .tooBig?: return isV4 ? .unreachable(type: 3, code: 4) : .unreachable(type: 2, code: 0)
        default: return .timeout
        }
    }
}
