internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// A packet from the wire to a group: to INPUT where the host has joined it on that interface.
    /// Source: net/ipv4/route.c `ip_route_input_rcu`, net/ipv6/ip6_input.c `ip6_mc_input`, Linux 6.18.
    func multicast(_ entering: WalkState) -> [WalkState] {
        var state = entering
        if !knowsFrame(state) { state.packet.packetType = .multicast }
        return ofGroup(state, then: sourceOfGroup)
    }

    /// Goes on where the host has joined the packet's group on the interface that it came in by.
    func ofGroup(_ entering: WalkState, then goOn: (WalkState) -> [WalkState]) -> [WalkState] {
        let state = tellingMulticastRouting(entering)
        if let isJoined = hasJoined(state.packet.destination, state.arrival) {
            return isJoined ? goOn(state) : [ended(state, .filtered, .notJoined)]
        }
        let unknown = Unknown(
            "multicast-joined", whenYes: "this host has joined the group \(state.packet.destination)",
            whenNo: "this host has not joined the group \(state.packet.destination)")
        return decide(unknown, state).flatMap { isJoined, way in
            isJoined ? goOn(way) : [ended(way, .filtered, .notJoined)]
        }
    }

    /// Tells that a daemon routes packets to groups, whose copies are not followed.
    /// Source: net/ipv4/route.c `ip_route_input_rcu`, net/ipv6/ip6_input.c `ip6_mc_input`, Linux 6.18.
    private func tellingMulticastRouting(_ entering: WalkState) -> WalkState {
        let group = entering.packet.destination
        let isOn: Bool
        switch group.version {
        case .v4:
            let own = known(entering.arrival).flatMap { model.interfaceSetting(.v4, $0, "mc_forwarding") } ?? 0
            isOn = own != 0 && model.commonSetting(.v4, "mc_forwarding") != 0 && group.v4Bits >> 8 != 0xe000_00
        case .v6:
            let scope = group.high >> 48 & 15
            isOn = (model.commonSetting(.v6, "mc_forwarding") ?? 0) != 0 && scope != 1 && scope != 2
        }
        guard isOn else { return entering }
        var state = entering
        state.history.assumptions.append(
            Assumption(
                name: "multicast-routing", value: "not-followed",
                text: "copies that a multicast routing daemon has sent on (mc_forwarding) are not followed", step: nil))
        return state
    }

    /// Source: net/ipv4/route.c `ip_mc_validate_source`, Linux 6.18. IPv6 asks nothing.
    private func sourceOfGroup(_ state: WalkState) -> [WalkState] {
        let packet = state.packet
        if packet.version == .v6 || packet.unknown.contains(.source) { return input(state, .multicast) }
        let source = packet.source.v4Bits
        var isMartian = packet.source.isMulticast || source == .max
        if packet.source.isLoopback, !routesLocalnet(known(state.arrival)) { isMartian = true }
        let isOfLink = packet.destination.v4Bits >> 8 == 0xe000_00
        if isNoAddress(packet.source) {
            isMartian = isMartian || !isOfLink && packet.protocol != .igmp
            return isMartian ? [ended(state, .filtered, .martianSource)] : input(state, .multicast)
        }
        if isMartian { return [ended(state, .filtered, .martianSource)] }
        return sourceChecked(state).flatMap { $0.outcome == nil ? input($0, .multicast) : [$0] }
    }

    /// Whether this host surely gets a copy of what it sends.
    func surelyGetsCopy(_ state: WalkState) -> Bool {
        guard state.isLocal, let route = state.route, let interface = route.interface,
            model.interface(interface)?.isLoopback != true, !state.packet.unknown.contains(.destination)
        else { return false }
        let destination = state.packet.destination
        if destination.isMulticast { return hasJoined(destination, .known(interface)) == true }
        return destination.version == .v4 && (route.type == .broadcast || destination.v4Bits == .max)
    }

    /// What the kernel itself joins; `nil` for a group that a program may have joined.
    ///
    /// Source: net/ipv4/igmp.c `ip_mc_up`, net/ipv6/addrconf.c `dev_forward_change`, `addrconf_join_solict`, Linux 6.18.
    func hasJoined(_ group: IPAddress, _ arrival: InterfaceView) -> Bool? {
        if group.version == .v4 { return group.v4Bits == 0xe000_0001 ? true : nil }
        if group.low == 1, group.high == 0xff02 << 48 || group.high == 0xff01 << 48 { return true }
        guard let name = known(arrival) else { return nil }
        let forwards = model.interfaceSetting(.v6, name, "forwarding") ?? model.commonSetting(.v6, "forwarding")
        if forwards.map({ $0 != 0 }) == true, group.low == 2,
            group.high == 0xff01 << 48 || group.high == 0xff02 << 48 || group.high == 0xff05 << 48
        {
            return true
        }
        // ff02::1:ff and the last 24 bits of an address.
        guard group.high == 0xff02 << 48, group.low >> 24 == 0x1_ff else { return nil }
        let own = model.interface(name)?.addresses ?? []
        for address in own where address.address.version == .v6 {
            if address.address.low & 0xff_ffff == group.low & 0xff_ffff { return true }
            // While it forwards, the routers' address of each subnet is the host's too.
            if forwards == 1, address.prefix.address.low & 0xff_ffff == group.low & 0xff_ffff { return true }
        }
        return nil
    }

    private func known(_ view: InterfaceView) -> Symbol? {
        if case .known(let name) = view { return name }
        return nil
    }
}
