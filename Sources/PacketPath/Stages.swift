package import ChainGraph
package import NetTypes
package import PathModel
package import RuleModel
package import SourceText

/// What a packet is known by between two stages of its way, for those who follow many packets at once.
package struct Situation: Hashable, Sendable {
    /// What conntrack made of the packet.
    package enum Standing: Hashable, Sendable {
        /// It has not looked yet, or is off.
        case none
        case untracked, invalid
        /// An entry that no dump tells of; `state` is one of new, related, established.
        case tracked(state: ConnectionStates, mark: UInt32)
    }

    package var packet: Packet
    /// The packet as conntrack saw it, before NAT.
    package var original: Packet
    package var hook = Hook.prerouting
    /// The interface it came in by; `nil`: it was made here.
    package var arrival: Symbol?
    package var route: RoutingStep?
    package var standing = Standing.none
    package var helper = Symbol.empty
    package var isDestinationTranslated = false
    package var isSourceTranslated = false
    package var isLoopedBack = false
    /// Whether this host made it, also where it came back.
    package var startedHere = false
    /// Whether TPROXY gave it to a socket.
    package var isGivenToSocket = false
    /// Whether it is the copy of what a socket sent.
    package var isWithoutSocket = false
    /// Which ends' mappings a nat step has settled.
    package var hasDestinationMapping = false
    package var hasSourceMapping = false
    package var zone = ConnectionZone()
    package var labels: [UInt16] = []

    package init(_ packet: Packet) {
        self.packet = packet
        original = packet
    }
}

/// Something the input can't settle, with the answer that a way rests on.
package struct Condition: Hashable, Sendable {
    package var name: String
    package var isYes: Bool
    /// What the answer means, as a sentence without a final stop.
    package var text: String

    package init(name: String, isYes: Bool, text: String) {
        self.name = name
        self.isYes = isYes
        self.text = text
    }
}

/// One way on from a stage.
package struct StageResult: Hashable, Sendable {
    package enum Next: Hashable, Sendable {
        case hook(Hook)
        case transmit
        /// Back by lo.
        case loopback
        case ended(Outcome, Reason?)
        /// On a way that is followed packet by packet alone: a bridge, a tunnel, copies for a group.
        case elsewhere(Elsewhere)
    }

    package enum Elsewhere: Hashable, Sendable { case bridge, tunnel(Symbol), group }

    package var next: Next
    package var packet: Packet
    package var route: RoutingStep?
    /// What it rests on and could have been otherwise; empty where there is one way only.
    package var conditions: [Condition]
    /// What is taken for granted and told.
    package var granted: [Condition]
}

/// What the kernel does with a packet where no rule is asked: the very stages that a trace goes through, one at a time.
package struct Stages: Sendable {
    let model: HostModel

    package init(_ model: HostModel) { self.model = model }

    func evaluator(_ situation: Situation) -> Evaluator {
        var request = TraceRequest(
            packet: situation.original, origin: situation.arrival.map { .interface($0) } ?? .host)
        if case .tracked(let state, let mark) = situation.standing {
            request.state = state
            request.connectionMark = mark
        }
        return Evaluator(model: model, request: request, connections: ConnectionIndex([]))
    }

    /// Before the first hook: what the IP layer refuses, and what a bridge keeps.
    package func arrive(_ situation: Situation) -> [StageResult] {
        let evaluator = evaluator(situation)
        return evaluator.receive(state(situation, evaluator)).map { result($0, from: situation) }
    }

    /// The routing decision behind PREROUTING, with all checks before the next hook.
    package func route(_ situation: Situation) -> [StageResult] {
        let evaluator = evaluator(situation)
        var state = state(situation, evaluator)
        state.position = .routing
        return evaluator.routeArrived(state).map { result($0, from: situation) }
    }

    /// The first routing decision of a packet made here.
    package func routeLocal(_ situation: Situation) -> [StageResult] {
        let evaluator = evaluator(situation)
        return evaluator.routeLocal(state(situation, evaluator)).map { result($0, from: situation) }
    }

    /// The routing decision after a chain of OUTPUT changed `before` to `situation`.
    package func reroute(_ situation: Situation, from before: Situation, byNAT: Bool) -> [StageResult] {
        let evaluator = evaluator(situation)
        return evaluator.rerouted(
            state(situation, evaluator), from: state(before, evaluator), byNAT: byNAT
        ).map { result($0, from: situation) }
    }

    /// Behind POSTROUTING.
    package func transmit(_ situation: Situation) -> [StageResult] {
        let evaluator = evaluator(situation)
        var state = state(situation, evaluator)
        state.position = .transmit
        return evaluator.sentToGroup(state).flatMap { $0.outcome == nil ? evaluator.transmit($0) : [$0] }.map {
            result($0, from: situation)
        }
    }

    /// What follows a packet that leaves the beaten track, to its ends: in a tunnel, over a bridge, to a group.
    package func follow(_ situation: Situation) -> [StageResult] {
        let evaluator = evaluator(situation)
        var state = state(situation, evaluator)
        state.position = .transmit
        return evaluator.explore([state]).map { result($0, from: situation) }
    }

    // MARK: What tells packets apart before they are routed

    /// What the routing tables say of a destination, but for what makes no difference to the packet.
    package struct RouteClass: Hashable, Sendable {
        fileprivate var result: RouteResult
        /// Whether it may be the host's own.
        fileprivate var mayBeOwn: Bool

        /// The type of the route; `nil` where there is none, or it is not known.
        package var type: RouteType? {
            switch result {
            case .found(let decision): decision.type
            case .several(let choices): choices.first?.decision?.type
            case .none, .unknown: nil
            }
        }

        /// The interfaces that it may lead to.
        package var interfaces: [Symbol] {
            switch result {
            case .found(let decision): [decision.nextHop?.interface ?? decision.route?.interface].compactMap { $0 }
            case .several(let choices): choices.compactMap { $0.decision?.nextHop?.interface }
            case .none, .unknown: []
            }
        }

        /// The MTUs that the routes themselves have, in bytes.
        package var ownMTUs: [UInt32] {
            switch result {
            case .found(let decision): [decision.route?.mtu].compactMap { $0 }
            case .several(let choices): choices.compactMap { $0.decision?.route?.mtu }
            case .none, .unknown: []
            }
        }
    }

    /// What is looked up for `situation`'s packet.
    package func routeClass(_ situation: Situation) -> RouteClass {
        let evaluator = evaluator(situation)
        let query = evaluator.query(state(situation, evaluator))
        return routeClass(evaluator.routeLookup(query, situation.packet.version), situation.packet.version)
    }

    /// What is looked up for a packet to `address`, of which no more is said.
    package func routeClass(to address: IPAddress) -> RouteClass {
        routeClass(plain.routeLookup(RouteQuery(destination: address), address.version), address.version)
    }

    private func routeClass(_ result: RouteResult, _ version: IPVersion) -> RouteClass {
        let finder = RouteFinder(model, version)
        let mayBeOwn: Bool
        switch result {
        case .found(let decision): mayBeOwn = finder.mayBeOwn(decision)
        case .several(let choices): mayBeOwn = choices.contains { $0.decision.map(finder.mayBeOwn) ?? false }
        case .none, .unknown: mayBeOwn = false
        }
        return RouteClass(result: plainly(result), mayBeOwn: mayBeOwn)
    }

    private func plainly(_ result: RouteResult) -> RouteResult {
        func plain(_ decision: RouteDecision) -> RouteDecision {
            var decision = decision
            decision.route = decision.route.map { Stages.plain($0) }
            decision.rule = RoutingRule(priority: 0, action: .nop, place: .none)
            decision.table = 0
            return decision
        }
        switch result {
        case .found(let decision): return .found(plain(decision))
        case .several(let choices):
            return .several(
                choices.map { choice in
                    var choice = choice
                    choice.decision = choice.decision.map { plain($0) }
                    return choice
                })
        case .none, .unknown: return result
        }
    }

    /// A route as far as it matters to a packet that it is found for.
    private static func plain(_ route: Route) -> Route {
        var result = Route(destination: IPPrefix(.zero(route.destination.address.version), length: 0), place: .none)
        result.type = route.type
        result.nextHops = route.nextHops
        result.mtu = route.mtu
        result.isMTULocked = route.isMTULocked
        return result
    }

    /// Prefixes of destinations that tell apart which source of IPv6 the host prefers.
    package var sourceChoicePrefixes: Set<IPPrefix> { RouteFinder(model, .v6).sourceChoicePrefixes }

    /// Whether `address` is one of the host's own.
    package func isOwnAddress(_ address: IPAddress) -> Bool { plain.isOwnAddress(address) }

    /// Whether ICMP messages of `type` quote the packet that they are about.
    package func quotesAnotherPacket(type: UInt8, _ version: IPVersion) -> Bool {
        let own: IPProtocol = version == .v4 ? .icmp : .icmpv6
        var packet = Packet(source: .zero(version), destination: .zero(version), protocol: own)
        packet.icmpType = type
        return plain.quotesAnotherPacket(packet)
    }

    /// Whether chains at ingress are hung on `interface`.
    package func hasIngress(_ interface: Symbol, _ version: IPVersion) -> Bool {
        model.linked.baseChains(version, .ingress).contains { plain.isHung($0, on: interface) }
    }

    /// Whether `interface` is a tunnel whose other end hangs on the next hop.
    package func hasForwardingEntries(_ interface: Symbol) -> Bool {
        plain.tunnel(of: interface)?.hasForwardingEntries ?? false
    }

    /// Whether a port of `bridge` is a tunnel, or passes nothing on, or is not sent what the bridge does not know.
    package func hasSpecialPorts(_ bridge: Symbol) -> Bool {
        plain.ports(of: bridge).contains {
            plain.tunnel(of: $0) != nil || plain.isPortBlocked($0) || model.interface($0)?.takesUnknown == false
        }
    }

    /// Whether `interface` is a bridge.
    package func isBridge(_ interface: Symbol) -> Bool { plain.isBridge(interface) }

    /// What conntrack makes of a packet that it has no entry for and no state was told of; several where nobody knows which.
    package func track(_ situation: Situation) -> [ConnectionStates] {
        let evaluator = evaluator(situation)
        return evaluator.track(state(situation, evaluator)).map { state in
            switch state.connection {
            case .entry(let tracked): tracked.state
            case .none, .untracked: .untracked
            case .invalid: .invalid
            }
        }
    }

    /// Whether the host has joined a group on an interface; `nil` where a program may have.
    package func hasJoined(_ group: IPAddress, by interface: Symbol) -> Bool? {
        plain.hasJoined(group, .known(interface))
    }

    /// The port of a bridge that a neighbour is known to be behind.
    package func bridgePort(toward address: IPAddress) -> Symbol? {
        for neighbour in model.host.neighbours where neighbour.address == address {
            if let port = plain.port(of: neighbour.interface, where: address) { return port }
        }
        return nil
    }

    /// Whether `match` of `rule` holds; `perhaps` with a condition whose `isYes` tells the answer under which it does.
    package enum Verdict: Hashable, Sendable {
        case no, yes
        case perhaps(Condition)
    }

    package func test(_ match: Match, _ rule: RuleReference, _ situation: Situation) -> Verdict {
        let evaluator = evaluator(situation)
        switch evaluator.test(match, in: state(situation, evaluator), rule: rule) {
        case .no: return .no
        case .yes: return .yes
        case .perhaps(let unknown):
            let text = unknown.isNegated ? unknown.whenNo : unknown.whenYes
            return .perhaps(Condition(name: unknown.name, isYes: !unknown.isNegated, text: text))
        }
    }

    /// What a target that translates makes of a packet.
    package enum Translation: Hashable, Sendable {
        case none
        case dropped(Reason?)
        /// One of these; several where the kernel chooses.
        case packets([Packet])
    }

    /// What DNAT, SNAT, MASQUERADE, REDIRECT or NETMAP makes of the packet of a new connection.
    package func translate(_ target: Target, _ rule: RuleReference, _ situation: Situation) -> Translation {
        let evaluator = evaluator(situation)
        var state = state(situation, evaluator)
        var changes: [Change] = []
        switch evaluator.perform(target, rule, &state, &changes) {
        case .accept: return .packets([state.packet])
        case .drop: return .dropped(state.reason)
        case .choices(let ways): return .packets(ways.map { $0.packet })
        case .continue, .return, .queue, .reject, .jump, .goto, .either, .acceptChanged, .miss, .test, .several,
            .sendOut:
            return .none
        }
    }

    /// The fields of a packet of `version` that `match` looks at.
    package func fields(of match: Match, in version: IPVersion) -> PacketFields { plain.fields(of: match, in: version) }

    /// As names of unknowns have it.
    package func text(_ mask: AddressMask) -> String { plain.text(mask) }

    /// The fields of a packet that `expression` is made of.
    package func fields(of expression: Expression) -> PacketFields { plain.fields(of: expression) }

    /// Whether iptables-nft before 1.8.11 makes one comparison of two negated ports.
    package func joinsPorts(
        _ source: (range: PortRange, isNegated: Bool), _ destination: (range: PortRange, isNegated: Bool)
    ) -> Bool { plain.areJoined(source, destination) }

    var plain: Evaluator {
        let zero = IPAddress.zero(.v4)
        let request = TraceRequest(packet: Packet(source: zero, destination: zero, protocol: .tcp), origin: .host)
        return Evaluator(model: model, request: request, connections: ConnectionIndex([]))
    }

    // MARK: To a way and back

    func state(_ situation: Situation, _ evaluator: Evaluator) -> WalkState {
        var state = WalkState(position: .hook(situation.hook, step: 0), packet: situation.packet)
        state.isLocal = situation.arrival == nil
        state.startedHere = situation.arrival == nil || situation.isLoopedBack || situation.startedHere
        state.isLoopedBack = situation.isLoopedBack
        state.isGivenToSocket = situation.isGivenToSocket
        state.isWithoutSocket = situation.isWithoutSocket
        if situation.isLoopedBack || situation.startedHere && situation.arrival != nil { state.round = 1 }
        if let arrival = situation.arrival {
            state.arrival = .known(arrival)
            if let master = model.interface(arrival)?.master, evaluator.isBridge(master) {
                state.arrival = .known(master)
                state.inPort = arrival
            }
        }
        state.route = situation.route
        state.context = evaluator.context(at: situation.hook, state)
        switch situation.standing {
        case .none: break
        case .untracked: state.connection = .untracked
        case .invalid: state.connection = .invalid
        case .tracked(let asked, let mark):
            var entering = state
            entering.packet = situation.original
            if situation.zone != ConnectionZone() {
                var template = TrackingTemplate()
                template.zone = situation.zone
                entering.template = template
            }
            var tracked = evaluator.fresh(ConnectionTuple(situation.original), entering)
            tracked.entry.mark = mark
            tracked.entry.helper = situation.helper
            tracked.entry.labels = situation.labels
            tracked.state = asked
            tracked.hasDestinationMapping = situation.hasDestinationMapping
            tracked.hasSourceMapping = situation.hasSourceMapping
            if asked != .new {
                tracked.entry.status = [.seenReply, .assured, .confirmed]
                tracked.entry.originalCounters = nil
                tracked.entry.replyCounters = nil
                tracked.isNew = false
            } else if situation.isDestinationTranslated || situation.isSourceTranslated {
                tracked.entry.reply = ConnectionTuple(situation.packet).inverted
                tracked.destinationIsTranslated = situation.isDestinationTranslated
                tracked.sourceIsTranslated = situation.isSourceTranslated
            }
            state.connection = .entry(tracked)
        }
        return state
    }

    private func result(_ state: WalkState, from situation: Situation) -> StageResult {
        let next: StageResult.Next
        if let outcome = state.outcome {
            next = .ended(outcome, state.reason)
        } else if state.isBridged || state.position == .bridging {
            next = .elsewhere(.bridge)
        } else if !state.inner.isEmpty || state.layer > 0 {
            next = .elsewhere(.tunnel(state.arrival.known ?? situation.route?.interface ?? .empty))
        } else {
            switch state.position {
            case .hook(let hook, _):
                let cameBack = state.isLoopedBack && !situation.isLoopedBack
                next = !cameBack ? .hook(hook) : state.isCircling ? .elsewhere(.group) : .loopback
            case .transmit: next = .transmit
            case .reception, .routing, .bridging, .localRouting, .departure, .deliver, .ended: next = .elsewhere(.group)
            }
        }
        var conditions: [Condition] = []
        for settled in state.history.settled {
            let text = state.history.assumptions.first { settled.name.hasPrefix($0.name) }?.text
            conditions.append(Condition(name: settled.name, isYes: settled.isYes, text: text ?? settled.name))
        }
        var granted: [Condition] = []
        for assumption in state.history.assumptions {
            granted.append(Condition(name: assumption.name, isYes: true, text: assumption.text))
        }
        var route = state.route
        route?.route = state.route?.route.map { Stages.plain($0) }
        route?.rule = nil
        route?.table = 0
        route?.source = nil
        return StageResult(next: next, packet: state.packet, route: route, conditions: conditions, granted: granted)
    }
}

extension InterfaceView {
    fileprivate var known: Symbol? {
        if case .known(let name) = self { return name }
        return nil
    }
}
