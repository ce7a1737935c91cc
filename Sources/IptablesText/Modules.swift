internal import RuleModel
internal import SourceText

/// The matches of iptables 1.8.9 that are read into typed values.
enum MatchModule: UInt8, CaseIterable {
    case addrtype, ah, bpf, cgroup, cluster, comment, connbytes, connlabel, connlimit, connmark, conntrack, cpu
    case dccp, devgroup, dscp, dst, ecn, esp, eui64, frag, hashlimit, hbh, helper, hl, icmp, icmp6, ipcomp
    case iprange, ipv6header, ipvs, length, limit, mac, mark, mh, multiport, nfacct, osf, owner, physdev, pkttype
    case policy, quota, rateest, realm, recent, rpfilter, rt, sctp, `set`, socket, srh, state, statistic, string
    case tcp, tcpmss, time, tos, ttl, u32, udp, udplite

    /// As it stands after `-m`.
    var name: StaticString {
        switch self {
        case .addrtype: "addrtype"
        case .ah: "ah"
        case .bpf: "bpf"
        case .cgroup: "cgroup"
        case .cluster: "cluster"
        case .comment: "comment"
        case .connbytes: "connbytes"
        case .connlabel: "connlabel"
        case .connlimit: "connlimit"
        case .connmark: "connmark"
        case .conntrack: "conntrack"
        case .cpu: "cpu"
        case .dccp: "dccp"
        case .devgroup: "devgroup"
        case .dscp: "dscp"
        case .dst: "dst"
        case .ecn: "ecn"
        case .esp: "esp"
        case .eui64: "eui64"
        case .frag: "frag"
        case .hashlimit: "hashlimit"
        case .hbh: "hbh"
        case .helper: "helper"
        case .hl: "hl"
        case .icmp: "icmp"
        case .icmp6: "icmp6"
        case .ipcomp: "ipcomp"
        case .iprange: "iprange"
        case .ipv6header: "ipv6header"
        case .ipvs: "ipvs"
        case .length: "length"
        case .limit: "limit"
        case .mac: "mac"
        case .mark: "mark"
        case .mh: "mh"
        case .multiport: "multiport"
        case .nfacct: "nfacct"
        case .osf: "osf"
        case .owner: "owner"
        case .physdev: "physdev"
        case .pkttype: "pkttype"
        case .policy: "policy"
        case .quota: "quota"
        case .rateest: "rateest"
        case .realm: "realm"
        case .recent: "recent"
        case .rpfilter: "rpfilter"
        case .rt: "rt"
        case .sctp: "sctp"
        case .set: "set"
        case .socket: "socket"
        case .srh: "srh"
        case .state: "state"
        case .statistic: "statistic"
        case .string: "string"
        case .tcp: "tcp"
        case .tcpmss: "tcpmss"
        case .time: "time"
        case .tos: "tos"
        case .ttl: "ttl"
        case .u32: "u32"
        case .udp: "udp"
        case .udplite: "udplite"
        }
    }
}

/// The targets of iptables 1.8.9 that are read into typed values, but for the verdicts.
enum TargetModule: UInt8, CaseIterable {
    case audit, checksum, classify, clusterip, connmark, connsecmark, ct, dnat, dnpt, dscp, ecn, hl, hmark
    case idletimer, led, log, mark, masquerade, netmap, nflog, nfqueue, notrack, rateest, redirect, reject
    case secmark, `set`, snat, snpt, synproxy, tcpmss, tcpoptstrip, tee, tos, tproxy, trace, ttl, ulog

    /// As it stands after `-j`.
    var name: StaticString {
        switch self {
        case .audit: "AUDIT"
        case .checksum: "CHECKSUM"
        case .classify: "CLASSIFY"
        case .clusterip: "CLUSTERIP"
        case .connmark: "CONNMARK"
        case .connsecmark: "CONNSECMARK"
        case .ct: "CT"
        case .dnat: "DNAT"
        case .dnpt: "DNPT"
        case .dscp: "DSCP"
        case .ecn: "ECN"
        case .hl: "HL"
        case .hmark: "HMARK"
        case .idletimer: "IDLETIMER"
        case .led: "LED"
        case .log: "LOG"
        case .mark: "MARK"
        case .masquerade: "MASQUERADE"
        case .netmap: "NETMAP"
        case .nflog: "NFLOG"
        case .nfqueue: "NFQUEUE"
        case .notrack: "NOTRACK"
        case .rateest: "RATEEST"
        case .redirect: "REDIRECT"
        case .reject: "REJECT"
        case .secmark: "SECMARK"
        case .set: "SET"
        case .snat: "SNAT"
        case .snpt: "SNPT"
        case .synproxy: "SYNPROXY"
        case .tcpmss: "TCPMSS"
        case .tcpoptstrip: "TCPOPTSTRIP"
        case .tee: "TEE"
        case .tos: "TOS"
        case .tproxy: "TPROXY"
        case .trace: "TRACE"
        case .ttl: "TTL"
        case .ulog: "ULOG"
        }
    }
}

/// The names of all modules, to find one by its bytes.
struct ModuleNames {
    static let shared = ModuleNames()

    private var matches = NameTable()
    private var targets = NameTable()

    private init() {
        // Symbol 0 is the empty name, so module i has symbol i + 1.
        for module in MatchModule.allCases { _ = matches.intern(module.name.description) }
        for module in TargetModule.allCases { _ = targets.intern(module.name.description) }
    }

    /// The match `-m name` loads, or `nil` where this program does not know it.
    func match(_ name: Span<UInt8>) -> MatchModule? {
        // The most frequent ones need no look-up.
        if name.equals("comment") { return .comment }
        if name.equals("tcp") { return .tcp }
        if let symbol = matches.find(name), symbol != .empty {
            return MatchModule(rawValue: UInt8(truncatingIfNeeded: symbol.index - 1))
        }
        // Source: iptables 1.8.9, libxtables/xtables.c `xtables_find_match`.
        if name.equals("icmpv6") || name.equals("ipv6-icmp") { return .icmp6 }
        return nil
    }

    /// The extension `-j name` loads, or `nil` where it is none that this program knows.
    func target(_ name: Span<UInt8>) -> TargetModule? {
        guard let symbol = targets.find(name), symbol != .empty else { return nil }
        return TargetModule(rawValue: UInt8(truncatingIfNeeded: symbol.index - 1))
    }
}
