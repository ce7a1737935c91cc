internal import NetTypes
internal import PathModel
internal import RuleModel

/// What a host that a packet of IPv6 came to makes of the headers that are for it alone: routing, and options.
enum DestinationHeaders: Hashable {
    /// They are stepped over.
    case taken
    /// The packet is dropped without a word.
    case refused
    /// The packet is dropped, and its sender told by an ICMPv6 error of type 4 and this code.
    case answered(code: UInt8)
    /// A segment routing header sends it on to somewhere else.
    case sentOn
}

extension Evaluator {
    /// What becomes of `state`'s packet behind INPUT by the bytes of its headers, as far as they are at hand.
    /// Source: net/ipv6/exthdrs.c `ipv6_rthdr_rcv`, `ipv6_srh_rcv`, `ip6_parse_tlv`, Linux 6.18.
    func destinationHeaders(_ state: WalkState) -> DestinationHeaders {
        let bytes = state.packet.bytes
        guard state.packet.version == .v6, bytes.count > 40, let layout = PacketLayout(bytes) else { return .taken }
        for header in layout.extensions {
            let own: DestinationHeaders
            switch header.kind {
            case .routing: own = routing(bytes, header.offset, state)
            case .destinationOptions: own = options(bytes, header.offset, state)
            default: continue
            }
            if own != .taken { return own }
        }
        return .taken
    }

    private func routing(_ bytes: [UInt8], _ start: Int, _ state: WalkState) -> DestinationHeaders {
        guard start + 4 <= bytes.count else { return .taken }
        let (type, segmentsLeft) = (bytes[start + 2], bytes[start + 3])
        switch type {
        // Segment routing, and that of RPL.
        case 3, 4:
            let key = type == 4 ? "seg6_enabled" : "rpl_seg_enabled"
            var isOn = model.commonSetting(.v6, key) == 1
            if case .known(let arrival) = state.arrival, model.interfaceSetting(.v6, arrival, key) != 1 { isOn = false }
            if !isOn { return .refused }
            return segmentsLeft == 0 ? .taken : .sentOn
        // Mobile IPv6's is a matter of the kernel's build.
        case 2: return .taken
        default: return segmentsLeft == 0 ? .taken : .answered(code: 0)
        }
    }

    private func options(_ bytes: [UInt8], _ start: Int, _ state: WalkState) -> DestinationHeaders {
        guard start + 2 <= bytes.count else { return .taken }
        let end = start + (Int(bytes[start + 1]) + 1) * 8
        guard end <= bytes.count else { return .taken }
        var place = start + 2
        while place + 1 < end {
            let type = bytes[place]
            if type == 0 {
                place += 1
                continue
            }
            // Padding, and the home address of Mobile IPv6.
            if type != 1, type != 201 {
                switch type >> 6 {
                case 0: break
                case 1: return .refused
                case 3 where state.packet.destination.isMulticast: return .refused
                default: return .answered(code: 2)
                }
            }
            place += 2 + Int(bytes[place + 1])
        }
        return .taken
    }
}
