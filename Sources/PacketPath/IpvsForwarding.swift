internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// How IPVS sends on: translated (masquerade), as it is to another host (route), or in a tunnel.
// Source: net/netfilter/ipvs/ip_vs_xmit.c, ip_vs_nfct.c, Linux 6.x.
extension Evaluator {
    func forwarded(
        to server: RealServer, _ service: VirtualService, isFromConnection: Bool, _ entering: WalkState
    ) -> [WalkState] {
        var state = entering
        let isTracked = keepsConntrack(&state)
        var connection = VirtualConnection(state.packet, server, isTracked: isTracked)
        connection.isPersistent = service.persistence != nil
        return forwarded(connection, service, isFromConnection: isFromConnection, state)
    }

    func forwarded(
        _ connection: VirtualConnection, _ service: VirtualService?, isFromConnection: Bool, _ entering: WalkState
    ) -> [WalkState] {
        var state = entering
        var step = VirtualServiceStep(.request, connection)
        if let service { step.take(service) }
        step.isFromConnection = isFromConnection
        state.record(.ipvs(step))
        // What is scheduled one by one leaves no connection behind. Source: `IP_VS_CONN_F_ONE_PACKET`.
        let isAlone = service?.isOnePacket == true && connection.protocol == .udp
        state.virtualConnection = isAlone ? nil : connection
        if connection.method == .local || connection.method == .bypass { return [passed(connection, state)] }
        // Neither the packet's source, nor its mark or type of service, is asked for. Source: `do_output_route4`.
        return look(RouteQuery(destination: connection.server), state).flatMap { found -> [WalkState] in
            switch found {
            case .unknown(_, let way):
                return sent(connection, RoutingStep(type: .unicast, table: 0, isKnown: false), way)
            case .none(let way): return [ended(way, .unroutable, .unreachable)]
            case .found(let decision, let way):
                let step = routingStep(decision)
                switch decision.type {
                case .blackhole, .unreachable, .throw, .nat, .prohibit:
                    var way = way
                    way.record(.routing(step))
                    return [ended(way, .unroutable, .unreachable)]
                case .local: return [kept(connection, way)]
                case .unicast, .broadcast, .multicast, .anycast: return sent(connection, step, way)
                }
            }
        }
    }

    /// Whether the packets of IPVS's connections stay in conntrack's table. kube-proxy switches it on; the kernel's own
    /// setting is off. Source: `ip_vs_conn_new`, `ip_vs_nat_send_or_cont`; kubernetes pkg/proxy/ipvs/proxier.go.
    private func keepsConntrack(_ state: inout WalkState) -> Bool {
        if let setting = model.sysctl("net.ipv4.vs.conntrack") { return setting != 0 }
        let unknown = Unknown(
            "ipvs-conntrack", yes: "on", no: "off",
            whenYes: "net.ipv4.vs.conntrack is on, so that conntrack and NAT see what IPVS sends on",
            whenNo: "net.ipv4.vs.conntrack is off, so that what IPVS sends on is not tracked")
        if let settled = settle(unknown, &state) { return settled }
        let isKubeProxys = names.find("kube-ipvs0").flatMap { model.interface($0) } != nil
        state.history.assumptions.append(
            Assumption(
                name: unknown.name, value: isKubeProxys ? unknown.yes : unknown.no,
                text: isKubeProxys
                    ? "\(unknown.whenYes), as kube-proxy sets it" : "\(unknown.whenNo), as the kernel has it unasked",
                step: nil))
        state.history.settled.append(WalkState.Settled(name: unknown.name, isYes: isKubeProxys))
        return isKubeProxys
    }

    /// A packet whose server is this host itself: it stays where it is, and the hooks behind IPVS's come next.
    private func kept(_ connection: VirtualConnection, _ entering: WalkState) -> WalkState {
        let state = entering
        let isMasqueraded = connection.method == .masquerade
        if isMasqueraded, connection.server.isLoopback, state.context.hook == .input {
            return ended(state, .filtered, .martianDestination)
        }
        // Source: `crosses_local_route_boundary`.
        if !isMasqueraded, state.context.hook == .output, state.route.map({ $0.type != .local }) == true {
            return ended(state, .filtered, .unreachable)
        }
        return passed(connection, state)
    }

    /// The packet behind IPVS: translated where that is how the service forwards.
    private func passed(_ connection: VirtualConnection, _ entering: WalkState) -> WalkState {
        var state = entering
        state.isOfIPVS = true
        if connection.method == .masquerade {
            state.packet.destination = connection.server
            state.packet.destinationPort = connection.serverPort
        }
        if !connection.isTracked {
            leaveUntracked(&state)
        } else if connection.method == .masquerade, case .entry(var tracked) = state.connection, !tracked.isConfirmed,
            tracked.direction == .original
        {
            tracked.entry.reply.source = connection.server
            tracked.entry.reply.sourcePort = connection.serverPort
            tracked.entry.isOfVirtualService = true
            state.connection = .entry(tracked)
        }
        return state
    }

    /// Source: include/net/ip_vs.h `ip_vs_notrack`: what has an entry has none any more.
    private func leaveUntracked(_ state: inout WalkState) {
        if case .entry = state.connection { state.connection = .untracked }
    }

    /// On to another host, by OUTPUT and POSTROUTING.
    private func sent(_ connection: VirtualConnection, _ route: RoutingStep, _ entering: WalkState) -> [WalkState] {
        var state = entering
        let packet = state.packet
        // Source: `crosses_local_route_boundary`: what came from 127.0.0.1 can't leave.
        if packet.source.isLoopback, !packet.unknown.contains(.source) {
            return [ended(state, .filtered, .martianSource)]
        }
        // Source: `decrement_ttl`, `ensure_mtu_is_adequate`.
        if packet.ttl <= 1 { return [ended(state, .filtered, .ttl)] }
        let isTunnelled = connection.method == .tunnel
        let overhead: UInt32 = isTunnelled ? (connection.server.version == .v4 ? 20 : 40) : 0
        if let limit = route.route?.mtu ?? route.interface.flatMap({ model.mtu($0, packet.version) }),
            packet.length + overhead > limit, !packet.isSegmented, packet.version == .v6 || packet.dontFragment
        {
            return [ended(state, .filtered, .tooBig)]
        }
        state.packet.ttl -= 1
        // What has no entry is looked up anew in OUTPUT.
        if case .invalid = state.connection { state.connection = .none }
        var route = route
        if connection.method == .route { route.nextHop = route.nextHop ?? connection.server }
        if isTunnelled { return [tunnelled(connection, route, state)] }
        state = passed(connection, state)
        state.record(.routing(route))
        state.route = route
        state.position = .hook(.output, step: 0)
        return [state]
    }

    /// Inside a packet to the server, which is made here. Source: `ip_vs_tunnel_xmit`.
    private func tunnelled(_ connection: VirtualConnection, _ route: RoutingStep, _ entering: WalkState) -> WalkState {
        var state = entering
        let inner = state.packet
        // The inner packet's connection enters the table here: POSTROUTING sees the outer one only.
        if connection.isTracked {
            state = confirmed(state)
            if state.outcome != nil { return state }
            leaveConnection(&state)
        }
        state.connection = .none
        let isV4 = connection.server.version == .v4
        let zero = IPAddress.zero(connection.server.version)
        var outer = Packet(
            source: route.source ?? zero, destination: connection.server,
            protocol: inner.version == .v4 ? .ipip : .ipv6)
        if outer.source.isZero { outer.unknown.insert(.source) }
        outer.ttl = inner.ttl
        outer.tos = inner.tos
        outer.mark = inner.mark
        outer.length = inner.length + (isV4 ? 20 : 40)
        outer.isSegmented = inner.isSegmented
        outer.dontFragment = isV4 && inner.version == .v4 && inner.dontFragment
        state.inner.append(inner)
        state.packet = outer
        state.isOfIPVS = true
        state.isLocal = true
        state.isLoopedBack = false
        state.arrival = .none
        state.layer += 1
        state.round += 1
        state.hasVerifiedChecksum = false
        state.record(.routing(route))
        state.route = route
        state.position = .hook(.output, step: 0)
        return state
    }
}

// What real servers answer gets the virtual address back, at INPUT (98), FORWARD (100) and OUTPUT (-99).
// Source: net/netfilter/ipvs/ip_vs_core.c `ip_vs_out_hook`, `handle_response`, `ip_vs_route_me_harder`, Linux 6.x.
extension Evaluator {
    func answeredByServer(_ state: WalkState) -> [WalkState] {
        guard !state.isOfIPVS, isBalanced(state.packet.protocol), state.packet.fragmentOffset == 0 else {
            return [state]
        }
        if let connection = replied(state) { return translatedBack(connection, state) }
        return ofUnknownReply(state)
    }

    private func replied(_ state: WalkState) -> VirtualConnection? {
        let own = virtualConnections.first {
            $0.method == .masquerade && $0.isPassed(from: state.packet, isReply: true)
        }
        if let own { return own }
        guard case .entry(let tracked) = state.connection, !tracked.isNew, tracked.direction == .reply,
            let found = virtualConnection(of: tracked.entry), !found.isGone,
            found.connection.method == .masquerade, found.connection.isPassed(from: state.packet, isReply: true)
        else { return nil }
        return found.connection
    }

    /// A packet from a real server that no known connection is of: it may answer one of IPVS's where conntrack does not
    /// tell.
    private func ofUnknownReply(_ state: WalkState) -> [WalkState] {
        switch state.connection {
        case .entry(let tracked):
            // Only what is said to be established (`--state`) has a connection that is not in the input.
            guard !tracked.isNew, tracked.state == .established, tracked.direction == .original,
                tracked.entry.place == .none, !tracked.entry.isFollowed || request.state != nil
            else { return [state] }
        case .untracked, .invalid, .none: if model.sysctl("net.ipv4.vs.conntrack") == 1 { return [state] }
        }
        let packet = state.packet
        if packet.protocol == .tcp, packet.tcpFlags.contains(.syn), !packet.tcpFlags.contains(.ack) { return [state] }
        guard packet.unknown.isDisjoint(with: [.source, .sourcePort]) else { return [state] }
        var open = [state]
        var results: [WalkState] = []
        for service in model.host.virtualServices ?? [] {
            guard case .address(packet.protocol, let address, let port) = service.key, port != 0,
                let server = service.servers.first(where: {
                    $0.method == .masquerade && $0.address == packet.source && $0.port == packet.sourcePort
                })
            else { continue }
            let spot = spotText(address, port)
            let unknown = Unknown(
                "ipvs-reply@\(spot)/\(packet.protocol.shortName)",
                whenYes: "the packet answers one to \(spot) that IPVS sent on",
                whenNo: "the packet answers none to \(spot) that IPVS sent on")
            var next: [WalkState] = []
            for (isYes, way) in open.flatMap({ decide(unknown, $0) }) {
                guard isYes else {
                    next.append(way)
                    continue
                }
                var asked = way.packet
                (asked.source, asked.sourcePort) = (packet.destination, packet.destinationPort)
                (asked.destination, asked.destinationPort) = (address, port)
                var way = way
                let isTracked = keepsConntrack(&way)
                results += translatedBack(VirtualConnection(asked, server, isTracked: isTracked), way)
            }
            open = next
        }
        return open + results
    }

    private func translatedBack(_ connection: VirtualConnection, _ entering: WalkState) -> [WalkState] {
        var state = entering
        var step = VirtualServiceStep(.reply, connection)
        step.isFromConnection = true
        state.record(.ipvs(step))
        state.packet.source = connection.address
        state.packet.sourcePort = connection.port
        state.packet.defaulted.remove(.sourcePort)
        state.isOfIPVS = true
        state.virtualConnection = connection
        if !connection.isTracked { leaveUntracked(&state) }
        return routedAsOwn(state)
    }

    /// The answer is routed as one of this host's, which it has the address of: not what is for the host itself, and
    /// not where `net.ipv4.vs.snat_reroute` is off.
    private func routedAsOwn(_ state: WalkState) -> [WalkState] {
        guard state.context.hook != .input, model.sysctl("net.ipv4.vs.snat_reroute") != 0,
            let route = state.route, route.isKnown, route.type != .local
        else { return [state] }
        var query = RouteQuery(state.packet, inInterface: nil)
        query.userID = state.isLocal ? query.userID : 0
        return look(query, state).map { found in
            switch found {
            case .unknown(_, let way): return way
            case .none(let way): return ended(way, .unroutable, .noRoute)
            case .found(let decision, var way):
                var step = routingStep(decision)
                if step.interface == route.interface, step.nextHop == route.nextHop, step.type == route.type {
                    return way
                }
                if comesBack(step.type, way) { step.interface = names.find("lo") ?? step.interface }
                step.isReroute = true
                way.record(.routing(step))
                way.route = step
                return way
            }
        }
    }
}
