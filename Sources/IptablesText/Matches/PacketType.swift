internal import NetTypes
internal import RuleModel

/// Source: iptables 1.8.9, extensions/libxt_pkttype.c `supported_types`.
private let packetTypes: Keywords<PacketType> = [
    ("unicast", .unicast), ("broadcast", .broadcast), ("multicast", .multicast), ("otherhost", .otherHost),
    ("bcast", .broadcast), ("mcast", .multicast), ("host", .unicast),
]

extension RuleReader {
    /// `-m pkttype`
    mutating func readPacketType() throws(RuleFailure) -> Match {
        var type: Negatable<PacketType>?
        while try beginOption() {
            guard takes("--pkt-type") else { break }
            try refuseSecond(type)
            let isNegated = negation()
            let range = try value()
            guard let found = find(anyCase: range, in: packetTypes) else { throw bad(.value, "a packet type") }
            type = Negatable(found, isNegated: isNegated)
        }
        guard let type else { throw missing("--pkt-type") }
        return .packetType(type)
    }
}

extension RuleWriter {
    mutating func writePacketType(_ match: Negatable<PacketType>) {
        option("--pkt-type", isNegated: match.isNegated)
        put(" ")
        switch match.value {
        case .outgoing, .loopback: put(match.value.rawValue)
        case .unicast, .broadcast, .multicast, .otherHost: put(match.value, in: packetTypes)
        }
    }
}
