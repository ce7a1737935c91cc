internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// The routing decision for a packet from the wire, between PREROUTING and INPUT or FORWARD.
    /// Source: net/ipv4/route.c `ip_route_input_slow`, net/ipv6/ip6_output.c `ip6_forward`.
    func routeArrived(_ entering: __owned WalkState) -> [WalkState] {
        var state = consume entering
        if state.isLoopedBack {
            // Its route says whether it is for the host: Source: net/ipv4/route.c `__mkroute_output`, Linux 6.18.
            if state.packet.version == .v4, state.route?.type == .multicast { return ofGroup(state) { [toInput($0)] } }
            return [state.isCircling ? circled(consume state) : toInput(consume state)]
        }
        if let reason = lateRefusal(state) { return [ended(state, .filtered, reason)] }
        if let ended = martian(state) { return [ended] }
        if state.packet.unknown.contains(.destination) {
            return routeUnknown(state, "the destination that the rules chose is not known")
        }
        if state.packet.version == .v4, state.packet.destination.v4Bits == .max {
            // Who has no address yet may ask from 0.0.0.0.
            if state.packet.source.isZero { return input(state, .broadcast) }
            return sourceChecked(state).flatMap { $0.outcome == nil ? input($0, .broadcast) : [$0] }
        }
        if state.packet.destination.isMulticast {
            // Who answers a group is told of another one: its frame goes on, the host's copy of it is not followed.
            // Source: net/bridge/br_netfilter_ipv6.c `br_nf_pre_routing_finish_ipv6`, Linux 6.18; observed there.
            if state.packet.version == .v6, isReaddressed(state) { return sentRound(state) }
            return multicast(state)
        }
        let asked = query(state)
        if state.markOnBridge != nil { state.markOnBridge = nil }
        let result = routeLookup(asked, state.packet.version)
        // Most packets go one way, which is handed on.
        if case .found(let decision) = result { return arrived(decision, consume state) }
        return looked(result, state).flatMap { found -> [WalkState] in
            switch found {
            case .unknown(let why, let way): return routeUnknown(way, why)
            case .none(var way):
                way.record(.routing(RoutingStep(type: .unreachable, table: 0)))
                return [ended(way, .unroutable, .noRoute)]
            case .found(let decision, let way): return arrived(decision, way)
            }
        }
    }

    /// On to FORWARD again: what was routed on by lo keeps that route when it comes back, until its time to live is over.
    /// Source: drivers/net/loopback.c `loopback_xmit`, net/ipv4/ip_input.c `ip_rcv_finish_core`, Linux 6.18; observed there.
    private func circled(_ entering: __owned WalkState) -> WalkState {
        var state = consume entering
        // What comes and leaves by lo does so again and again.
        if state.round > 1 { state.packet.ttl = 1 }
        passOn(&state)
        return state
    }

    /// What is asked of the routing tables for the packet as it stands.
    func query(_ state: WalkState) -> RouteQuery {
        var arrival: Symbol?
        let isLocal = state.goesOutFromHere
        if !isLocal, case .known(let name) = state.arrival { arrival = name }
        var query = RouteQuery(state.packet, inInterface: arrival)
        if isLocal ? hasNoSource(state.packet) : state.packet.source.isZero { query.source = nil }
        if !state.isLocal { query.userID = 0 }
        if !isLocal, let mark = state.markOnBridge { query.mark = mark }
        if !isLocal, case .unknown = state.arrival { query.unknown.insert(.inInterface) }
        // Addresses that mean something on one link alone. Source: net/ipv6/route.c `rt6_need_strict`.
        let destination = state.packet.destination
        if destination.version == .v6, destination.isLinkLocal || destination.isLoopback {
            query.outInterface = arrival
        }
        return query
    }

    /// One result of a look-up with the way that it is true of.
    enum Looked {
        case found(RouteDecision, WalkState)
        case none(WalkState)
        case unknown(String, WalkState)

        var way: WalkState {
            switch self {
            case .found(_, let way), .none(let way), .unknown(_, let way): way
            }
        }
    }

    /// Asks the routing tables; several next hops are several ways, weighted where a hash chooses.
    func look(_ query: RouteQuery, _ state: WalkState) -> [Looked] {
        looked(routeLookup(query, state.packet.version), state)
    }

    /// - Parameter name: the unknown that picks one of several.
    func looked(_ result: RouteResult, _ state: WalkState, name: String = "next-hop") -> [Looked] {
        switch result {
        case .unknown(let why): return [.unknown(why, state)]
        case .none: return [.none(state)]
        case .found(let decision): return [.found(decision, state)]
        case .several(let choices):
            let total = choices.reduce(0) { $0 + $1.weight }
            return choices.enumerated().map { index, choice in
                var way = state
                let hop = choice.decision?.nextHop
                let value = hop?.gateway.map { "\($0)" } ?? hop?.interface.map { names.text($0) } ?? "\(index + 1)"
                way.history.assumptions.append(
                    Assumption(
                        name: name, value: value, text: choice.condition, step: way.history.steps.count))
                way.history.settled.append(WalkState.Settled(name: "\(name)=\(value)", isYes: true))
                let chance = choice.weight > 0 && total > 0 ? Double(choice.weight) / Double(total) : nil
                way.history.probability = chance.flatMap { chance in way.history.probability.map { $0 * chance } }
                return choice.decision.map { .found($0, way) } ?? .none(way)
            }
        }
    }

    func routingStep(_ decision: RouteDecision) -> RoutingStep {
        RoutingStep(
            interface: decision.nextHop?.interface ?? decision.route?.interface, nextHop: decision.nextHop?.gateway,
            source: decision.route?.source, type: decision.type, table: decision.table, route: decision.route,
            rule: decision.rule)
    }

    private func arrived(_ decision: RouteDecision, _ entering: __owned WalkState) -> [WalkState] {
        guard RouteFinder(model, entering.packet.version).mayBeOwn(decision) else {
            return arrivedElsewhere(decision, consume entering)
        }
        let unknown = localUnknown(entering.packet.destination, " (which addresses it has the input does not tell)")
        return decide(unknown, entering).flatMap { isOwn, way in
            if !isOwn { return arrivedElsewhere(decision, way) }
            return sourceChecked(way).flatMap { $0.outcome == nil ? input($0, .local) : [$0] }
        }
    }

    private func arrivedElsewhere(_ decision: RouteDecision, _ entering: __owned WalkState) -> [WalkState] {
        var state = consume entering
        let step = routingStep(decision)
        state.record(.routing(step))
        if isReaddressed(state) { state.packet.packetType = .unicast }
        if isForRoutersAlone(decision) {
            state = forwardingChecked(state)
            if state.outcome != nil { return [state] }
        }
        switch decision.type {
        case .blackhole: return [ended(state, .unroutable, .blackhole)]
        case .unreachable, .throw, .nat: return [ended(state, .unroutable, .unreachable)]
        case .prohibit: return [ended(state, .unroutable, .prohibit)]
        case .broadcast where forwardsBroadcasts(state):
            state.route = step
            if case .known(let arrival) = state.arrival, step.interface == arrival, !knowsFrame(state) {
                state.packet.packetType = .broadcast
            }
            return forward(consume state, isAllowed: true)
        case .local, .anycast, .broadcast, .multicast:
            return sourceChecked(state).flatMap { way in
                if way.outcome != nil { return [way] }
                return decision.type == .local && refusesFrameToMany(way)
                    ? [ended(way, .filtered, .notAddressed)] : input(way, decision.type)
            }
        case .unicast:
            state.route = step
            if !mayTurnRound(state) { return forward(consume state) }
            return turnsRoundOnBridge(state).flatMap { stays, way in
                if !stays { return forward(way) }
                return sourceChecked(way).flatMap { $0.outcome == nil ? sentRound($0) : [$0] }
            }
        }
    }

    /// Whether the host passes on what is for all hosts of a subnet, by the settings of all interfaces and of the one that
    /// it came by. Source: include/linux/inetdevice.h `IN_DEV_BFORWARD`, net/ipv4/route.c `ip_route_input_slow`, Linux
    /// 6.18; observed there.
    private func forwardsBroadcasts(_ state: WalkState) -> Bool {
        guard state.packet.version == .v4, case .known(let arrival) = state.arrival else { return false }
        return model.forwardsBroadcasts(arrival)
    }

    /// Whether `decision` is the host's only if it forwards, which nothing tells: the routers' address of a subnet.
    private func isForRoutersAlone(_ decision: RouteDecision) -> Bool {
        guard decision.type == .anycast, model.host.routesKnown(.v6) != .allTables,
            let route = decision.route, route.destination.address.version == .v6, let interface = route.interface
        else { return false }
        return (model.interfaceSetting(.v6, interface, "forwarding") ?? model.commonSetting(.v6, "forwarding")) == nil
    }

    func input(_ state: WalkState, _ type: RouteType) -> [WalkState] {
        var state = state
        if type == .broadcast, !knowsFrame(state) { state.packet.packetType = .broadcast }
        return withOptionsRead(state).map { $0.outcome == nil ? toInput($0) : $0 }
    }

    /// On to INPUT; of IPv4 as a whole packet, also where conntrack did not put it together.
    /// Source: net/ipv4/ip_input.c `ip_local_deliver`, Linux 6.18.
    private func toInput(_ state: WalkState) -> WalkState {
        var state = state
        if state.packet.version == .v4, state.packet.isFragment {
            if let next = follower(of: state, keptBy: .host) { return next }
            if let end = apart(state, keptBy: .host) { return end }
            state = putTogether(state)
        }
        state.position = .hook(.input, step: 0)
        return state
    }

    /// Both ways of an unknown that no rule asks, or the one that is settled.
    func decide(_ unknown: Unknown, _ state: WalkState) -> [(Bool, WalkState)] {
        var state = state
        if let settled = settle(unknown, &state) { return [(settled, state)] }
        return [(true, assume([unknown], true, nil, state)), (false, assume([unknown], false, nil, state))]
    }

    /// No routes in the input: the packet is for this host, or goes on by an interface that is not known.
    private func routeUnknown(_ entering: WalkState, _ why: String) -> [WalkState] {
        func onward(_ state: WalkState) -> [WalkState] {
            var state = state
            let step = RoutingStep(type: .unicast, table: 0, isKnown: false)
            // That the input has no routes at all is told as missing.
            if model.host.routesKnown(state.packet.version) != .none, !state.packet.unknown.contains(.destination) {
                state.history.assumptions.append(
                    Assumption(
                        name: "route", value: "unknown", text: "the way on is not known: \(why)",
                        step: state.history.steps.count))
            }
            state.record(.routing(step))
            state.route = step
            return forward(state)
        }
        let version = entering.packet.version
        if model.host.knowsAddresses(version), !entering.packet.unknown.contains(.destination) {
            switch isTakenIn(entering) {
            case true?: return input(entering, .local)
            case false?: return onward(entering)
            case nil: break
            }
        }
        let unknown = localUnknown(entering.packet.destination, " (\(why))")
        return decide(unknown, entering).flatMap { isLocal, way in isLocal ? input(way, .local) : onward(way) }
    }

    /// Whether the packet is for one of the host's own addresses, of those that the VRF of its interface has; `nil` for one
    /// of another VRF's, which its routes may lead to or not.
    private func isTakenIn(_ state: WalkState) -> Bool? {
        let destination = state.packet.destination
        guard isOwnAddress(destination) else { return false }
        guard case .known(let arrival) = state.arrival else { return nil }
        let vrf = model.vrf(of: arrival)?.name
        let owners = model.host.interfaces.filter { $0.addresses.contains { $0.address == destination } }
        return owners.contains { model.vrf(of: $0.name)?.name == vrf } ? true : nil
    }

    /// What stands before FORWARD: forwarding on, the source's way back, time to live, size.
    ///
    /// - Parameter isAllowed: whether it is passed on where the host forwards nothing else.
    private func forward(_ entering: __owned WalkState, isAllowed: Bool = false) -> [WalkState] {
        let checked = isAllowed ? entering : forwardingChecked(consume entering)
        if checked.outcome != nil { return [checked] }
        var ways = sourceChecked(consume checked)
        if ways.count == 1, ways[0].outcome == nil, ways[0].packet.bytes.count > 20 { ways = withOptionsRead(ways[0]) }
        if ways.contains(where: { $0.isEncapsulating }) {
            let early = ways.map { $0.outcome == nil ? encapsulatedEarly($0) : nil }
            if early.contains(where: { $0 != nil }) { return zip(ways, early).flatMap { $1 ?? [$0] } }
        }
        for index in ways.indices where ways[index].outcome == nil {
            passOn(&ways[index])
        }
        return ways
    }

    private func passOn(_ way: inout WalkState) {
        if let reason = forwardRefusal(way) {
            way = ended(way, .filtered, reason)
        } else {
            way.packet.ttl -= 1
            way.position = .hook(.forward, step: 0)
        }
    }

    /// Why a packet that is routed on is not passed on; `nil` where it is.
    private func forwardRefusal(_ state: WalkState) -> Reason? {
        if state.packet.packetType == .broadcast || state.packet.packetType == .multicast { return .notAddressed }
        // Source: net/ipv4/ip_forward.c `ip_forward`, net/ipv6/ip6_output.c `ip6_forward`, Linux 6.18.
        if state.isGivenToSocket { return .givenToSocket }
        if state.packet.ttl <= 1 { return .ttl }
        if let reason = unforwardable(state) { return reason }
        if let limit = forwardLimit(state), state.packet.length > limit, !state.packet.isSegmented,
            state.packet.version == .v6 || state.packet.dontFragment
        {
            return .tooBig
        }
        return nil
    }

    /// The longest packet that may pass FORWARD. IPv6 asks the link and only a locked limit of the route; any other of the
    /// route is asked behind POSTROUTING.
    /// Source: include/net/ip.h `ip_dst_mtu_maybe_forward`, include/net/ip6_route.h `ip6_dst_mtu_maybe_forward`,
    /// net/ipv6/ip6_output.c `ip6_forward`, Linux 6.18.
    private func forwardLimit(_ state: WalkState) -> UInt32? {
        let version = state.packet.version
        guard let interface = state.routeInterface, let own = model.mtu(interface, version) else { return nil }
        let route = state.route?.route
        if state.packet.version == .v4 { return route?.mtu ?? own }
        return max(1280, route?.isMTULocked == true ? route?.mtu ?? own : own)
    }

    /// Forwarding is a property of the incoming interface in IPv4, of the host in IPv6, where since Linux 6.17 an interface
    /// may forward for itself. Source: net/ipv6/ip6_output.c `ip6_forward`; observed on Linux 6.18.
    func forwardingSetting(_ state: WalkState) -> Int? {
        if state.packet.version == .v6 {
            if case .known(let name) = state.arrival, model.interfaceSetting(.v6, name, "force_forwarding") == 1 {
                return 1
            }
            return model.commonSetting(.v6, "forwarding")
        }
        if case .known(let name) = state.arrival, let own = model.interfaceSetting(.v4, name, "forwarding") {
            return own
        }
        return model.forwardsV4
    }

    private func forwardingChecked(_ entering: __owned WalkState) -> WalkState {
        var state = consume entering
        let setting = forwardingSetting(state)
        if let setting { return setting == 0 ? ended(state, .filtered, .forwardingOff) : state }
        let unknown = Unknown(
            "forwarding", yes: "on", no: "off", whenYes: "this host forwards packets", whenNo: "forwarding is off")
        if let settled = settle(unknown, &state) { return settled ? state : ended(state, .filtered, .forwardingOff) }
        // Taken for granted, and told: whoever asks about a forwarded packet has a router.
        state.history.assumptions.append(
            Assumption(name: "forwarding", value: "on", text: "this host forwards packets", step: nil))
        state.history.settled.append(WalkState.Settled(name: "forwarding", isYes: true))
        return state
    }

    func ended(_ state: WalkState, _ outcome: Outcome, _ reason: Reason) -> WalkState {
        var state = state
        state.record(.end(reason))
        state.outcome = outcome
        state.reason = reason
        state.position = .ended
        return state
    }
}
