internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// Chains that are hung on a device: at ingress, where a packet comes in and before the IP layer, and at egress, where it
// goes out and behind all that the IP layer does. What comes in by a port of a bridge passes the port's, and the bridge's
// where the bridge hands it up; what goes out by a bridge passes the bridge's before the port's. Over lo both run.
// Source: net/core/dev.c `__netif_receive_skb_core`, `__dev_queue_xmit`, Linux 6.18; observed there.
extension Evaluator {
    /// Whether `chain` is hung on `device`.
    func isHung(_ chain: ChainID, on device: Symbol?) -> Bool {
        guard let device else { return false }
        return model.linked.chain(chain).devices.contains { own in
            if own == device { return true }
            let pattern = names.text(own).utf8
            return pattern.last == UInt8(ascii: "*") && names.text(device).utf8.starts(with: pattern.dropLast())
        }
    }

    /// Whether a chain of family inet lets no packet like this to its rules, nor any further: one of IPv6 of which the
    /// headers can't be followed to the transport. Family netdev asks its rules of it all the same.
    /// Source: include/net/netfilter/nf_tables_ipv6.h `nft_set_pktinfo_ipv6_ingress`, net/netfilter/nft_chain_filter.c
    /// `nft_do_chain_inet_ingress`, Linux 6.18; observed there.
    func isRefused(by chain: ChainID, _ packet: Packet) -> Bool {
        packet.version == .v6 && model.linked.table(of: chain).family == .inet && transport(packet) == .missing
    }

    /// The way before the chains at ingress of the interface; `nil` where none is hung on it.
    func atIngress(_ state: WalkState, of interface: InterfaceView) -> WalkState? {
        guard case .known(let device) = interface else { return nil }
        return at(.ingress, state, of: device)
    }

    /// The way before the chains at egress of the device; `nil` where none is hung on it.
    func atEgress(_ state: WalkState, of device: Symbol?) -> WalkState? {
        device.flatMap { at(.egress, state, of: $0) }
    }

    private func at(_ hook: Hook, _ state: WalkState, of device: Symbol) -> WalkState? {
        guard model.linked.baseChains(state.packet.version, hook).contains(where: { isHung($0, on: device) }) else {
            return nil
        }
        var way = state
        way.device = device
        way.position = .hook(hook, step: 0)
        return way
    }

    /// Behind the chains at ingress: to the bridge, or to the IP layer.
    func received(_ entering: WalkState) -> [WalkState] {
        var state = entering
        let device = state.device
        state.device = nil
        state.position = .hook(.prerouting, step: 0)
        if state.isLoopedBack { return [takenFromLo(state)] }
        if state.round > 0 { return [state] }
        state.context = HookContext()
        if device != nil, device == state.inPort { return receive(state) }
        if ranPreroutingOnBridge(state) { return [behindPrerouting(state)] }
        guard let reason = refusal(state) else { return [state] }
        return [ended(state, .filtered, reason)]
    }

    private func behindPrerouting(_ entering: WalkState) -> WalkState {
        var state = entering
        state.context = context(at: .prerouting, entering)
        state.position = .routing
        return state
    }

    /// A packet that the bridge hands up behind PREROUTING, where that ran within the bridge. Where it has another
    /// destination, the bridge has asked for its route before, and keeps what gets none: with IPv4 what the source is
    /// refused for, with IPv6 what the route is an error for. What is marked behind that is not routed again.
    /// Source: net/bridge/br_netfilter_hooks.c `br_nf_pre_routing_finish`, net/bridge/br_netfilter_ipv6.c
    /// `br_nf_pre_routing_finish_ipv6`, Linux 6.18; observed there.
    /// A socket that TPROXY gave it is forgotten: net/ipv4/ip_input.c `ip_rcv_core`, net/ipv6/ip6_input.c `ip6_rcv_core`.
    func handedUp(_ entering: WalkState) -> [WalkState] {
        guard entering.position == .routing, !entering.isLoopedBack, ranPreroutingOnBridge(entering),
            !isTurnedRound(entering)
        else { return [entering] }
        var state = entering
        state.isGivenToSocket = false
        guard let way = atIngress(state, of: state.arrival) else { return [state] }
        guard isReaddressed(state) else { return [way] }
        if state.packet.version == .v4 || findsNoWay(query(state)) {
            let ends = routeArrived(state)
            if ends.allSatisfy(isKeptByBridge) { return ends }
        }
        var marked = way
        marked.markOnBridge = state.packet.mark
        return [marked]
    }

    /// Whether the bridge goes no further for what was found: of IPv4 what is refused, of IPv6 any end.
    private func isKeptByBridge(_ way: WalkState) -> Bool {
        if way.packet.version == .v6 { return way.outcome != nil }
        switch way.reason {
        case .martianSource, .martianDestination, .rpFilter, .notJoined: return true
        default: return false
        }
    }

    /// Whether what is asked for gets no route, or one that is an error.
    func findsNoWay(_ query: RouteQuery) -> Bool {
        switch routeLookup(query, query.destination.version) {
        case .none: return true
        case .unknown, .several: return false
        case .found(let decision):
            switch decision.type {
            case .blackhole, .unreachable, .prohibit, .throw: return true
            case .unicast, .local, .broadcast, .multicast, .anycast, .nat: return false
            }
        }
    }

    /// Behind the chains at egress: by the bridge's port, back over lo, into a tunnel, or away.
    func departed(_ entering: __owned WalkState) -> [WalkState] {
        var state = consume entering
        let passed = state.device
        if passed != nil { state.device = nil }
        guard let interface = state.routeInterface else { return [left(consume state)] }
        if !state.isBridged, isBridge(interface), passed == nil || passed == interface {
            let ways = flooding(state, from: nil, on: interface, through: state.route?.nextHop)
            if ways.count > 1 || ways.contains(where: { $0.outcome != nil }) {
                return ways.flatMap { $0.outcome == nil ? departed($0) : [$0] }
            }
        }
        if state.isBridged || isBridge(interface) {
            let port = state.outPort ?? port(of: interface, toward: state)
            if !state.isBridged, passed == nil || passed == interface, model.interface(interface)?.master == nil,
                let way = atEgress(state, of: port)
            {
                return [way]
            }
            return leftByBridge(interface, port, state)
        }
        if model.isLoopback(interface) ?? false || names.text(interface) == "lo" {
            state = cameBack(state, by: interface, isCopy: false)
            return [state.outcome == nil ? fragmentedAgain(state) : state]
        }
        if let tunnel = tunnel(of: interface), state.layer < 4 { return [encapsulate(interface, tunnel, state)] }
        return [left(consume state)]
    }

    /// A packet or frame on its way out by a bridge: by a port that is a tunnel's it goes on in that.
    ///
    /// - Parameter port: `nil` where it is not known.
    func leftByBridge(_ bridge: Symbol, _ port: Symbol?, _ state: WalkState) -> [WalkState] {
        guard state.layer < 4 else { return [left(state)] }
        if let port {
            if isPortBlocked(port) { return [ended(state, .filtered, .portBlocked)] }
            guard let tunnel = tunnel(of: port) else { return [left(state)] }
            return [encapsulate(port, tunnel, state)]
        }
        // Any of those that pass frames on.
        var others = ports(of: bridge).filter { $0 != state.inPort && !isPortBlocked($0) }
        let tunnels = others.filter { tunnel(of: $0) != nil }
        others.removeAll { tunnels.contains($0) }
        var ways: [WalkState] = []
        var open: WalkState? = state
        for (index, port) in tunnels.enumerated() {
            guard let way = open, let tunnel = tunnel(of: port) else { break }
            if others.isEmpty, index == tunnels.count - 1 {
                ways.append(encapsulate(port, tunnel, way))
                return ways
            }
            let name = names.text(port)
            let unknown = Unknown(
                "port@\(name)", whenYes: "the frame leaves \(names.text(bridge)) by its port \(name), a tunnel",
                whenNo: "the frame leaves \(names.text(bridge)) by another port than \(name)")
            open = nil
            for (isTunnel, way) in decide(unknown, way) {
                if isTunnel { ways.append(encapsulate(port, tunnel, way)) } else { open = way }
            }
        }
        if let open { ways.append(left(open)) }
        return ways
    }

    private func left(_ entering: __owned WalkState) -> WalkState {
        var state = consume entering
        state.outcome = state.startedHere && !state.isBridged ? .sent : .forwarded
        state.position = .ended
        return state
    }

    /// Bytes that the frame has before the IP header, which count at egress; `nil` where the device's kind does not tell.
    /// Source: net/netfilter/nft_meta.c `NFT_META_LEN` of a packet that begins at its frame; observed on Linux 6.18.
    func frameHeader(at device: Symbol?) -> UInt32? {
        guard let device, let interface = model.interface(device) else { return nil }
        if interface.isLoopback { return 14 }
        switch isEthernet(.known(device)) {
        case true?: return 14
        case false?: return 0
        case nil: return nil
        }
    }

    /// Whether a rule of family netdev rejected the packet: its answer is made of the packet alone, and leaves by the device
    /// that the packet came in by. Source: net/netfilter/nft_reject_netdev.c, Linux 6.18.
    func isAnsweredByDevice(_ state: WalkState) -> Bool {
        guard state.context.hook == .ingress else { return false }
        for step in state.history.steps.reversed() {
            guard case .rule(let rule) = step.kind else { continue }
            return model.linked.table(of: rule.rule.chain).family == .netdev
        }
        return false
    }

    /// To whom a frame is, as the port of a bridge sees it that it came in by: not to the port, where it is to the bridge's
    /// address or to another host's. `nil` where the addresses are not known.
    /// Source: net/ethernet/eth.c `eth_type_trans`, Linux 6.18; observed there.
    func frameTypeAtPort(_ type: PacketType, _ state: WalkState) -> PacketType? {
        guard type == .unicast || type == .otherHost else { return type }
        guard let own = state.device.flatMap({ model.interface($0)?.mac }) else { return nil }
        var frame = knowsFrame(state) ? request.destinationMAC : nil
        if frame == nil, case .known(let bridge) = state.arrival { frame = model.interface(bridge)?.mac }
        return frame.map { $0 == own ? .unicast : .otherHost }
    }

    /// Whether it tells that something can't be reached, which a device's rules answer with no error.
    /// Source: net/ipv4/netfilter/nf_reject_ipv4.c `nf_skb_is_icmp_unreach`, net/ipv6/netfilter/nf_reject_ipv6.c
    /// `nf_skb_is_icmp6_unreach`, Linux 6.18.
    func isUnreachable(_ packet: Packet) -> Bool {
        switch packet.protocol {
        case .icmp: packet.icmpType == 3
        case .icmpv6: packet.icmpType == 1
        default: false
        }
    }
}
