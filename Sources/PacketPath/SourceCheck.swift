internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Addresses that no packet from the wire may have, whatever the routes. `nil` for a packet that may go on.
    func martian(_ state: WalkState) -> WalkState? {
        let packet = state.packet
        // Source: net/ipv4/route.c `ip_route_input_slow`, Linux 6.18. IPv6 has no more of it.
        if packet.version == .v6 || packet.destination.isMulticast { return nil }
        let source = packet.source.v4Bits
        let destination = packet.destination.v4Bits
        if packet.unknown.contains(.source) { return nil }
        if packet.source.isMulticast || source == .max { return ended(state, .filtered, .martianSource) }
        if destination == .max || (source == 0 && destination == 0) { return nil }
        if isNoAddress(packet.source) { return ended(state, .filtered, .martianSource) }
        if isNoAddress(packet.destination) { return ended(state, .filtered, .martianDestination) }
        var arrival: Symbol?
        if case .known(let name) = state.arrival { arrival = name }
        guard !routesLocalnet(arrival) else { return nil }
        if packet.destination.isLoopback { return ended(state, .filtered, .martianDestination) }
        if packet.source.isLoopback { return ended(state, .filtered, .martianSource) }
        return nil
    }

    /// Whether `address` is no host's: 0.0.0.0, and before Linux 5.3 all of 0.0.0.0/8.
    /// Source: include/linux/in.h `ipv4_is_zeronet`; observed on Linux 6.18.
    func isNoAddress(_ address: IPAddress) -> Bool {
        guard address.version == .v4, address.v4Bits >> 24 == 0 else { return false }
        return address.isZero || model.isKernelBefore(5, 3)
    }

    /// Why IPv6 does not forward a packet that it would route. Source: net/ipv6/ip6_output.c `ip6_forward`, Linux 6.18:
    /// what goes back by the link it came by is not looked at.
    func unforwardable(_ state: WalkState) -> Reason? {
        let packet = state.packet
        guard packet.version == .v6, !packet.unknown.contains(.source) else { return nil }
        if case .known(let arrival) = state.arrival, arrival == state.routeInterface { return nil }
        // A bridge that DNAT made route it itself has it pass for one of the link that it goes to.
        // Source: net/ipv6/ip6_input.c `ip6_rcv_core`, which takes the route's link for the one it came by.
        if state.round == 0, ranPreroutingOnBridge(state), packet.destination != request.packet.destination {
            return nil
        }
        if packet.source.isZero || packet.source.isMulticast || packet.source.isLoopback { return .martianSource }
        return packet.source.isLinkLocal ? .beyondScope : nil
    }

    /// Whether 127.0.0.0/8 may come and go by `interface`: `route_localnet` of it or of all.
    func routesLocalnet(_ interface: Symbol?) -> Bool {
        if model.commonSetting(.v4, "route_localnet") == 1 { return true }
        return interface.map { model.interfaceSetting(.v4, $0, "route_localnet") == 1 } ?? false
    }

    /// The reverse path: the host's own addresses are no sources from the wire, and `rp_filter` asks for a route back.
    /// Source: net/ipv4/fib_frontend.c `fib_validate_source`. IPv6 has neither. Observed on Linux 6.18.
    func sourceChecked(_ entering: WalkState) -> [WalkState] {
        var state = entering
        guard state.packet.version == .v4, !state.packet.unknown.contains(.source) else { return [state] }
        guard case .known(let interface) = state.arrival, model.host.knowsAddressesV4 else { return [state] }
        let setting = reversePathSetting(interface)
        if setting == 0, !looksBackUnasked(state, interface) {
            let isRefused = isOwnAddress(state.packet.source) && !acceptsLocal(interface)
            return [isRefused ? ended(state, .filtered, .martianSource) : state]
        }
        let decisions: [RouteDecision?]
        switch routeBack(state, interface) {
        case .unknown: return [state]
        case .none: decisions = []
        case .found(let decision): decisions = [decision]
        case .several(let choices): decisions = choices.map { $0.decision }
        }
        let found = decisions.compactMap { $0 }
        if let first = found.first, first.type != .unicast {
            // Blackhole and its like count as no route; an own or a broadcast address is a martian.
            switch first.type {
            case .local where acceptsLocal(interface): break
            case .local, .broadcast, .multicast, .anycast: return [ended(state, .filtered, .martianSource)]
            case .unicast, .blackhole, .unreachable, .prohibit, .throw, .nat: break
            }
        }
        if setting == 0 { return [state] }
        let ways = found.filter { $0.type == .unicast || $0.type == .local }
        if ways.contains(where: { uses($0.route, interface) }) { return [state] }
        switch setting {
        case 1?: return [ended(state, .filtered, .rpFilter)]
        case nil:
            let unknown = Unknown(
                "rp-filter", yes: "strict", no: "off",
                whenYes: "rp_filter is strict: the way back to \(state.packet.source) is not \(names.text(interface))",
                whenNo: "rp_filter is off or loose")
            if let settled = settle(unknown, &state) { return [settled ? ended(state, .filtered, .rpFilter) : state] }
            return [
                ended(assume([unknown], true, nil, state), .filtered, .rpFilter), assume([unknown], false, nil, state),
            ]
        default:
            // An interface without an address is no way for any.
            let hasAddress = model.interface(interface)?.addresses.contains { $0.address.version == .v4 } ?? true
            return [!ways.isEmpty && hasAddress ? state : ended(state, .filtered, .rpFilter)]
        }
    }

    /// Whether the kernel looks for the way back although `rp_filter` is off: the packet would turn round on its link and
    /// the host may send redirects, there are realms, or an `ip rule` or a local route beside its own and no
    /// `accept_local`.
    /// Source: net/ipv4/fib_frontend.c `fib_validate_source`, Linux 6.18.
    private func looksBackUnasked(_ state: WalkState, _ interface: Symbol) -> Bool {
        // Redirects are on unless someone turned them off.
        if state.routeInterface == interface,
            model.interfaceSetting(.v4, interface, "send_redirects") != 0
                || model.commonSetting(.v4, "send_redirects") != 0
        {
            return true
        }
        let tables = model.routes(.v4)
        // Realms are taken from the way back.
        if tables.hasRealms { return true }
        if acceptsLocal(interface) { return false }
        return tables.hasOwnRules || tables.hasForeignLocalRoutes
    }

    /// The route back to the packet's source: the packet turned round, as if it came in by the interface it would leave
    /// by, or by lo where it is for this host; ports too. Source: net/ipv4/fib_frontend.c `__fib_validate_source`.
    func routeBack(_ state: WalkState, _ interface: Symbol) -> RouteResult {
        var query = RouteQuery(destination: state.packet.source, source: state.packet.destination)
        // Within a VRF it is asked for as if it came by that.
        query.inInterface = model.vrf(of: interface)?.name ?? state.routeInterface ?? names.find("lo")
        query.tos = state.packet.tos
        // Source: net/ipv4/route.c `ip_route_input_slow`, `ip_mc_validate_source`, Linux 6.18.
        if isForMany(state.packet) { query.source = nil }
        let there = RouteQuery(state.packet, inInterface: query.inInterface)
        query.protocol = there.protocol
        (query.sourcePort, query.destinationPort) = (there.destinationPort, there.sourcePort)
        let usesMark =
            model.commonSetting(.v4, "src_valid_mark") == 1
            || model.interfaceSetting(.v4, interface, "src_valid_mark") == 1
        if usesMark { query.mark = state.packet.mark }
        return routeLookup(query, .v4)
    }

    /// The larger of `conf.all` and `conf.IFACE`; `nil` where the input does not tell.
    private func reversePathSetting(_ interface: Symbol) -> Int? {
        let all = model.commonSetting(.v4, "rp_filter")
        let own = model.interfaceSetting(.v4, interface, "rp_filter")
        // The largest there is settles it; of a smaller one the other may be larger.
        if all == 2 || own == 2 { return 2 }
        guard let all, let own else { return nil }
        return max(all, own)
    }

    private func acceptsLocal(_ interface: Symbol) -> Bool {
        model.commonSetting(.v4, "accept_local") == 1
            || model.interfaceSetting(.v4, interface, "accept_local") == 1
    }

    func isOwnAddress(_ address: IPAddress) -> Bool { model.isOwnAddress(address) }

    /// Whether `route` leads by `interface`, or by another of its VRF.
    /// Source: net/ipv4/fib_frontend.c `fib_info_nh_uses_dev`, Linux 6.18.
    private func uses(_ route: Route?, _ interface: Symbol) -> Bool {
        let vrf = model.vrf(of: interface)?.name
        return (route?.nextHops ?? []).contains { hop in
            guard let own = hop.interface else { return false }
            return own == interface || vrf != nil && model.vrf(of: own)?.name == vrf
        }
    }
}
