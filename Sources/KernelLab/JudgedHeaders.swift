internal import NetTypes

/// What is asked of packets' bytes.
extension Judgement {
    /// Source: net/netfilter/nf_tables_trace.c `nf_trace_fill_pkt_info`, Linux 6.18; to nf_tables AH is a transport header.
    static func leftOut(of packet: [UInt8]) -> [UInt8] {
        guard let layout = PacketLayout(packet), layout.isComplete, layout.fragmentOffset == 0 else { return [] }
        let transport = layout.firstExtension(.ah)?.offset ?? layout.transport.offset
        return transport > 40 && transport < packet.count ? Array(packet[40..<transport]) : []
    }

    /// Whether the kernel tells events of a packet. It tells none where it takes the transport header to lie beyond the end:
    /// the header's length comes out as too large to be copied. Source: net/netfilter/nf_tables_trace.c
    /// `nf_trace_fill_pkt_info`, Linux 6.18.
    static func isTraced(_ packet: [UInt8]) -> Bool {
        guard let layout = PacketLayout(packet), layout.version == .v6, layout.isComplete, layout.fragmentOffset == 0
        else { return true }
        return (layout.firstExtension(.ah)?.offset ?? layout.transport.offset) <= packet.count
    }

    /// Whether a packet of IPv4 must not be fragmented: TEE says so of its copies (net/ipv4/netfilter/nf_dup_ipv4.c).
    static func isWhole(_ packet: [UInt8]) -> Bool {
        packet.count >= 20 && packet[0] >> 4 == 4 && packet[6] & 0x40 != 0
    }

    /// Whether it is a fragment of IPv4 that others follow.
    static func hasMoreFragments(_ packet: [UInt8]) -> Bool {
        packet.count >= 20 && packet[0] >> 4 == 4 && packet[6] & 0x20 != 0
    }

    /// Whether two packets have the same addresses, type of service and time to live.
    static func isAlike(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        guard let first = one.first, let second = other.first, first >> 4 == second >> 4 else { return false }
        func fields(_ packet: [UInt8]) -> [UInt8]? {
            if first >> 4 == 4 { return packet.count < 20 ? nil : [packet[1], packet[8]] + packet[12..<20] }
            return packet.count < 40 ? nil : [packet[0], packet[1] & 0xf0, packet[7]] + packet[8..<40]
        }
        return fields(one) != nil && fields(one) == fields(other)
    }
}
