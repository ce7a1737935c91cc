internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// What the link layer told of a frame.
extension Evaluator {
    /// Whether the packet came as an Ethernet frame; `nil` where the interface's kind is not known.
    ///
    /// Source: net/netfilter/xt_mac.c: `skb->dev->type == ARPHRD_ETHER`.
    func cameAsEthernet(_ state: WalkState) -> Bool? {
        guard !state.isLocal, !state.isLoopedBack else { return false }
        switch state.context.hook {
        case .output, .postrouting, .egress: return false
        case .ingress, .prerouting, .input, .forward: break
        }
        return isEthernet(state.context.inInterface)
    }

    /// Whether the packet still has the Ethernet header that it came with, which sets ask where they are asked: also on
    /// the way out. Source: net/netfilter/ipset/ip_set_bitmap_ipmac.c `bitmap_ipmac_kadt`, Linux 6.18; observed there.
    func hasFrame(_ state: WalkState) -> Bool? {
        if state.isLocal || state.isLoopedBack { return false }
        return isEthernet(state.arrival)
    }

    func isEthernet(_ interface: InterfaceView) -> Bool? {
        guard case .known(let name) = interface, let interface = model.interface(name) else { return nil }
        if interface.isLoopback { return false }
        switch interface.kind {
        case .ethernet, .bridge, .veth, .vxlan, .vlan, .dummy, .geneve, .vrf: return true
        case .loopback, .ipip, .gre, .wireguard, .sit: return false
        // A bond has its ports' type; a tun device may be a tap. An address of six bytes is Ethernet's.
        case .other, .tun, .bond: return interface.mac == nil ? nil : true
        }
    }

    /// No match at all, negated or not, for what did not come as an Ethernet frame.
    func testMAC(_ test: Negatable<MACAddress>, _ state: WalkState) -> Answer {
        let known = cameAsEthernet(state)
        if known == false { return .no }
        if !state.packet.unknown.contains(.mac), let mac = state.packet.sourceMAC {
            return Answer((mac == test.value) != test.isNegated)
        }
        return .negate(perhaps("mac", "\(test.value)"), if: test.isNegated)
    }

    /// Whether `-m eui64` drops the packet because there is no frame's header before it: it is the copy of what the host
    /// sent to many, which comes back by the same link. Source: net/ipv6/netfilter/ip6t_eui64.c; observed on Linux
    /// 6.18.44, and not so before the fix that it has.
    func missesFrame(_ match: Match, _ state: WalkState) -> Bool {
        guard case .eui64 = match, state.isLoopedBack, case .known(let interface) = state.arrival else { return false }
        return !isLoopback(interface)
    }

    /// The lower half of the source address is made of the frame's source. Source: net/ipv6/netfilter/ip6t_eui64.c.
    func testEUI64(_ state: WalkState) -> Answer {
        guard state.packet.version == .v6, cameAsEthernet(state) != false else { return .no }
        let low = state.packet.source.low
        // Without ff:fe in the middle no frame can fit.
        if !state.packet.unknown.contains(.source), low >> 24 & 0xffff != 0xfffe { return .no }
        guard !state.packet.unknown.contains(.mac), let mac = state.packet.sourceMAC else {
            return perhaps("mac", relation: "that of", "\(state.packet.source)")
        }
        let identifier = ((mac.bits >> 24) << 40 | 0xff_fe00_0000 | mac.bits & 0xff_ffff) ^ 0x0200_0000_0000_0000
        return ask(.source, state.packet, "source", relation: "made of", "\(mac)", low == identifier)
    }

    /// Source: net/netfilter/xt_pkttype.c. What this host sends itself has type unicast until it is handed to a device.
    func testPacketType(_ test: Negatable<PacketType>, _ state: WalkState) -> Answer {
        let packet = state.packet
        guard var type = frameType(state) else {
            return .negate(perhaps("pkt-type", name(test.value)), if: test.isNegated)
        }
        if type == .loopback {
            type = packet.version == .v6 || packet.destination.isMulticast ? .multicast : .broadcast
        }
        return Answer((type == test.value) != test.isNegated)
    }

    /// Whom the packet's frame is addressed to; `nil` where that is not known.
    func frameType(_ state: WalkState) -> PacketType? {
        let type = frameTypeBehindBridge(state)
        guard state.context.hook == .ingress, state.device != nil, state.device == state.inPort, let type else {
            return type
        }
        return frameTypeAtPort(type, state)
    }

    private func frameTypeBehindBridge(_ state: WalkState) -> PacketType? {
        let packet = state.packet
        if packet.unknown.contains(.packetType) { return nil }
        guard packet.defaulted.contains(.packetType), !state.isLocal else { return packet.packetType }
        // A default frame is addressed as its packet is.
        if packet.destination.isMulticast { return .multicast }
        let isBroadcast = packet.version == .v4 && addressType(packet.destination) == .broadcast
        return isBroadcast ? .broadcast : packet.packetType
    }

    /// The destination of the frame that the packet came in, as far as its type tells: a frame for this host has the
    /// address of the interface, if that is no bridge's, which takes those for its ports too.
    func frameDestination(_ state: WalkState) -> MACAddress? {
        if knowsFrame(state), let mac = request.destinationMAC { return mac }
        switch frameType(state) {
        case .unicast:
            guard state.inPort == nil, case .known(let name) = state.arrival else { return nil }
            return model.interface(name)?.mac
        case .broadcast: return MACAddress(bits: 0xffff_ffff_ffff)
        case .multicast, .otherHost, .outgoing, .loopback, nil: return nil
        }
    }

    /// Whether the frame that the packet came in was given, and with it whom it was for: the route changes nothing about
    /// that. Source: net/ethernet/eth.c `eth_type_trans`, Linux 6.18; observed there.
    func knowsFrame(_ state: WalkState) -> Bool {
        request.destinationMAC != nil && !state.isLocal && state.layer == 0 && state.round == 0
    }

    private func name(_ type: PacketType) -> String {
        switch type {
        case .unicast: "unicast"
        case .broadcast: "broadcast"
        case .multicast: "multicast"
        case .otherHost: "otherhost"
        case .outgoing: "outgoing"
        case .loopback: "loopback"
        }
    }
}
