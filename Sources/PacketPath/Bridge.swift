internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Whether frames that a bridge passes on go through iptables' chains, by the setting for all bridges or its own. Where
    /// br_netfilter is not loaded the sysctl is absent, which counts as 0 where most sysctls are known.
    /// Source: net/bridge/br_netfilter_hooks.c `br_nf_pre_routing`, Linux 6.18; observed there.
    func bridgeCallsIptables(_ version: IPVersion, _ bridge: InterfaceView) -> Bool? {
        let name = version == .v4 ? "net.bridge.bridge-nf-call-iptables" : "net.bridge.bridge-nf-call-ip6tables"
        if let value = model.sysctl(name) {
            guard value == 0, case .known(let bridge) = bridge, let own = model.interface(bridge) else {
                return value != 0
            }
            return version == .v4 ? own.callsIptables : own.callsIp6tables
        }
        return model.host.sysctls.count < HostState.mostlyKnownSysctls ? nil : false
    }

    func isBridge(_ interface: Symbol) -> Bool { model.isBridge(interface) }

    /// Whether the frame goes from one port of a bridge to another: the user says so (`--out-port`), its own addresses
    /// do, or both ends are neighbours on the bridge's own subnet, so that the frame is addressed to the neighbour and
    /// not to the host.
    func staysOnBridge(_ state: WalkState) -> Bool {
        guard case .known(let interface) = state.arrival else { return false }
        if state.outPort != nil { return true }
        guard isBridge(interface), let own = model.interface(interface) else { return false }
        if state.packet.packetType == .otherHost { return true }
        if let mac = request.destinationMAC, let hardware = own.mac {
            let isToMany = mac.bits >> 40 & 1 == 1
            return !isToMany && mac != hardware
                && !model.host.interfaces.contains { $0.master == interface && $0.mac == mac }
        }
        return isBetweenNeighbours(state.packet, of: own)
    }

    /// Whether a packet goes from one host of the bridge's own subnet to another.
    func isBetweenNeighbours(_ packet: Packet, of bridge: NetworkInterface) -> Bool {
        bridge.addresses.contains {
            $0.prefix.contains(packet.destination) && $0.prefix.contains(packet.source)
        } && !isOwnAddress(packet.destination)
    }

    /// How a frame that stays on its bridge begins: through iptables' chains, or past all of them.
    func enterBridge(_ entering: WalkState) -> [WalkState] {
        var entering = entering
        entering.isBridged = true
        // Rules see it so. Source: net/bridge/br_netfilter_hooks.c `setup_pre_routing`.
        entering.packet.packetType = .unicast
        func passes(_ state: WalkState) -> [WalkState] {
            guard case .known(let bridge) = state.arrival else { return [state] }
            let out = state.outPort ?? port(of: bridge, toward: state)
            return deliverable(state, by: out, of: bridge).flatMap { way -> [WalkState] in
                if way.outcome != nil { return [way] }
                var way = way
                way.route = RoutingStep(interface: bridge, type: .unicast, table: 0)
                // Source: net/core/dev.c `__is_skb_forwardable`: with room for a VLAN's tag.
                if let limit = portLimit(way), way.packet.length > limit + 4 {
                    return [ended(way, .filtered, .tooBig)]
                }
                let port = way.outPort ?? out
                if let way = atEgress(way, of: port) { return [way] }
                return leftByBridge(bridge, port, way)
            }
        }
        if let calls = bridgeCallsIptables(entering.packet.version, entering.arrival) {
            return calls ? [entering] : passes(entering)
        }
        return decide(bridgeSetting, entering).flatMap { calls, way in calls ? [way] : passes(way) }
    }

    /// A frame to many, which its bridge has sent out by the other ports before the host takes it in: through FORWARD and
    /// POSTROUTING with the one connection that all copies have, and confirmed at last in any case. What becomes of the
    /// copies is not told, but what they leave behind is: marks of the connection, sets; and whose source NAT has settled
    /// there is not asked in INPUT.
    /// Source: net/bridge/br_input.c `br_handle_frame_finish`, net/bridge/br_netfilter_hooks.c `br_nf_local_in`,
    /// net/netfilter/nf_nat_core.c `nf_nat_inet_fn`, Linux 6.18; Rulesets/kernel/seed-2515733582126039449.
    func flooded(_ state: WalkState) -> [WalkState] {
        guard state.position == .routing, !state.isLoopedBack, ranPreroutingOnBridge(state),
            bridgeCallsIptables(state.packet.version, state.arrival) == true, !isReaddressed(state),
            case .known(let bridge) = state.arrival, let type = frameType(state),
            type == .broadcast || type == .multicast
        else { return [state] }
        var ways = [state]
        for port in ports(of: bridge) where port != state.inPort {
            guard let own = model.interface(port), type == .broadcast ? own.takesBroadcast : own.takesMulticast else {
                continue
            }
            ways = ways.flatMap { passedCopy(of: $0, by: port, of: bridge) }
        }
        return ways.map { way in
            guard case .entry(let tracked) = way.connection, tracked.isNew, !tracked.isConfirmed else { return way }
            var way = confirmed(way)
            if way.outcome != nil { way.position = .ended }
            return way
        }
    }

    /// `entering` as a copy that leaves by `port` leaves it.
    private func passedCopy(of entering: WalkState, by port: Symbol, of bridge: Symbol) -> [WalkState] {
        var copy = entering
        copy.isBridged = true
        copy.outPort = port
        copy.position = .hook(.forward, step: 0)
        copy.route = RoutingStep(interface: bridge, type: .unicast, table: 0)
        guard let ways = throughHooks(copy, isCopy: true) else { return [entering] }
        return joined(
            ways.map { next in
                var way = entering
                way.setChanges = next.setChanges
                way.connection = next.connection
                way.history.take(next.history)
                return way
            })
    }

    /// Every way of `start` up to where no hook is next; `nil` where they are more than are followed.
    private func throughHooks(_ start: WalkState, isCopy: Bool) -> [WalkState]? {
        var open = [start]
        var results: [WalkState] = []
        while let next = open.popLast() {
            if next.outcome == nil, case .hook(let hook, let step) = next.position {
                open += atHook(hook, step, next, isCopy: isCopy)
            } else {
                results.append(next)
            }
            if open.count + results.count > request.maximumLeaves { return nil }
        }
        return results
    }

    /// From PREROUTING to FORWARD without routing. A frame whose destination the rules changed is routed after all.
    func bridge(_ entering: WalkState) -> [WalkState] {
        var state = entering
        if state.packet.destination != request.packet.destination {
            state.isBridged = false
            state.position = .routing
            return handedUp(state)
        }
        return bridged(state)
    }

    /// A frame that PREROUTING has sent to an address on its own bridge. The first to a neighbour passes the bridge's chains
    /// at egress, where its header is made; the kernel has that of later ones.
    /// Source: net/bridge/br_netfilter_hooks.c `br_nf_pre_routing_finish_bridge`, `br_nf_dev_xmit`, Linux 6.18; observed
    /// there.
    func sentRound(_ state: WalkState) -> [WalkState] {
        guard isReaddressed(state), case .known(let bridge) = state.arrival, let first = atEgress(state, of: bridge)
        else { return bridged(state) }
        let address = state.route?.nextHop ?? state.packet.destination
        let unknown = Unknown(
            "neighbour-header@\(address)",
            whenYes: "packets have been sent to \(address) by \(names.text(bridge)) before",
            whenNo: "no packet has been sent to \(address) by \(names.text(bridge)) before")
        return decide(unknown, state).flatMap { isKnown, way -> [WalkState] in
            if isKnown { return bridged(way) }
            var start = way
            (start.position, start.device) = (first.position, first.device)
            guard let ways = throughHooks(start, isCopy: false) else {
                leaveUnfollowed(&start)
                return [ended(start, .undecided, .tooManyBranches)]
            }
            return ways.flatMap { passed -> [WalkState] in
                var passed = passed
                passed.device = nil
                return passed.outcome == nil ? bridged(passed) : [passed]
            }
        }
    }

    /// On to FORWARD as a frame: `-i` and `-o` are the bridge, the time to live stays. Observed on Linux 6.18.
    func bridged(_ entering: WalkState) -> [WalkState] {
        var state = entering
        state.isBridged = true
        state.position = .hook(.forward, step: 0)
        guard case .known(let interface) = state.arrival else { return [state] }
        if state.outPort == nil { state.outPort = port(of: interface, toward: state) }
        // A frame that was sent round has its route still: MASQUERADE asks it for the next hop.
        let nextHop = entering.route?.nextHop
        state.route = RoutingStep(interface: interface, nextHop: nextHop, type: .unicast, table: 0)
        return deliverable(state, by: state.outPort, of: interface, through: nextHop)
    }

    /// Whether a frame that passed iptables is too long for the port it leaves by: IPv4 may be fragmented there.
    /// Source: net/bridge/br_netfilter_hooks.c `br_nf_dev_queue_xmit`, Linux 6.18.
    func isTooBigForPort(_ state: WalkState) -> Bool {
        guard let limit = portLimit(state), state.packet.length > limit else { return false }
        return state.packet.version == .v6 || state.packet.dontFragment
    }

    /// Whether a packet that leaves by a bridge of this host's is too long for the port it would leave by: only a route's own
    /// limit above that of the links lets it come so far, and nobody is told.
    /// Source: net/ipv4/ip_output.c `__ip_finish_output`, net/bridge/br_forward.c `br_dev_queue_push_xmit`, net/core/dev.c
    /// `__is_skb_forwardable`, Linux 6.18; observed on Linux 6.18.
    func isTooLongForBridge(_ state: WalkState) -> Bool {
        guard let route = state.route, let bridge = route.interface, isBridge(bridge), let own = route.route?.mtu,
            !state.startedHere || !isSentToMany(state.packet.destination, route.type, route.route)
        else { return false }
        var way = state
        way.outPort = port(of: bridge, toward: state)
        guard let limit = portLimit(way), own > limit + 4 else { return false }
        // What is longer than the route's limit leaves in fragments of multiples of eight bytes.
        let longest = state.packet.version == .v4 ? 20 + (own - min(own, 20)) & ~7 : own
        return min(state.packet.length, longest) > limit + 4
    }

    /// The longest packet that fits the port it leaves by, or any port where it is not known which that is; `nil` where
    /// none is too long. Source: include/linux/netdevice.h `__is_skb_forwardable`, Linux 6.18.
    private func portLimit(_ state: WalkState) -> UInt32? {
        guard !state.packet.unknown.contains(.length), !state.packet.isSegmented, let bridge = state.route?.interface
        else { return nil }
        if let port = state.outPort { return model.interface(port)?.mtu }
        return model.host.interfaces.filter { $0.master == bridge }.compactMap { $0.mtu }.max()
    }

    /// A frame leaves by the port it came in by only where that port is in hairpin mode.
    /// Source: net/bridge/br_forward.c `should_deliver`, Linux 6.18.
    ///
    /// - Parameter gateway: who the frame is for in the destination's place.
    private func deliverable(
        _ state: WalkState, by out: Symbol?, of bridge: Symbol, through gateway: IPAddress? = nil
    ) -> [WalkState] {
        let came = state.inPort ?? port(of: bridge, where: request.packet.source)
        if isBlocked(from: came, to: out) { return [ended(state, .filtered, .portBlocked)] }
        return flooding(state, from: came, on: bridge, through: gateway).flatMap { way in
            way.outcome == nil ? turnedRound(way, from: came, to: out, of: bridge, through: gateway) : [way]
        }
    }

    /// What a bridge that has no entry for a frame's address does with it: it goes by those ports alone that are sent such
    /// frames, and nowhere where there is none.
    ///
    /// - Parameters:
    ///   - came: the port it came in by; `nil` where that is not known, or this host sends it by its bridge.
    ///   - gateway: who the frame is for in the destination's place.
    /// Source: net/bridge/br_forward.c `br_flood`, Linux 6.18; observed there.
    func flooding(
        _ state: WalkState, from came: Symbol?, on bridge: Symbol, through gateway: IPAddress?
    ) -> [WalkState] {
        if !model.limitsFlooding { return [state] }
        let address = gateway ?? state.packet.destination
        let isAsGiven = state.isBridged && address == request.packet.destination && knowsFrame(state)
        let given = isAsGiven ? request.destinationMAC : nil
        let isToMany = given.map { $0.bits >> 40 & 1 == 1 } ?? isForMany(state.packet)
        // What the host itself sends to many goes by all of them.
        if isToMany, !state.isBridged { return [state] }
        let isToAll = given.map { $0.bits == 0xffff_ffff_ffff } ?? !state.packet.destination.isMulticast
        func isSent(_ port: Symbol) -> Bool {
            guard let own = model.interface(port) else { return true }
            return !isToMany ? own.takesUnknown : isToAll ? own.takesBroadcast : own.takesMulticast
        }
        if let port = request.outPort, state.layer == 0 {
            return [isToMany && !isSent(port) ? ended(state, .filtered, .notFlooded) : state]
        }
        let others = ports(of: bridge).filter { $0 != came && !isPortBlocked($0) }
        if others.isEmpty || others.contains(where: isSent) { return [state] }
        if isToMany { return [ended(state, .filtered, .notFlooded)] }
        let neighbour = model.host.neighbours.first { $0.interface == bridge && $0.address == address }
        if let hardware = given ?? neighbour?.mac {
            if port(of: bridge, behind: hardware) != nil { return [state] }
            if model.host.knowsForwardingEntries { return [ended(state, .filtered, .notFlooded)] }
        }
        let name = names.text(bridge)
        let unknown = Unknown(
            "bridge-entry@\(address)", yes: "known", no: "missing",
            whenYes: "\(name) has learned which of its ports \(address) is behind (`bridge fdb` tells)",
            whenNo: "\(name) has no entry for \(address), and no port of its is sent such frames (flood off)")
        return decide(unknown, state).map { isKnown, way in isKnown ? way : ended(way, .filtered, .notFlooded) }
    }

    /// What would leave by the port that it came in by does so in hairpin mode alone.
    private func turnedRound(
        _ state: WalkState, from came: Symbol?, to out: Symbol?, of bridge: Symbol, through gateway: IPAddress?
    ) -> [WalkState] {
        // Who talks to itself is behind one port, whichever that is, unless nothing told the bridge; a frame says by itself
        // where it goes. Source: net/bridge/br_input.c `br_handle_frame_finish`, Linux 6.18.
        let isItself =
            came.flatMap({ model.interface($0)?.isLearning }) != false
            && state.packet.destination == request.packet.source && request.outPort == nil && gateway == nil
            && (request.destinationMAC == nil || state.packet.destination != request.packet.destination)
        guard isItself || came != nil && came == out else { return [state] }
        let port = came ?? out
        let ports = model.host.interfaces.filter { port == nil ? $0.master == bridge : $0.name == port }
        let settings = Set(ports.map { $0.isHairpin })
        if settings.count == 1, let isHairpin = settings.first ?? nil {
            return [isHairpin ? state : ended(state, .filtered, .hairpinOff)]
        }
        let name = names.text(port ?? bridge)
        let unknown = Unknown(
            "hairpin@\(name)", yes: "on", no: "off",
            whenYes: "the bridge sends frames back by the port they came in by (hairpin mode of \(name) is on)",
            whenNo: "the bridge sends no frame back by the port it came in by (hairpin mode of \(name) is off)")
        return decide(unknown, state).map { isOn, way in isOn ? way : ended(way, .filtered, .hairpinOff) }
    }

    /// Whether a port passes nothing on: it is down, or the spanning tree has it wait.
    /// Source: net/bridge/br_input.c `br_handle_frame`, net/bridge/br_forward.c `should_deliver`, Linux 6.18; observed there.
    func isPortBlocked(_ port: Symbol) -> Bool {
        guard let own = model.interface(port), let master = own.master, isBridge(master) else { return false }
        let isDown = !own.isUp || !own.hasCarrier || model.interface(master)?.isUp == false
        return isDown || own.isForwarding == false
    }

    private func isBlocked(from came: Symbol?, to out: Symbol?) -> Bool {
        if [came, out].compactMap({ $0 }).contains(where: { isPortBlocked($0) }) { return true }
        guard let came, let out else { return false }
        return model.interface(came)?.isIsolated == true && model.interface(out)?.isIsolated == true
    }

    /// Whether a packet that was translated to a neighbour on the bridge it came by stays a frame: where bridged frames
    /// pass iptables, PREROUTING ran inside the bridge, and the frame never leaves it.
    /// Source: net/bridge/br_netfilter_hooks.c `br_nf_pre_routing_finish`; observed on Linux 6.18.
    func turnsRoundOnBridge(_ state: WalkState) -> [(Bool, WalkState)] {
        guard mayTurnRound(state) else { return [(false, state)] }
        // Where IPv4 is not forwarded the look-up ends at the host, which refuses it: net/ipv4/route.c
        // `ip_route_input_slow`. IPv6 looks at forwarding later alone.
        if state.packet.version == .v4, forwardingSetting(state) == 0 { return [(false, state)] }
        if let calls = bridgeCallsIptables(state.packet.version, state.arrival) { return [(calls, state)] }
        return decide(bridgeSetting, state)
    }

    /// Whether the packet goes back by the bridge that it came by, with another destination.
    func mayTurnRound(_ state: WalkState) -> Bool {
        guard state.round == 0, state.layer == 0, case .known(let interface) = state.arrival else { return false }
        return state.routeInterface == interface && state.packet.destination != request.packet.destination
            && isBridge(interface)
    }

    /// The port behind which the destination is, or the gateway to it: its neighbour entry gives an address on the link, and the forwarding
    /// database that address's port. A bridge of two ports leaves no choice. `nil` where the input does not tell.
    func port(of bridge: Symbol, toward state: WalkState) -> Symbol? {
        if let mac = request.destinationMAC, state.packet.destination == request.packet.destination {
            if let port = port(of: bridge, behind: mac) { return port }
        } else if let port = port(of: bridge, where: state.route?.nextHop ?? state.packet.destination) {
            return port
        }
        let others = ports(of: bridge).filter { $0 != state.inPort }
        return others.count == 1 ? others[0] : nil
    }

    func port(of bridge: Symbol, where address: IPAddress) -> Symbol? {
        let neighbour = model.host.neighbours.first { $0.interface == bridge && $0.address == address }
        return neighbour?.mac.flatMap { port(of: bridge, behind: $0) }
    }

    private func port(of bridge: Symbol, behind mac: MACAddress) -> Symbol? {
        let ports = ports(of: bridge)
        return model.host.forwardingEntries.first { $0.mac == mac && ports.contains($0.interface) }?.interface
    }

    func ports(of bridge: Symbol) -> [Symbol] {
        model.host.interfaces.filter { $0.master == bridge }.map { $0.name }
    }

    private var bridgeSetting: Unknown {
        Unknown(
            "bridge-nf-call-iptables", yes: "1", no: "0",
            whenYes: "bridged frames pass iptables (net.bridge.bridge-nf-call-iptables is 1)",
            whenNo: "bridged frames do not pass iptables (net.bridge.bridge-nf-call-iptables is 0 or absent)")
    }
}
