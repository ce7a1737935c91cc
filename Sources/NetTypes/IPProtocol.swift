/// An IP protocol number, such as 6 for TCP.
public struct IPProtocol: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public init(_ number: UInt8) { self.rawValue = number }

    public static let icmp = IPProtocol(1)
    public static let igmp = IPProtocol(2)
    public static let ipip = IPProtocol(4)
    public static let tcp = IPProtocol(6)
    public static let udp = IPProtocol(17)
    public static let dccp = IPProtocol(33)
    public static let ipv6 = IPProtocol(41)
    public static let gre = IPProtocol(47)
    public static let esp = IPProtocol(50)
    public static let ah = IPProtocol(51)
    public static let icmpv6 = IPProtocol(58)
    public static let ipcomp = IPProtocol(108)
    public static let sctp = IPProtocol(132)
    public static let mobility = IPProtocol(135)
    public static let udplite = IPProtocol(136)

    /// Those whose headers begin with a pair of ports.
    public static let withPorts: [IPProtocol] = (UInt8.min...UInt8.max).map { IPProtocol($0) }.filter { $0.hasPorts }

    /// Whether its header begins with a pair of ports.
    public var hasPorts: Bool {
        switch self {
        case .tcp, .udp, .sctp, .dccp, .udplite: true
        default: false
        }
    }

    /// Whether conntrack and NAT know this protocol by its pair of ports. DCCP they did up to Linux 6.16.
    public var isTrackedByPorts: Bool { hasPorts && self != .dccp }

    public var isICMP: Bool { self == .icmp || self == .icmpv6 }
}

extension IPProtocol {
    /// The name that iptables 1.8.9 prints for `-p` on Debian, where `/etc/protocols` is asked first; else `nil`.
    /// Source: iptables/xshared.c `proto_to_name`, `/etc/protocols` of netbase 6.4.
    public var name: String? {
        for entry in IPProtocol.names where entry.number == rawValue { return entry.name }
        return nil
    }

    /// A name for a person: lower case, `ipv6-icmp` as `icmpv6`, a number where there is no name.
    public var shortName: String {
        if self == .icmpv6 { return "icmpv6" }
        return name ?? "\(rawValue)"
    }

    /// Every name and alias that is read, first the one that is printed. 0 is `ip` in `/etc/protocols` and all
    /// protocols in iptables.
    public static let names: [(number: UInt8, name: String)] = [
        (1, "icmp"), (2, "igmp"), (3, "ggp"), (4, "ipencap"), (5, "st"), (6, "tcp"), (8, "egp"), (9, "igp"),
        (12, "pup"),
        (17, "udp"), (20, "hmp"), (22, "xns-idp"), (27, "rdp"), (29, "iso-tp4"), (33, "dccp"), (36, "xtp"), (37, "ddp"),
        (38, "idpr-cmtp"), (41, "ipv6"), (43, "ipv6-route"), (44, "ipv6-frag"), (45, "idrp"), (46, "rsvp"), (47, "gre"),
        (50, "esp"), (51, "ah"), (57, "skip"), (58, "ipv6-icmp"), (59, "ipv6-nonxt"), (60, "ipv6-opts"), (73, "rspf"),
        (81, "vmtp"), (88, "eigrp"), (89, "ospf"), (93, "ax.25"), (94, "ipip"), (97, "etherip"), (98, "encap"),
        (103, "pim"), (108, "ipcomp"), (112, "vrrp"), (115, "l2tp"), (124, "isis"), (132, "sctp"), (133, "fc"),
        (135, "mobility-header"), (136, "udplite"), (137, "mpls-in-ip"), (138, "manet"), (139, "hip"), (140, "shim6"),
        (141, "wesp"), (142, "rohc"), (143, "ethernet"),
        (58, "icmpv6"), (58, "icmp6"), (4, "ipv4"), (4, "IP-ENCAP"), (135, "mh"), (50, "ipv6-crypt"),
        (51, "ipv6-auth"), (43, "ipv6-routing"),
    ]

    /// Reads a name or a number from 0 to 255; `nil` when it is neither. Case does not matter.
    public init?(_ text: String) {
        if let number = UInt8(text) {
            self.init(number)
            return
        }
        let wanted = text.lowercased()
        for entry in IPProtocol.names where entry.name.lowercased() == wanted {
            self.init(entry.number)
            return
        }
        return nil
    }
}
