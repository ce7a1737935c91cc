internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// How a packet from the wire begins: as a frame on its bridge, or at PREROUTING, unless the IP layer refuses it.
    func receive(_ state: WalkState) -> [WalkState] {
        if case .known(let arrival) = state.arrival, state.round == 0, model.linkState(arrival)?.isUp == false {
            return [ended(state, .filtered, .interfaceDown)]
        }
        if let port = state.inPort, isPortBlocked(port) { return [ended(state, .filtered, .portBlocked)] }
        // Source: net/bridge/br_netfilter_ipv6.c `br_validate_ipv6`, Linux 6.18.
        if ranPreroutingOnBridge(state), hasCutHopOptions(state.packet) {
            return [ended(state, .filtered, .badHeader)]
        }
        if staysOnBridge(state) { return enterBridge(state) }
        // Within the bridge PREROUTING comes first, and the IP layer after it.
        if ranPreroutingOnBridge(state) { return [state] }
        if let way = atIngress(state, of: state.arrival) { return [way] }
        return [refusal(state).map { ended(state, .filtered, $0) } ?? state]
    }

    /// Why the IP layer takes no packet like this from the wire, before any hook; `nil` where it does.
    /// Source: net/ipv4/ip_input.c `ip_rcv_core`, net/ipv6/ip6_input.c `ip6_rcv_core`, Linux 6.18.
    func refusal(_ state: WalkState) -> Reason? {
        let packet = state.packet
        if packet.packetType == .otherHost { return .notAddressed }
        guard packet.version == .v6 else { return nil }
        var isOnLoopback = false
        if case .known(let arrival) = state.arrival {
            isOnLoopback = isLoopback(arrival)
            if model.interfaceSetting(.v6, arrival, "disable_ipv6") == 1 { return .ipv6Disabled }
        }
        if !packet.unknown.contains(.source),
            packet.source.isMulticast || packet.source.isLoopback && !isOnLoopback
        {
            return .martianSource
        }
        if packet.unknown.contains(.destination) { return nil }
        if packet.destination.isLoopback, !isOnLoopback { return .martianDestination }
        // Scope 0 is reserved, and 1 does not leave an interface.
        let scope = packet.destination.high >> 48 & 15
        if packet.destination.isMulticast, scope == 0 || scope == 1 && !isOnLoopback { return .martianDestination }
        if !packet.destination.isMulticast, refusesFrameToMany(state) { return .notAddressed }
        return hasBadHopOptions(packet) ? .badHeader : nil
    }

    /// Whether it came in a frame to many, and the host is told to take no packet to itself from those.
    /// Source: net/ipv4/ip_input.c `ip_rcv_finish_core`, net/ipv6/ip6_input.c `ip6_rcv_core`, Linux 6.18.
    func refusesFrameToMany(_ state: WalkState) -> Bool {
        guard !isReaddressed(state), let type = frameType(state), type == .broadcast || type == .multicast,
            case .known(let interface) = state.arrival
        else { return false }
        let setting = "drop_unicast_in_l2_multicast"
        if model.interfaceSetting(state.packet.version, interface, setting) == 1 { return true }
        return state.packet.version == .v4 && model.commonSetting(.v4, setting) == 1
    }

    /// Whether the bridge that a frame came by has made it one to the host: rules of PREROUTING, which ran within it, gave
    /// the packet another destination that is not on that bridge.
    /// Source: net/bridge/br_netfilter_hooks.c `br_nf_pre_routing_finish`; observed on Linux 6.18.
    func isReaddressed(_ state: WalkState) -> Bool {
        ranPreroutingOnBridge(state) && bridgeCallsIptables(state.packet.version, state.arrival) == true
            && state.packet.destination != request.packet.destination
    }

    /// Why the IP layer refuses a packet that it comes to behind PREROUTING: one out of a tunnel, or from a bridge that has
    /// run PREROUTING. What was translated to an address on its own bridge never gets there.
    /// Source: net/bridge/br_netfilter_ipv6.c `br_nf_pre_routing_finish_ipv6`, Linux 6.18.
    func lateRefusal(_ state: WalkState) -> Reason? {
        guard state.round > 0 || ranPreroutingOnBridge(state), let reason = refusal(state) else { return nil }
        return isTurnedRound(state) ? nil : reason
    }

    /// Whether PREROUTING has sent a frame to an address on the bridge that it came by. Of IPv4 a bridge that forwards
    /// nothing hands it up. Source: net/ipv4/route.c `ip_route_input_slow`, Linux 6.18; observed there.
    func isTurnedRound(_ state: WalkState) -> Bool {
        guard state.round == 0, state.packet.destination != request.packet.destination,
            state.packet.version == .v6 || forwardingSetting(state) != 0,
            case .known(let bridge) = state.arrival, !state.packet.unknown.contains(.destination),
            case .found(let decision) = routeLookup(query(state), state.packet.version), decision.type == .unicast
        else { return false }
        return (decision.nextHop?.interface ?? decision.route?.interface) == bridge
    }

    /// Whether PREROUTING runs within the bridge that the packet came by, before the host looks at it.
    func ranPreroutingOnBridge(_ state: WalkState) -> Bool {
        state.inPort != nil && state.round == 0 && bridgeCallsIptables(state.packet.version, state.arrival) != false
    }

    /// Hop-by-hop options that don't fit into their header, or a header that is not all there.
    /// Source: net/netfilter/utils.c `nf_ip6_check_hbh_len`, Linux 6.18.
    private func hasCutHopOptions(_ packet: Packet) -> Bool {
        let bytes = packet.bytes
        guard packet.version == .v6, bytes.count > 6, bytes[6] == 0 else { return false }
        guard bytes.count >= 48, bytes.count >= 48 + Int(bytes[41]) * 8 else { return true }
        let end = 48 + Int(bytes[41]) * 8
        var place = 42
        while place < end {
            if bytes[place] == 0 {
                place += 1
                continue
            }
            guard place + 1 < end else { return true }
            place += Int(bytes[place + 1]) + 2
        }
        return place > end
    }

    /// Hop-by-hop options that end a packet's way. Source: net/ipv6/exthdrs.c `ip6_parse_tlv`, Linux 6.18.
    func hasBadHopOptions(_ packet: Packet) -> Bool {
        let bytes = packet.bytes
        guard packet.version == .v6, bytes.count > 6, bytes[6] == 0 else { return false }
        guard bytes.count >= 48, bytes.count >= 48 + Int(bytes[41]) * 8 else { return true }
        let end = 48 + Int(bytes[41]) * 8
        var place = 42
        var padding = 0
        var options = 0
        while place < end {
            if bytes[place] == 0 {
                padding += 1
                place += 1
            } else {
                guard place + 1 < end, place + 2 + Int(bytes[place + 1]) <= end else { return true }
                let next = place + 2 + Int(bytes[place + 1])
                if bytes[place] == 1 {
                    padding += next - place
                    if bytes[place + 2..<next].contains(where: { $0 != 0 }) { return true }
                } else {
                    padding = 0
                    options += 1
                    if isBadHopOption(bytes[place], length: bytes[place + 1]) { return true }
                }
                place = next
            }
            // No more than aligns to eight bytes; options as sysctl max_hbh_opts_number has it unasked.
            if padding > 7 || options > 8 { return true }
        }
        return false
    }

    private func isBadHopOption(_ type: UInt8, length: UInt8) -> Bool {
        switch type {
        // Router alert, of two bytes.
        case 5: length != 2
        // Known, and looked at no closer here: CALIPSO, IOAM, jumbo payload.
        case 7, 49, 194: false
        // What to do with an unknown one its first two bits say.
        default: type >> 6 != 0
        }
    }
}
