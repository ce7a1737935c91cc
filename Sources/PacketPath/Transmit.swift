internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// The first routing decision of a packet made here.
    func routeLocal(_ entering: WalkState) -> [WalkState] {
        var state = entering
        state.position = .hook(.output, step: 0)
        if state.packet.unknown.contains(.destination) { return [leaves(nil, state, from: nil)] }
        if let way = onFixedRoute(state) { return [way] }
        var query = query(state)
        // Source: net/ipv4/raw.c `raw_sendmsg`, net/ipv6/raw.c `rawv6_sendmsg`; observed on Linux 6.18.
        if request.isFromRawSocket { query.setTransport(IPProtocol(255)) }
        if !request.isFromRawSocket, state.startedHere, state.round == 0, query.source == nil {
            return routedBySocket(query, state)
        }
        return routed(query, state)
    }

    private func routed(_ query: RouteQuery, _ state: WalkState) -> [WalkState] {
        look(query, state).flatMap { found -> [WalkState] in
            guard let (again, way) = withChosenSource(query, found) else { return [left(by: found)] }
            return look(again, way).map { left(by: $0) }
        }
    }

    /// - Parameter source: the one that was chosen before, of a packet that has none yet.
    private func left(by found: Looked, from source: IPAddress? = nil) -> WalkState {
        switch found {
        case .unknown(_, let way): return leaves(nil, way, from: source)
        case .none(var way):
            way.record(.routing(RoutingStep(type: .unreachable, table: 0)))
            return ended(way, .unroutable, .noRoute)
        case .found(let decision, let way): return leaves(decision, way, from: source)
        }
    }

    /// The route of a packet without a source, as the socket that sends it asks for it.
    ///
    /// Connecting a socket of IPv4 looks up twice: without a source, which chooses one, and from that. TCP has no port of
    /// its own when it connects, and in IPv4 asks once more when it has. UDP may connect or not.
    /// Source: include/net/route.h `ip_route_connect`, `ip_route_newports`, net/ipv4/datagram.c
    /// `__ip4_datagram_connect`, net/ipv6/tcp_ipv6.c `tcp_v6_connect`, Linux 6.18; observed there.
    private func routedBySocket(_ query: RouteQuery, _ state: WalkState) -> [WalkState] {
        var first = query
        let takesPortLater = query.protocol == .tcp || query.protocol == .dccp
        if takesPortLater { first.takeNoSourcePort() }
        guard state.packet.version == .v4 else { return routed(first, state) }
        if takesPortLater { return connected(first, query, state) }
        guard query.protocol == .udp || query.protocol == .udplite else { return routed(query, state) }
        let (sent, connected) = (routed(query, state), connected(query, query, state))
        if sent.count == connected.count, zip(sent, connected).allSatisfy({ goesOn($0, like: $1) }) { return sent }
        let unknown = Unknown(
            "connected-socket",
            whenYes: "the program has connected its socket: the route is looked up again from the source that it got",
            whenNo: "the program sends from a socket that is not connected")
        return decide(unknown, state).flatMap { isConnected, way in
            isConnected ? self.connected(query, query, way) : routed(query, way)
        }
    }

    /// - Parameters:
    ///   - first: what is asked while the socket has neither source nor, of some, a port.
    ///   - last: what is asked, from the source that `first` gives, for the packet itself.
    private func connected(_ first: RouteQuery, _ last: RouteQuery, _ state: WalkState) -> [WalkState] {
        sources(routeLookup(first, .v4), state).flatMap { found, source -> [WalkState] in
            guard let source else { return [left(by: found)] }
            var (again, own) = (first, last)
            (again.source, own.source) = (source, source)
            let refused = again == own ? nil : refusal(routeLookup(again, .v4), found.way)
            return refused.map { [$0] } ?? look(own, found.way).map { left(by: $0, from: source) }
        }
    }

    /// What a look-up without a source comes to: the sources that it chooses, each with its way, or an end without one.
    private func sources(_ result: RouteResult, _ state: WalkState) -> [(Looked, IPAddress?)] {
        func source(_ decision: RouteDecision) -> IPAddress? {
            decision.isRefusal ? nil : selectSource(for: decision, to: state.packet.destination)
        }
        guard case .several(let choices) = result else {
            return looked(result, state).map { found in
                if case .found(let decision, _) = found { return (found, source(decision)) }
                return (found, nil)
            }
        }
        // Which next hop it is is asked again from the source: here it counts for that alone.
        let sources = choices.map { $0.decision.flatMap(source) }
        if let only = sources[0], sources.allSatisfy({ $0 == only }), let decision = choices[0].decision {
            return [(.found(decision, state), only)]
        }
        return zip(looked(result, state, name: "source-hop"), sources).map { ($0, $1) }
    }

    /// How a packet ends of which a look-up without its port finds no way: nothing is sent then. `nil`: it finds one.
    private func refusal(_ result: RouteResult, _ state: WalkState) -> WalkState? {
        switch result {
        case .several, .unknown: return nil
        case .none: return left(by: .none(state))
        case .found(let decision): return decision.isRefusal ? left(by: .found(decision, state)) : nil
        }
    }

    /// What is asked again for a packet of IPv6 without a source that no route was found for, or one that is an error: from
    /// the source that it would have. Source: net/ipv6/ip6_output.c `ip6_dst_lookup_tail`, Linux 6.18; observed there.
    private func withChosenSource(_ query: RouteQuery, _ found: Looked) -> (RouteQuery, WalkState)? {
        var way: WalkState
        switch found {
        case .unknown: return nil
        case .none(let own): way = own
        case .found(let decision, let own):
            guard decision.isRefusal else { return nil }
            way = own
        }
        guard way.packet.version == .v6, query.source == nil,
            let source = RouteFinder(model, .v6).selectV6Address(nil, to: way.packet.destination)
        else { return nil }
        var again = query
        again.source = source
        if way.packet.source.isZero, !keepsNoSource(way) { way.packet.source = source }
        return (again, way)
    }

    /// A route that is not looked up.
    private enum FixedRoute {
        /// It is looked up after all.
        case none
        case missing
        case by(RoutingStep)
    }

    /// Routes that are not looked up: a packet to the address of all zeros comes back over lo, and one of IPv4 to a group or
    /// to all leaves by the interface of its source.
    /// Source: net/ipv4/route.c `ip_route_output_key_hash_rcu`, net/ipv6/raw.c `rawv6_sendmsg`, Linux 6.18.
    private func fixedRoute(_ packet: Packet) -> FixedRoute {
        if packet.destination.isZero { return .by(RoutingStep(interface: names.find("lo"), type: .local, table: 0)) }
        let isToAll = packet.version == .v4 && packet.destination.v4Bits == .max
        guard packet.version == .v4, isToAll || packet.destination.isMulticast, model.host.knowsAddressesV4,
            !packet.unknown.contains(.source), !hasNoSource(packet)
        else { return .none }
        let owner = model.host.interfaces.first { $0.addresses.contains { $0.address == packet.source } }
        guard let owner else { return .missing }
        return .by(RoutingStep(interface: owner.name, type: isToAll ? .broadcast : .multicast, table: 0))
    }

    private func onFixedRoute(_ state: WalkState) -> WalkState? {
        var way = state
        switch fixedRoute(state.packet) {
        case .none: return nil
        case .missing: return ended(state, .unroutable, .noRoute)
        case .by(let step):
            if way.packet.source.isZero, !keepsNoSource(state) {
                way.packet.source =
                    way.packet.version == .v4 ? IPAddress(v4: 0x7f00_0001) : IPAddress(v6High: 0, low: 1)
            }
            way.record(.routing(step))
            way.route = step
            return way
        }
    }

    /// Whether a packet made here counts as one without a source: a socket bound to what is no host's address has none.
    /// Source: net/ipv4/af_inet.c `__inet_bind`, net/ipv6/raw.c `rawv6_bind`, Linux 6.18.
    func hasNoSource(_ packet: Packet) -> Bool {
        if packet.source.isZero { return true }
        if packet.unknown.contains(.source) { return false }
        if packet.source.isMulticast { return true }
        return packet.version == .v4 && addressType(packet.source) == .broadcast
    }

    /// Whether what is sent from `::` stays so: a raw socket of IPv6 sends the header that it is given, one of IPv4 fills in
    /// an address. Source: net/ipv6/raw.c `rawv6_send_hdrinc`, net/ipv4/raw.c `raw_send_hdrinc`; observed on Linux 6.18.
    private func keepsNoSource(_ state: WalkState) -> Bool {
        request.isFromRawSocket && state.packet.version == .v6 && state.startedHere && state.round == 0
    }

    private func leaves(_ decision: RouteDecision?, _ entering: WalkState, from source: IPAddress?) -> WalkState {
        var state = entering
        guard let decision else {
            if let source { state.packet.source = source }
            let step = RoutingStep(type: .unicast, table: 0, isKnown: false)
            state.record(.routing(step))
            state.route = step
            return state
        }
        var step = routingStep(decision)
        // Source: net/ipv4/route.c `__mkroute_output`, Linux 6.18: what is for all goes by no gateway.
        if state.packet.version == .v4, state.packet.destination.v4Bits == .max { step.nextHop = nil }
        if comesBack(decision.type, state) { takeIn(&step, state.packet) }
        if state.packet.source.isZero, !keepsNoSource(state) {
            step.source = source ?? selectSource(for: decision, to: state.packet.destination)
            if let source = step.source { state.packet.source = source } else { state.packet.unknown.insert(.source) }
        }
        state.record(.routing(step))
        state.route = step
        return routed(state, step)
    }

    /// Whether what is sent by a route of `type` comes back over lo: with IPv6 also what goes to an anycast address of the
    /// host's own. Source: net/ipv6/route.c `ip6_rt_get_dev_rcu`, Linux 6.18.
    func comesBack(_ type: RouteType, _ state: WalkState) -> Bool {
        type == .local || type == .anycast && state.packet.version == .v6
    }

    /// Has what goes to this host itself go by lo. A group of IPv4 stays one, whatever route takes it in: only where lo has
    /// joined it the packet is for the host. Source: net/ipv4/route.c `__mkroute_output`, Linux 6.18; observed there.
    private func takeIn(_ step: inout RoutingStep, _ packet: Packet) {
        step.interface = names.find("lo") ?? step.interface
        let isKnown = !packet.unknown.contains(.destination)
        if packet.version == .v4, isKnown, packet.destination.isMulticast { step.type = .multicast }
    }

    /// A local packet behind its routing decision: on its way, or at its end.
    private func routed(_ state: WalkState, _ step: RoutingStep) -> WalkState {
        switch step.type {
        case .blackhole: return ended(state, .unroutable, .blackhole)
        case .unreachable, .throw, .nat: return ended(state, .unroutable, .unreachable)
        case .prohibit: return ended(state, .unroutable, .prohibit)
        case .unicast, .local, .broadcast, .multicast, .anycast: break
        }
        if isNoAddress(state.packet.destination), !state.packet.destination.isZero {
            return ended(state, .unroutable, .martianDestination)
        }
        // 127.0.0.1 does not leave the host: why what is published on it needs route_localnet.
        // Source: net/ipv4/route.c `__mkroute_output`; observed on Linux 6.18.
        guard state.packet.version == .v4, state.packet.source.isLoopback, !state.packet.unknown.contains(.source),
            let interface = step.interface, names.text(interface) != "lo",
            model.interface(interface)?.isLoopback != true, !routesLocalnet(interface)
        else { return state }
        return ended(state, .unroutable, .martianSource)
    }

    /// A local packet whose mark, addresses or type of service a chain of OUTPUT changed is routed again; the rest of
    /// the hook still sees the old interface. Source: net/ipv4/netfilter.c `ip_route_me_harder`; observed on Linux 6.18.
    ///
    /// - Parameter byNAT: NAT asks for a new route by a new destination alone: a mark that a nat chain sets comes too late.
    func rerouted(_ state: WalkState, from before: WalkState, byNAT: Bool) -> [WalkState] {
        guard state.context.hook == .output, state.outcome == nil else { return [state] }
        let old = before.packet
        let new = state.packet
        var isOther = old.destination != new.destination
        // NAT asks the connection: rules may have given the packet another destination before.
        if byNAT, case .entry(let tracked) = state.connection {
            let isOriginal = tracked.direction == .original
            let (own, other) = (tracked.entry.original, tracked.entry.reply)
            isOther = isOriginal ? own.destination != other.source : other.destination != own.source
        }
        var isPerhaps = false
        if !byNAT {
            // Of what a rule lost, or gave a value again, it is not known whether that is another one.
            let asked: PacketFields = [.mark, .source, .dscp]
            let open = new.unknown.symmetricDifference(old.unknown).intersection(asked)
            isPerhaps = !open.isEmpty
            isOther = isOther || old.mark != new.mark && !open.contains(.mark)
            isOther = isOther || old.source != new.source && !open.contains(.source)
            isOther = isOther || old.tos != new.tos && !open.contains(.dscp)
        }
        // Source: net/ipv6/netfilter/ip6table_mangle.c `ip6t_mangle_out`; observed on Linux 6.18.
        if !byNAT, new.version == .v6, old.ttl != new.ttl { isOther = true }
        if isOther { return routedAgain(state, from: before) }
        guard isPerhaps else { return [state] }
        let again = routedAgain(state, from: before)
        if again.allSatisfy({ goesOn($0, like: state) }) { return again }
        let asked = state.history.settled.count { $0.name.hasPrefix("rerouted") }
        let unknown = Unknown(
            asked == 0 ? "rerouted" : "rerouted-\(asked + 1)",
            whenYes:
                "what rules made of the packet's mark, source or type of service is another value, so it is routed again",
            whenNo: "what rules made of the packet's mark, source or type of service is what it was, so its route stays"
        )
        return again.map { assume([unknown], true, nil, $0) } + [assume([unknown], false, nil, state)]
    }

    /// Whether a packet that was routed again goes on as it would have done.
    private func goesOn(_ way: WalkState, like state: WalkState) -> Bool {
        guard way.outcome == nil, way.packet == state.packet, let own = way.route, let other = state.route else {
            return false
        }
        return own.isKnown && other.isKnown && own.interface == other.interface && own.nextHop == other.nextHop
            && own.type == other.type && own.route == other.route
    }

    private func routedAgain(_ state: WalkState, from before: WalkState) -> [WalkState] {
        let new = state.packet
        func go(by step: RoutingStep, _ way: WalkState) -> WalkState {
            var way = way
            var step = step
            if comesBack(step.type, way) { takeIn(&step, way.packet) }
            step.isReroute = true
            way.record(.routing(step))
            way.route = step
            return routed(way, step)
        }
        func go(_ decision: RouteDecision?, _ way: WalkState) -> WalkState {
            let unknown = RoutingStep(type: .unicast, table: 0, isKnown: false)
            return go(by: decision.map { routingStep($0) } ?? unknown, way)
        }
        if new.unknown.contains(.destination) { return [go(nil, state)] }
        // `::` is looked up like any other address: net/ipv6/netfilter.c `ip6_route_me_harder`, Linux 6.18.
        switch new.version == .v6 ? .none : fixedRoute(new) {
        case .none: break
        case .missing: return [ended(state, .unroutable, .noRoute)]
        case .by(let step): return [go(by: step, state)]
        }
        // Protocol and ports are the packet's here, whoever sent it. Observed on Linux 6.18.
        var asked = query(state)
        // What means something on one link alone stays on its own, lo too. Source: net/ipv6/netfilter.c
        // `ip6_route_me_harder`, Linux 6.18.
        if new.version == .v6, new.destination.isMulticast || new.destination.isLinkLocal {
            asked.outInterface = before.route?.interface
        }
        return look(asked, state).map { found in
            switch found {
            case .unknown(_, let way): return go(nil, way)
            case .none(let way): return ended(way, .unroutable, .noRoute)
            case .found(let decision, let way): return go(decision, way)
            }
        }
    }

    /// After POSTROUTING: out by a wire, back over lo, or into a tunnel.
    func transmit(_ entering: __owned WalkState) -> [WalkState] {
        let state = consume entering
        if state.isBridged {
            if isTooBigForPort(state) { return [ended(state, .filtered, .tooBig)] }
            return atEgress(state, of: state.outPort).map { [$0] } ?? departed(state)
        }
        if let ways = encapsulatedLate(state) { return ways }
        // Source: net/ipv6/ip6_output.c `ip6_fragment`, Linux 6.18: what is passed on is not fragmented here.
        if !state.startedHere, state.packet.version == .v6, let limit = state.route?.route?.mtu,
            state.packet.length > limit, !state.packet.isSegmented
        {
            return [ended(state, .filtered, .tooBig)]
        }
        // A tunnel's own packets are made here too.
        let isMadeHere = state.startedHere || state.isLocal && state.packet.version == .v4
        if isMadeHere, isTooBigToLeave(state) { return [ended(state, .filtered, .tooBig)] }
        if isTooLongForBridge(state) { return [ended(state, .filtered, .tooBig)] }
        if let way = atEgress(state, of: state.routeInterface) { return [way] }
        return departed(consume state)
    }

    /// A packet that was sent, as it arrives by `interface`: lo, or for a copy the link that it was sent by.
    func cameBack(_ entering: WalkState, by interface: Symbol, isCopy: Bool) -> WalkState {
        var state = entering
        state.record(.loopback)
        state.arrival = .known(interface)
        if isCopy {
            state.packet.packetType = .loopback
            state.packet.defaulted.remove(.packetType)
        }
        state.isLoopedBack = true
        state.isLocal = false
        state.round += 1
        // Of a copy none is looked at. Source: net/core/dev.c `dev_loopback_xmit`, Linux 6.18.
        state.hasVerifiedChecksum = isCopy
        return atIngress(state, of: state.arrival) ?? takenFromLo(state)
    }

    /// The IP layer takes no more from lo than from a wire, but for loopback addresses.
    func takenFromLo(_ entering: WalkState) -> WalkState {
        var state = entering
        if hasBadHopOptions(state.packet) { return ended(state, .filtered, .badHeader) }
        if state.packet.version == .v6, !state.packet.unknown.contains(.source),
            state.packet.source.isMulticast || state.packet.packetType == .loopback && state.packet.source.isLoopback
        {
            return ended(state, .filtered, .martianSource)
        }
        // An invalid packet has no entry that could stay with it: raw's NOTRACK and conntrack come to it again.
        if case .invalid = state.connection { state.connection = .none }
        state.position = .hook(.prerouting, step: 0)
        return state
    }

    /// Whether a packet made here is longer than its way out takes and may not be fragmented: routed again by another
    /// interface it may be. Source: net/ipv4/ip_output.c `ip_fragment`, net/ipv6/ip6_output.c `ip6_fragment`, Linux 6.18.
    private func isTooBigToLeave(_ state: WalkState) -> Bool {
        guard let route = state.route, let interface = route.interface, !state.packet.unknown.contains(.length),
            !state.packet.isSegmented,
            state.packet.version == .v6 || state.packet.dontFragment
        else { return false }
        let isForMany = isSentToMany(state.packet.destination, route.type, route.route)
        guard let limit = (isForMany ? nil : route.route?.mtu) ?? model.mtu(interface, state.packet.version) else {
            return false
        }
        return state.packet.length > (state.packet.version == .v6 ? max(1280, limit) : limit)
    }

    /// Whether a packet made here does not leave it: one to a group that the host itself has joined, with no time to live.
    /// Source: net/ipv4/ip_output.c `ip_mc_output`, net/ipv6/ip6_output.c `ip6_finish_output2`, Linux 6.18.
    func staysForItsTTL(_ state: WalkState) -> Bool {
        guard state.startedHere, state.packet.ttl == 0, !state.packet.unknown.contains(.ttl),
            state.packet.destination.isMulticast, let interface = state.route?.interface,
            model.interface(interface)?.isLoopback != true, names.text(interface) != "lo"
        else { return false }
        return hasJoined(state.packet.destination, .known(interface)) == true
    }
}
