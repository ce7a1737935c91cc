internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// `rt`, `fib` and `socket`: what the host's tables say of a packet.
extension Evaluator {
    /// Before the routing decision there is nothing to load. Source: net/netfilter/nft_rt.c.
    func routeValue(_ key: RouteKey, _ state: WalkState) -> NativeValue {
        let packet = state.packet
        switch key {
        case .isSecured: return hasDecider(.xfrm) ? .hidden(bits: 8) : NativeValue(0, bits: 8)
        case .nextHopV4: if packet.version != .v4 { return .absent }
        case .nextHopV6: if packet.version != .v6 { return .absent }
        case .classIdentifier, .mtu: break
        }
        guard let route = state.route else {
            // What is delivered has a route too, which leads to no gateway. Observed on Linux 6.18.
            guard state.context.hook == .input else { return .absent }
            switch key {
            case .classIdentifier:
                return routeTag(state).map { NativeValue(UInt64($0), bits: 32) } ?? .hidden(bits: 32)
            case .nextHopV4, .nextHopV6:
                return packet.unknown.contains(.destination)
                    ? .hidden(bits: packet.version.addressBits) : NativeValue(packet.destination.bytes)
            case .mtu, .isSecured: return .absent
            }
        }
        switch key {
        case .classIdentifier:
            return routeTag(state).map { NativeValue(UInt64($0), bits: 32) } ?? .hidden(bits: 32)
        case .nextHopV4, .nextHopV6:
            let bits = packet.version.addressBits
            guard route.isKnown, route.interface != nil else { return .hidden(bits: bits) }
            if let hop = route.nextHop { return NativeValue(hop.bytes) }
            return packet.unknown.contains(.destination) ? .hidden(bits: bits) : NativeValue(packet.destination.bytes)
        case .mtu: return leastMTU(state).map { NativeValue(segmentSize($0, packet), bits: 16) } ?? .hidden(bits: 16)
        case .isSecured: return .absent
        }
    }

    /// What TCP has left of an MTU, in bytes; where that is nothing, or the MTU that of IPv6 on lo, TCP's least.
    /// Source: net/netfilter/nft_rt.c `get_tcpmss`, Linux 6.18; observed there.
    private func segmentSize(_ mtu: UInt32, _ packet: Packet) -> UInt64 {
        let headers: UInt32 = packet.version == .v4 ? 40 : 60
        return mtu <= headers || mtu > 65535 ? 536 : UInt64(mtu - headers)
    }

    // MARK: fib

    /// Source: net/ipv4/netfilter/nft_fib_ipv4.c, net/ipv6/netfilter/nft_fib_ipv6.c, Linux 6.18.
    func fibValue(_ query: FibQuery, _ state: WalkState) -> NativeValue {
        let packet = state.packet
        let asksDestination = query.flags.contains(.destination)
        var view: InterfaceView?
        if query.flags.contains(.inInterface) {
            view = state.context.inInterface
        } else if query.flags.contains(.outInterface) {
            view = state.context.outInterface
        }
        let bits = query.testsPresence ? 8 : query.result == .addressType ? 32 : 128
        if packet.unknown.contains(asksDestination ? .destination : .source) { return .hidden(bits: bits) }
        var interface: Symbol?
        switch view {
        case .known(let name)?: interface = name
        case .unknown?: return .hidden(bits: bits)
        case .some(.none), nil: break
        }
        let address = asksDestination ? packet.destination : packet.source
        if query.result == .addressType {
            guard let type = fibType(address, on: interface, query, state) else { return .hidden(bits: bits) }
            return NativeValue(UInt64(type), bits: bits)
        }
        let found: Symbol?
        switch fibInterface(query, interface, state) {
        case .none: found = nil
        case .known(let name): found = name
        case .unknown: return .hidden(bits: bits)
        }
        if query.testsPresence { return NativeValue(found == nil ? 0 : 1, bits: 8) }
        // An index is known by the interface's name.
        let own = found.map { Array(names.text($0).utf8.prefix(15)) } ?? []
        return NativeValue(own + [UInt8](repeating: 0, count: 16 - own.count))
    }

    /// `RTN_…` of an address, in which an IPv6 address has the type of its route or of its form.
    private func fibType(_ address: IPAddress, on interface: Symbol?, _ query: FibQuery, _ state: WalkState) -> UInt16?
    {
        if address.version == .v4 { return addressType(address, on: interface).map { bit($0) } }
        var route = RouteQuery(destination: address)
        route.source = query.flags.contains(.destination) ? state.packet.source : state.packet.destination
        route.mark = query.flags.contains(.mark) ? state.packet.mark : 0
        route.protocol = fibProtocol(state.packet)
        route.tos = state.packet.tos
        if state.packet.unknown.contains(.dscp) { route.unknown.insert(.dscp) }
        if isOfLink(address) { route.outInterface = interface ?? device(state) }
        var found: UInt16 = 0
        if let interface {
            guard let type = addressType(address, on: interface) else { return nil }
            if type == .local { found = bit(.local) }
        }
        switch routeLookup(route, .v6) {
        case .none: return bit(.unreachable)
        case .found(let decision):
            switch decision.type {
            case .blackhole, .unreachable, .prohibit, .throw: return bit(decision.type)
            case .anycast: return bit(.anycast)
            case .local, .unicast:
                if isFirstOfSubnet(address, decision) { return bit(.anycast) }
                if decision.type == .local, interface == nil { found = bit(.local) }
            case .broadcast, .multicast, .nat: break
            }
        case .several(let choices): if choices.contains(where: { $0.weight == 0 }) { return nil }
        case .unknown:
            guard let type = addressType(address), type == .local else { return nil }
            if interface == nil { found = bit(.local) }
        }
        if found != 0 { return found }
        if address.isMulticast { return bit(.multicast) }
        return isUnicastV6(address) ? bit(.unicast) : 0
    }

    /// Whether it is the routers' address of a subnet that is reached without one; `::` is that of a default route.
    /// Source: include/net/ip6_route.h `ipv6_anycast_destination`, Linux 6.18; observed there.
    private func isFirstOfSubnet(_ address: IPAddress, _ decision: RouteDecision) -> Bool {
        guard let prefix = decision.route?.destination, decision.nextHop?.gateway == nil else { return false }
        return prefix.length < 127 && prefix.address == address
    }

    /// What nf_tables takes for the transport: AH, where there is one.
    private func fibProtocol(_ packet: Packet) -> IPProtocol {
        if case .found(let own, _) = transport(packet) { return own }
        return packet.protocol
    }

    /// The interface that the look-up gives; none where there is no route, or where it is not the one asked for.
    private func fibInterface(_ query: FibQuery, _ interface: Symbol?, _ state: WalkState) -> InterfaceView {
        let packet = state.packet
        if state.context.hook == .prerouting || state.context.hook == .ingress {
            var own: Symbol?
            if case .known(let name) = state.context.inInterface { own = name }
            if state.isLoopedBack || packet.packetType == .loopback || own.map({ isLoopback($0) }) == true {
                return state.context.inInterface
            }
            if packet.version == .v6, packet.source.isZero, packet.protocol == .icmpv6, isOfLink(packet.destination) {
                return state.context.inInterface
            }
        }
        if packet.version == .v4, isNoAddress(packet.source), isLimitedOrLocalMulticast(packet.destination) {
            return state.arrival
        }
        var route = RouteQuery(destination: packet.destination)
        let other: IPAddress
        if query.flags.contains(.destination) {
            other = packet.source
        } else {
            route.destination = packet.source
            other = packet.destination
        }
        route.ignoresLinkState = true
        route.inInterface = names.find("lo")
        route.protocol = fibProtocol(packet)
        if query.flags.contains(.mark) {
            route.mark = packet.mark
            if packet.unknown.contains(.mark) { route.unknown.insert(.mark) }
        }
        route.tos = packet.tos
        if packet.unknown.contains(.dscp) { route.unknown.insert(.dscp) }
        switch packet.version {
        case .v4:
            let isPlain = !other.isMulticast && other.v4Bits != .max && !isNoAddress(other)
            route.source = isPlain ? other : .zero(.v4)
            if state.context.hook == .forward, query.flags.contains(.inInterface),
                !query.flags.contains(.destination), case .known(let out) = state.context.outInterface
            {
                route.inInterface = out
            }
        case .v6:
            if isUnicastV6(other) { route.source = other }
            if isOfLink(route.destination) { route.outInterface = interface ?? device(state) }
        }
        switch routeLookup(route, packet.version) {
        case .none: return .none
        case .unknown: return .unknown
        case .found(let decision): return fibResult(decision, interface, packet.version)
        case .several(let choices):
            var common: InterfaceView?
            for choice in choices {
                let one = choice.decision.map { fibResult($0, interface, packet.version) } ?? .none
                if let common, common != one { return .unknown }
                common = one
            }
            return common ?? .none
        }
    }

    /// Addresses with a meaning on one link only, groups of the link's scope among them.
    /// Source: net/ipv6/addrconf_core.c `__ipv6_addr_type`: `IPV6_ADDR_LINKLOCAL`.
    private func isOfLink(_ address: IPAddress) -> Bool {
        address.isLinkLocal || address.version == .v6 && address.high >> 48 & 0xff0f == 0xff02
    }

    /// The device that the kernel has down for the packet itself, by which an address of a link is looked up where the rule
    /// names none: none before what is made here has been routed. Source: net/ipv6/netfilter/nft_fib_ipv6.c
    /// `nft_fib6_flowi_init`, Linux 6.18; observed there.
    private func device(_ state: WalkState) -> Symbol? {
        switch state.context.hook {
        case .ingress, .prerouting, .input, .forward:
            if case .known(let name) = state.context.inInterface { return name }
        case .postrouting, .egress: if case .known(let name) = state.context.outInterface { return name }
        case .output: break
        }
        return nil
    }

    private func fibResult(_ decision: RouteDecision, _ wanted: Symbol?, _ version: IPVersion) -> InterfaceView {
        switch decision.type {
        case .local, .blackhole, .unreachable, .prohibit, .throw, .nat: return .none
        case .anycast: if version == .v6 { return .none }
        case .unicast, .broadcast, .multicast: break
        }
        let hops = decision.route?.nextHops ?? []
        guard let wanted else {
            guard let own = decision.nextHop?.interface ?? hops.first?.interface else { return .unknown }
            return .known(own)
        }
        // Any next hop of the route will do for IPv4: fib_frontend.c `fib_info_nh_uses_dev`.
        let devices = version == .v4 ? hops.map { $0.interface } : [decision.nextHop?.interface]
        guard let device = devices.first(where: { $0 == wanted || isPort($0, of: wanted) }) else { return .none }
        return version == .v4 ? .known(wanted) : device.map { .known($0) } ?? .unknown
    }

    // MARK: socket

    /// Source: net/netfilter/nft_socket.c: without a socket the rule breaks, but with a wildcard one it goes on.
    func socketValue(_ state: WalkState) -> NativeValue {
        var match = SocketMatch()
        match.noWildcard = true
        guard testSocket(match, state) != .no else { return .absent }
        // Whether it is transparent, its mark and its group are in no listing.
        return .unknown
    }
}
