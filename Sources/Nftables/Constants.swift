internal import NetTypes
internal import RuleModel

/// The names that nft has for values, by type; of several for one value the first is printed.
/// Source: nftables 1.0.6 src/datatype.c, src/proto.c, src/ct.c, src/meta.c, src/rt.c, src/fib.c.
func constants(of type: DataType) -> [(name: String, value: UInt64)] {
    switch type {
    case .boolean: [("exists", 1), ("missing", 0), ("true", 1), ("false", 0)]
    case .etherType:
        [("ip", 0x0800), ("arp", 0x0806), ("ip6", 0x86dd), ("8021q", 0x8100), ("8021ad", 0x88a8), ("vlan", 0x8100)]
    case .arpOperation:
        [("request", 1), ("reply", 2), ("rrequest", 3), ("rreply", 4), ("inrequest", 8), ("inreply", 9), ("nak", 10)]
    case .icmpType:
        [
            ("echo-reply", 0), ("destination-unreachable", 3), ("source-quench", 4), ("redirect", 5),
            ("echo-request", 8), ("router-advertisement", 9), ("router-solicitation", 10), ("time-exceeded", 11),
            ("parameter-problem", 12), ("timestamp-request", 13), ("timestamp-reply", 14), ("info-request", 15),
            ("info-reply", 16), ("address-mask-request", 17), ("address-mask-reply", 18),
        ]
    case .icmpCode:
        [
            ("net-unreachable", 0), ("host-unreachable", 1), ("prot-unreachable", 2), ("port-unreachable", 3),
            ("frag-needed", 4), ("net-prohibited", 9), ("host-prohibited", 10), ("admin-prohibited", 13),
        ]
    case .icmpv6Type:
        [
            ("destination-unreachable", 1), ("packet-too-big", 2), ("time-exceeded", 3), ("parameter-problem", 4),
            ("echo-request", 128), ("echo-reply", 129), ("mld-listener-query", 130), ("mld-listener-report", 131),
            ("mld-listener-done", 132), ("mld-listener-reduction", 132), ("nd-router-solicit", 133),
            ("nd-router-advert", 134), ("nd-neighbor-solicit", 135), ("nd-neighbor-advert", 136),
            ("nd-redirect", 137), ("router-renumbering", 138), ("ind-neighbor-solicit", 141),
            ("ind-neighbor-advert", 142), ("mld2-listener-report", 143),
        ]
    case .icmpv6Code:
        [
            ("no-route", 0), ("admin-prohibited", 1), ("addr-unreachable", 3), ("port-unreachable", 4),
            ("policy-fail", 5), ("reject-route", 6),
        ]
    case .icmpxCode: [("no-route", 0), ("port-unreachable", 1), ("host-unreachable", 2), ("admin-prohibited", 3)]
    case .igmpType:
        [
            ("membership-query", 0x11), ("membership-report-v1", 0x12), ("membership-report-v2", 0x16),
            ("membership-report-v3", 0x22), ("leave-group", 0x17),
        ]
    case .tcpFlag:
        [
            ("fin", 1), ("syn", 2), ("rst", 4), ("psh", 8), ("ack", 16), ("urg", 32), ("ecn", 64), ("cwr", 128),
        ]
    case .dccpPacketType:
        [
            ("request", 0), ("response", 1), ("data", 2), ("ack", 3), ("dataack", 4), ("closereq", 5), ("close", 6),
            ("reset", 7), ("sync", 8), ("syncack", 9),
        ]
    case .mobilityType:
        [
            ("binding-refresh-request", 0), ("home-test-init", 1), ("careof-test-init", 2), ("home-test", 3),
            ("careof-test", 4), ("binding-update", 5), ("binding-acknowledgement", 6), ("binding-error", 7),
            ("fast-binding-update", 8), ("fast-binding-acknowledgement", 9), ("fast-binding-advertisement", 10),
            ("experimental-mobility-header", 11), ("home-agent-switch-message", 12),
        ]
    case .dscp:
        [
            ("cs0", 0), ("cs1", 8), ("cs2", 16), ("cs3", 24), ("cs4", 32), ("cs5", 40), ("cs6", 48), ("cs7", 56),
            ("df", 0), ("be", 0), ("lephb", 1), ("af11", 10), ("af12", 12), ("af13", 14), ("af21", 18), ("af22", 20),
            ("af23", 22), ("af31", 26), ("af32", 28), ("af33", 30), ("af41", 34), ("af42", 36), ("af43", 38),
            ("va", 44), ("ef", 46),
        ]
    case .ecn: [("not-ect", 0), ("ect1", 1), ("ect0", 2), ("ce", 3)]
    case .realm: [("cosmos", 0)]
    case .classIdentifier: [("none", 0), ("root", 0xffff_ffff)]
    case .userID, .groupID: [("root", 0)]
    case .day:
        [
            ("Sunday", 0), ("Monday", 1), ("Tuesday", 2), ("Wednesday", 3), ("Thursday", 4), ("Friday", 5),
            ("Saturday", 6),
        ]
    case .interfaceType:
        [
            ("ether", 1), ("ppp", 512), ("ipip", 768), ("ipip6", 769), ("loopback", 772), ("sit", 776),
            ("ipgre", 778),
        ]
    case .packetType: [("host", 0), ("unicast", 0), ("broadcast", 1), ("multicast", 2), ("other", 3)]
    case .deviceGroup: [("default", 0)]
    case .networkProtocol: [("ipv4", 2), ("ipv6", 10)]
    case .connectionState:
        [("invalid", 1), ("established", 2), ("related", 4), ("new", 8), ("untracked", 64)]
    case .connectionDirection: [("original", 0), ("reply", 1)]
    case .connectionStatus:
        [
            ("expected", 1), ("seen-reply", 2), ("assured", 4), ("confirmed", 8), ("snat", 16), ("dnat", 32),
            ("dying", 512),
        ]
    case .connectionEvent:
        [
            ("new", 1), ("related", 2), ("destroy", 4), ("reply", 8), ("assured", 16), ("protoinfo", 32),
            ("helper", 64), ("mark", 128), ("seqadj", 256), ("secmark", 512), ("label", 1024),
        ]
    case .fibAddressType:
        [
            ("unspec", 0), ("unicast", 1), ("local", 2), ("broadcast", 3), ("anycast", 4), ("multicast", 5),
            ("blackhole", 6), ("unreachable", 7), ("prohibit", 8), ("throw", 9), ("nat", 10), ("xresolve", 11),
        ]
    case .internetService: services
    case .integer, .bitmask, .string, .ipv4Address, .ipv6Address, .linkAddress, .etherAddress, .internetProtocol,
        .mark, .time, .hour, .interfaceIndex, .interfaceName, .cgroup2, .connectionLabel, .verdict:
        []
    }
}

/// Ports that people name in rules written by hand; nft prints numbers. Source: `/etc/services` of netbase 6.4.
private let services: [(name: String, value: UInt64)] = [
    ("ftp-data", 20), ("ftp", 21), ("ssh", 22), ("telnet", 23), ("smtp", 25), ("time", 37), ("domain", 53),
    ("bootps", 67), ("bootpc", 68), ("tftp", 69), ("http", 80), ("www", 80), ("kerberos", 88), ("pop3", 110),
    ("sunrpc", 111), ("auth", 113), ("nntp", 119), ("ntp", 123), ("epmap", 135), ("netbios-ns", 137),
    ("netbios-dgm", 138), ("netbios-ssn", 139), ("imap2", 143), ("imap", 143), ("snmp", 161), ("snmp-trap", 162),
    ("bgp", 179), ("irc", 194), ("ldap", 389), ("https", 443), ("microsoft-ds", 445), ("submissions", 465),
    ("isakmp", 500), ("syslog", 514), ("printer", 515), ("router", 520), ("dhcpv6-client", 546),
    ("dhcpv6-server", 547), ("rtsp", 554), ("submission", 587), ("ipp", 631), ("ldaps", 636), ("domain-s", 853),
    ("rsync", 873), ("ftps", 990), ("imaps", 993), ("pop3s", 995), ("socks", 1080), ("openvpn", 1194),
    ("ms-sql-s", 1433), ("l2f", 1701), ("radius", 1812), ("radius-acct", 1813), ("nfs", 2049), ("iscsi-target", 3260),
    ("mysql", 3306), ("ms-wbt-server", 3389), ("ipsec-nat-t", 4500), ("sip", 5060), ("sips", 5061), ("mdns", 5353),
    ("postgresql", 5432), ("x11", 6000), ("http-alt", 8080), ("git", 9418),
]

/// The protocol of a name in `/etc/protocols`.
func protocolNumber(_ name: String) -> UInt8? {
    switch name {
    case "ip": 0
    case "ipv6-icmp", "icmpv6", "icmp6": 58
    default: IPProtocol(name)?.rawValue
    }
}
