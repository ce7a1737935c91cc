/// A protocol header that nft knows by name.
public enum HeaderKind: UInt8, Hashable, Sendable, CaseIterable {
    case ether, vlan, arp, ip, ip6, icmp, icmpv6, igmp, tcp, udp, udplite, sctp, dccp, ah, esp, comp, gre
    /// `th`: the ports of any transport.
    case th

    public var name: String {
        switch self {
        case .ether: "ether"
        case .vlan: "vlan"
        case .arp: "arp"
        case .ip: "ip"
        case .ip6: "ip6"
        case .icmp: "icmp"
        case .icmpv6: "icmpv6"
        case .igmp: "igmp"
        case .tcp: "tcp"
        case .udp: "udp"
        case .udplite: "udplite"
        case .sctp: "sctp"
        case .dccp: "dccp"
        case .ah: "ah"
        case .esp: "esp"
        case .comp: "comp"
        case .gre: "gre"
        case .th: "th"
        }
    }

    /// Where its fields are counted from.
    public var base: PayloadBase {
        switch self {
        case .ether, .vlan: .link
        case .arp, .ip, .ip6: .network
        case .icmp, .icmpv6, .igmp, .tcp, .udp, .udplite, .sctp, .dccp, .ah, .esp, .comp, .gre, .th: .transport
        }
    }

    /// The protocol that a packet must have for the header to be there; `nil` for what is below it, and for `th`.
    public var transport: UInt8? {
        switch self {
        case .icmp: 1
        case .igmp: 2
        case .tcp: 6
        case .udp: 17
        case .dccp: 33
        case .gre: 47
        case .esp: 50
        case .ah: 51
        case .icmpv6: 58
        case .comp: 108
        case .sctp: 132
        case .udplite: 136
        case .ether, .vlan, .arp, .ip, .ip6, .th: nil
        }
    }
}

/// What an offset into a packet is counted from.
public enum PayloadBase: UInt8, Hashable, Sendable {
    case link, network, transport, inner

    /// As in `@nh,64,32`.
    public var name: String {
        switch self {
        case .link: "ll"
        case .network: "nh"
        case .transport: "th"
        case .inner: "ih"
        }
    }
}

/// A field of a header by its name, with its place. Source: nftables src/proto.c, 1.0.6.
public struct HeaderField: Hashable, Sendable {
    /// Index into `all`.
    private let index: UInt8

    /// One row of the table.
    public struct Row: Sendable {
        public let header: HeaderKind
        public let name: String
        /// Bits from the header's start.
        public let offset: Int
        public let bits: Int
        public let type: DataType

        /// The types of ICMP that have the field; `nil`: all.
        /// Source: nftables src/payload.c `payload_gen_icmp_dependency`, 1.0.6.
        public var icmpTypes: [UInt8]? {
            switch (header, name) {
            case (.icmp, "id"), (.icmp, "sequence"): [8, 0]
            case (.icmp, "gateway"): [5]
            case (.icmp, "mtu"): [3]
            case (.icmpv6, "id"), (.icmpv6, "sequence"): [128, 129]
            case (.icmpv6, "parameter-problem"): [4]
            case (.icmpv6, "mtu"), (.icmpv6, "packet-too-big"): [2]
            case (.icmpv6, "max-delay"): [130]
            case (.icmpv6, "taddr"): [135, 136, 137, 130, 131, 132]
            case (.icmpv6, "daddr"): [137]
            default: nil
            }
        }
    }

    public var row: Row { Self.rows[Int(index)] }

    private init(index: Int) { self.index = UInt8(truncatingIfNeeded: index) }

    /// The field of that name; `nil` where the header has none.
    public init?(_ header: HeaderKind, _ name: String) {
        guard let index = Self.rows.firstIndex(where: { $0.header == header && $0.name == name }) else { return nil }
        self.init(index: index)
    }

    /// The field of that place.
    public init?(_ header: HeaderKind, offset: Int, bits: Int) {
        guard
            let index = Self.rows.firstIndex(where: {
                $0.header == header && $0.offset == offset && $0.bits == bits
            })
        else { return nil }
        self.init(index: index)
    }

    public static var all: [HeaderField] { rows.indices.map { HeaderField(index: $0) } }

    private static func row(
        _ header: HeaderKind, _ name: String, _ offset: Int, _ bits: Int, _ type: DataType = .integer
    ) -> Row {
        Row(header: header, name: name, offset: offset, bits: bits, type: type)
    }

    private static let rows: [Row] = [
        row(.ether, "daddr", 0, 48, .etherAddress), row(.ether, "saddr", 48, 48, .etherAddress),
        row(.ether, "type", 96, 16, .etherType),
        row(.vlan, "pcp", 112, 3), row(.vlan, "dei", 115, 1), row(.vlan, "id", 116, 12),
        row(.vlan, "type", 128, 16, .etherType),
        row(.arp, "htype", 0, 16), row(.arp, "ptype", 16, 16, .etherType), row(.arp, "hlen", 32, 8),
        row(.arp, "plen", 40, 8), row(.arp, "operation", 48, 16, .arpOperation),
        row(.arp, "saddr ether", 64, 48, .etherAddress), row(.arp, "saddr ip", 112, 32, .ipv4Address),
        row(.arp, "daddr ether", 144, 48, .etherAddress), row(.arp, "daddr ip", 192, 32, .ipv4Address),
        row(.ip, "version", 0, 4), row(.ip, "hdrlength", 4, 4), row(.ip, "dscp", 8, 6, .dscp),
        row(.ip, "ecn", 14, 2, .ecn), row(.ip, "length", 16, 16), row(.ip, "id", 32, 16),
        row(.ip, "frag-off", 48, 16), row(.ip, "ttl", 64, 8), row(.ip, "protocol", 72, 8, .internetProtocol),
        row(.ip, "checksum", 80, 16), row(.ip, "saddr", 96, 32, .ipv4Address),
        row(.ip, "daddr", 128, 32, .ipv4Address),
        row(.ip6, "version", 0, 4), row(.ip6, "dscp", 4, 6, .dscp), row(.ip6, "ecn", 10, 2, .ecn),
        row(.ip6, "flowlabel", 12, 20), row(.ip6, "length", 32, 16),
        row(.ip6, "nexthdr", 48, 8, .internetProtocol), row(.ip6, "hoplimit", 56, 8),
        row(.ip6, "saddr", 64, 128, .ipv6Address), row(.ip6, "daddr", 192, 128, .ipv6Address),
        row(.icmp, "type", 0, 8, .icmpType), row(.icmp, "code", 8, 8, .icmpCode), row(.icmp, "checksum", 16, 16),
        row(.icmp, "id", 32, 16), row(.icmp, "sequence", 48, 16), row(.icmp, "gateway", 32, 32),
        row(.icmp, "mtu", 48, 16),
        row(.icmpv6, "type", 0, 8, .icmpv6Type), row(.icmpv6, "code", 8, 8, .icmpv6Code),
        row(.icmpv6, "checksum", 16, 16), row(.icmpv6, "id", 32, 16), row(.icmpv6, "sequence", 48, 16),
        row(.icmpv6, "parameter-problem", 32, 32), row(.icmpv6, "packet-too-big", 32, 32),
        row(.icmpv6, "mtu", 32, 32), row(.icmpv6, "max-delay", 32, 16),
        row(.icmpv6, "taddr", 64, 128, .ipv6Address), row(.icmpv6, "daddr", 192, 128, .ipv6Address),
        row(.igmp, "type", 0, 8, .igmpType), row(.igmp, "mrt", 8, 8), row(.igmp, "checksum", 16, 16),
        row(.igmp, "group", 32, 32),
        row(.tcp, "sport", 0, 16, .internetService), row(.tcp, "dport", 16, 16, .internetService),
        row(.tcp, "sequence", 32, 32), row(.tcp, "ackseq", 64, 32), row(.tcp, "doff", 96, 4),
        row(.tcp, "reserved", 100, 4), row(.tcp, "flags", 104, 8, .tcpFlag), row(.tcp, "window", 112, 16),
        row(.tcp, "checksum", 128, 16), row(.tcp, "urgptr", 144, 16),
        row(.udp, "sport", 0, 16, .internetService), row(.udp, "dport", 16, 16, .internetService),
        row(.udp, "length", 32, 16), row(.udp, "checksum", 48, 16),
        row(.udplite, "sport", 0, 16, .internetService), row(.udplite, "dport", 16, 16, .internetService),
        row(.udplite, "csumcov", 32, 16), row(.udplite, "checksum", 48, 16),
        row(.sctp, "sport", 0, 16, .internetService), row(.sctp, "dport", 16, 16, .internetService),
        row(.sctp, "vtag", 32, 32), row(.sctp, "checksum", 64, 32),
        row(.dccp, "sport", 0, 16, .internetService), row(.dccp, "dport", 16, 16, .internetService),
        row(.dccp, "type", 67, 4, .dccpPacketType),
        row(.ah, "nexthdr", 0, 8, .internetProtocol), row(.ah, "hdrlength", 8, 8), row(.ah, "reserved", 16, 16),
        row(.ah, "spi", 32, 32), row(.ah, "sequence", 64, 32),
        row(.esp, "spi", 0, 32), row(.esp, "sequence", 32, 32),
        row(.comp, "nexthdr", 0, 8, .internetProtocol), row(.comp, "flags", 8, 8), row(.comp, "cpi", 16, 16),
        row(.gre, "flags", 0, 5), row(.gre, "version", 13, 3), row(.gre, "protocol", 16, 16, .etherType),
        row(.th, "sport", 0, 16, .internetService), row(.th, "dport", 16, 16, .internetService),
    ]
}
