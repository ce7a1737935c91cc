import NetTypes

/// Comparisons of native rules.
enum NativeMatches {
    struct Entry: Sendable {
        var weight = 10
        var hooks = RuleHooks.all
        /// Needs conntrack to have seen the packet to say anything.
        var isOfConnection = false
        let write: @Sendable (inout NativeDraft) -> String?
    }

    static let all: [Entry] = addresses + transports + connections + surroundings

    private static let addresses: [Entry] = [
        Entry(
            weight: 26,
            write: { draft in
                let side = draft.pick(["saddr", "daddr"])
                let address = draft.address()
                draft.hint(side == "saddr" ? .source(address) : .destination(address))
                let first = draft.percent(50) ? "\(address)" : draft.place()
                var isFirst = true
                return "\(draft.addressWord) \(side) "
                    + draft.operand { draft in
                        defer { isFirst = false }
                        return isFirst ? first : "\(draft.address())"
                    }
            }),
        Entry(
            weight: 6,
            write: { draft in "\(draft.addressWord) saddr \(draft.percent(20) ? "!= " : "")\(draft.range())" }),
        Entry(
            weight: 14,
            write: { draft in
                named(&draft, .address(draft.version))
                    .map {
                        "\(draft.addressWord) \(draft.pick(["saddr", "daddr"])) \(draft.percent(25) ? "!= " : "")@\($0)"
                    }
            }),
        Entry(
            weight: 12,
            write: { draft in
                let word = draft.addressWord
                var elements: [String] = []
                for _ in 0..<draft.chance.number(1...3) {
                    elements.append("\(draft.address()) . \(draft.port())")
                }
                let number = draft.pick([(6, "tcp"), (17, "udp")] as [(UInt8, String)])
                guard take(number.1, &draft) else { return nil }
                draft.hint(.protocol(number.0))
                return "\(word) \(draft.pick(["saddr", "daddr"])) . \(number.1) dport { \(unique(elements)) }"
            }),
        Entry(
            weight: 10,
            write: { draft in
                guard take("tcp", &draft) else { return nil }
                return named(
                    &draft, .addressAndPort(draft.version)
                )
                .map { "\(draft.addressWord) daddr . tcp dport \(draft.percent(25) ? "!= " : "")@\($0)" }
            }),
        Entry(
            weight: 8,
            write: { draft in
                named(&draft, .twoAddresses(draft.version))
                    .map { "\(draft.addressWord) saddr . \(draft.addressWord) daddr @\($0)" }
            }),
        Entry(
            weight: 5,
            write: { draft in
                draft.version == .v4 ? "ip daddr & 255.255.0.0 == 10.0.0.0" : "ip6 daddr & ffff:: == fd00::"
            }),
        Entry(
            weight: 6,
            write: { draft in
                let ttl = draft.pick([1, 2, 63, 64, 255] as [UInt8])
                draft.hint(.ttl(ttl))
                let word = draft.version == .v4 ? "ip ttl" : "ip6 hoplimit"
                return "\(word) \(draft.pick(["", "!= ", "< ", ">= "]))\(ttl)"
            }),
        Entry(
            weight: 5,
            write: { draft in
                draft.hint(.tos(draft.pick(RandomPools.tosBytes)))
                return
                    "\(draft.addressWord) dscp \(draft.operand { draft in draft.pick(["cs1", "0x04", "ef", "cs0", "af11"]) })"
            }),
        Entry(
            weight: 3,
            write: { draft in "\(draft.addressWord) ecn \(draft.pick(["ect1", "not-ect", "ce", "!= not-ect"]))" }),
        Entry(
            weight: 4,
            write: { draft in
                let length = draft.pick([40, 60, 100, 500])
                draft.hint(.length(length))
                return
                    "\(draft.version == .v4 && draft.percent(50) ? "ip" : "meta") length \(draft.pick(["< ", "> ", "", "!= "]))\(length)"
            }),
        Entry(weight: 3, write: { draft in draft.version == .v4 ? "ip frag-off & 0x1fff != 0" : "exthdr frag exists" }),
        Entry(
            weight: 3,
            write: { draft in
                draft.version == .v4
                    ? "@nh,64,8 \(draft.pick(["0x40", "0x01"]))" : "@nh,48,8 \(draft.pick(["0x06", "0x11", "0x3a"]))"
            }),
        Entry(
            weight: 3,
            write: { draft in
                guard draft.version == .v6 else { return nil }
                let kind = draft.pick([("hbh", 0), ("dst", 60), ("rt", 43)] as [(String, UInt8)])
                draft.hint(.extensionHeader(kind.1, nil))
                return draft.percent(50)
                    ? "exthdr \(kind.0) \(draft.pick(["exists", "missing"]))"
                    : "\(kind.0) nexthdr \(draft.pick(["6", "17", "58"]))"
            }),
    ]

    private static let transports: [Entry] = [
        Entry(
            weight: 22,
            write: { draft in
                let number = draft.pick(
                    [(6, "tcp"), (6, "tcp"), (17, "udp"), (132, "sctp"), (33, "dccp"), (136, "udplite")]
                        as [(UInt8, String)])
                guard take(number.1, &draft) else { return nil }
                draft.hint(.protocol(number.0))
                let side = draft.pick(["sport", "dport", "dport"])
                let port = draft.port()
                draft.hint(.ports(source: side == "sport" ? port : nil, destination: side == "dport" ? port : nil))
                if draft.percent(15) { return "\(number.1) \(side) \(draft.pick(["< ", "> ", "<= ", ">= "]))\(port)" }
                if draft.percent(15) {
                    return "\(number.1) \(side) \(draft.percent(20) ? "!= " : "")\(port)-\(port + 500)"
                }
                return
                    "\(number.1) \(side) \(draft.operand { draft in draft.percent(50) ? "\(port)" : "\(draft.port())" })"
            }),
        Entry(
            weight: 8,
            write: { draft in
                guard take("th", &draft) else { return nil }
                let port = draft.port()
                draft.hint(.ports(source: nil, destination: port))
                return "meta l4proto { tcp, udp } th dport \(draft.operand { _ in "\(port)" })"
            }),
        Entry(
            weight: 8,
            write: { draft in
                guard take("tcp", &draft) else { return nil }
                return named(&draft, .port)
                    .map { "tcp dport \(draft.percent(25) ? "!= " : "")@\($0)" }
            }),
        Entry(
            weight: 12,
            write: { draft in
                guard take("number", &draft) else { return nil }
                let numbers: [(UInt8, String)] = [
                    (6, "tcp"), (17, "udp"), (draft.version == .v4 ? 1 : 58, draft.version == .v4 ? "icmp" : "icmpv6"),
                    (132, "sctp"), (47, "gre"), (50, "esp"), (136, "udplite"), (2, "igmp"),
                ]
                let number = draft.pick(numbers)
                draft.hint(.protocol(number.0))
                return
                    "meta l4proto \(draft.operand { draft in draft.percent(60) ? number.1 : draft.pick(["tcp", "udp", "41"]) })"
            }),
        Entry(
            weight: 3,
            write: { draft in
                guard take("number", &draft) else { return nil }
                return draft.version == .v4
                    ? "ip protocol \(draft.pick(["tcp", "udp", "!= tcp"]))"
                    : "ip6 nexthdr \(draft.pick(["tcp", "!= udp"]))"
            }),
        Entry(
            weight: 10,
            write: { draft in
                guard take("tcp", &draft) else { return nil }
                let flags = draft.pick(
                    [
                        ("syn", 2), ("syn,ack", 0x12), ("!= syn", 2), ("& (fin|syn|rst|ack) == syn", 2), ("== 0x0", 0),
                        ("& (fin|syn) != 0x0", 1), ("& (syn|ack) == ack", 0x10), ("rst", 4), ("syn / syn,ack", 2),
                    ] as [(String, UInt8)])
                draft.hint(.tcpFlags(flags.1))
                return "tcp flags \(flags.0)"
            }),
        Entry(
            weight: 4,
            write: { draft in
                guard take("tcp", &draft) else { return nil }
                draft.hint(.tcpOption(2))
                return draft.pick([
                    "tcp option maxseg size 1460", "tcp option maxseg size > 1000", "tcp option timestamp exists",
                    "tcp option sack-perm missing", "tcp option window exists",
                ])
            }),
        Entry(
            weight: 3,
            write: { draft in
                guard take("tcp", &draft) else { return nil }
                return draft.pick(["tcp doff > 5", "tcp window 8192", "tcp sequence 1000", "tcp dport & 0xff == 0x50"])
            }),
        Entry(
            weight: 9,
            write: { draft in
                guard take("icmp", &draft) else { return nil }
                let types: [(String, UInt8)] =
                    draft.version == .v4
                    ? [
                        ("echo-request", 8), ("echo-reply", 0), ("destination-unreachable", 3),
                        ("timestamp-request", 13),
                    ]
                    : [
                        ("echo-request", 128), ("echo-reply", 129), ("nd-neighbor-solicit", 135),
                        ("destination-unreachable", 1),
                    ]
                let type = draft.pick(types)
                draft.hint(.icmp(type: type.1, code: 0))
                if draft.percent(15) {
                    return "\(draft.version == .v4 ? "icmp" : "icmpv6") code \(draft.pick(["0", "1", "!= 0"]))"
                }
                return
                    "\(draft.version == .v4 ? "icmp" : "icmpv6") type \(draft.operand { draft in draft.percent(60) ? type.0 : draft.pick(types).0 })"
            }),
        Entry(
            weight: 3,
            write: { draft in
                guard take("udp", &draft) else { return nil }
                return draft.pick(["udp length > 8", "udp checksum != 0", "@th,16,16 53"])
            }),
    ]

    private static let connections: [Entry] = [
        Entry(
            weight: 22, isOfConnection: true,
            write: { draft in
                "ct state "
                    + draft.pick([
                        "new", "established,related", "invalid", "!= new", "{ new, untracked }", "established",
                        "untracked", "== related",
                        "!= { established, related }", "related", "! established", "& (established|related) != 0",
                    ])
            }),
        Entry(
            weight: 6, isOfConnection: true,
            write: { draft in
                "ct status "
                    + draft.pick([
                        "dnat", "snat", "!= dnat", "seen-reply", "confirmed,assured", "! snat", "== confirmed",
                    ])
            }),
        Entry(
            weight: 3, isOfConnection: true,
            write: { draft in "ct direction \(draft.pick(["original", "reply", "!= reply"]))" }),
        Entry(
            weight: 6, isOfConnection: true,
            write: { draft in
                "ct mark " + draft.pick(["0x1", "!= 0x2", "0x0", "& 0xf == 0x1", "{ 0x1, 0x2, 0x10 }", "> 0x1"])
            }),
        Entry(
            weight: 6, isOfConnection: true,
            write: { draft in
                let direction = draft.pick(["original", "reply"])
                if draft.percent(20) { return "ct \(direction) protocol != udp" }
                // nft takes it for the packet's own.
                if draft.percent(20), take("tcp", &draft) { return "ct \(direction) protocol tcp" }
                if draft.percent(40), take("tcp", &draft) {
                    return "meta l4proto tcp ct \(direction) proto-dst \(draft.port())"
                }
                return "ct \(direction) \(draft.addressWord) \(draft.pick(["saddr", "daddr"])) \(draft.place())"
            }),
        Entry(
            weight: 2, isOfConnection: true,
            write: { draft in "ct l3proto \(draft.version == .v4 ? "ipv4" : "ipv6")" }),
    ]

    private static let surroundings: [Entry] = [
        Entry(
            weight: 14, hooks: .incoming,
            write: { draft in
                let name = draft.interface()
                if name.hasSuffix("+") {
                    return name == "+" ? nil : "iifname \(draft.percent(20) ? "!= " : "")\"\(name.dropLast())*\""
                }
                return "iifname \(draft.operand { draft in draft.percent(60) ? "\"\(name)\"" : "\"lo\"" })"
            }),
        Entry(
            weight: 14, hooks: .outgoing,
            write: { draft in
                let name = draft.interface()
                if name.hasSuffix("+") { return name == "+" ? nil : "oifname \"\(name.dropLast())*\"" }
                return "oifname \(draft.operand { draft in draft.percent(60) ? "\"\(name)\"" : "\"lo\"" })"
            }),
        Entry(weight: 4, hooks: .incoming, write: { draft in "iif \(draft.percent(30) ? "!= " : "")\"lo\"" }),
        Entry(weight: 4, hooks: .outgoing, write: { draft in "oif \(draft.percent(30) ? "!= " : "")\"lo\"" }),
        Entry(
            weight: 4,
            write: { draft in
                named(&draft, .interface).flatMap { name in
                    RuleHooks.incoming.contains(draft.hooks)
                        ? "iifname @\(name)"
                        : RuleHooks.outgoing.contains(draft.hooks) ? "oifname @\(name)" : nil
                }
            }),
        Entry(
            weight: 12,
            write: { draft in
                let mark = draft.pick(RandomPools.marks)
                draft.hint(.mark(mark))
                return "meta mark "
                    + draft.pick([
                        hexadecimal(mark), "!= \(hexadecimal(mark))", "& 0xf == \(hexadecimal(mark & 0xf))",
                        "{ \(hexadecimal(mark)), 0x2 }",
                        ">= \(hexadecimal(mark))", "0x1-0x10", "& 0xff != 0",
                    ])
            }),
        Entry(
            weight: 5,
            write: { draft in
                named(&draft, .mark).map { "meta mark @\($0)" }
            }),
        Entry(
            weight: 4,
            write: { draft in
                guard draft.family == .inet else { return nil }
                // nft refuses what contradicts an address of the rule.
                return "meta nfproto "
                    + (draft.version == .v4 ? draft.pick(["ipv4", "!= ipv6"]) : draft.pick(["ipv6", "!= ipv4"]))
            }),
        Entry(weight: 3, write: { draft in "meta protocol \(draft.pick(["ip", "ip6", "!= ip"]))" }),
        Entry(
            weight: 4, hooks: .incoming,
            write: { draft in "meta pkttype \(draft.pick(["host", "broadcast", "multicast", "!= host"]))" }),
        Entry(
            weight: 6, hooks: [.output, .postrouting],
            write: { draft in
                let user = draft.pick(RandomPools.users)
                draft.hint(.user(user))
                return "meta \(draft.pick(["skuid", "skuid", "skgid"])) \(draft.pick(["", "!= ", "< "]))\(user)"
            }),
        Entry(
            weight: 10,
            write: { draft in
                // Source: net/netfilter/nft_fib_inet.c: not at ingress.
                if draft.isOfDevice, draft.family == .inet { return nil }
                return
                    "fib \(draft.pick(["daddr", "daddr", "saddr"])) type \(draft.operand { draft in draft.pick(["local", "unicast", "broadcast", "multicast"]) })"
            }),
        Entry(
            weight: 6, hooks: .prerouting,
            write: { draft in
                if draft.isOfDevice, draft.family == .inet { return nil }
                return draft.pick([
                    "fib saddr . iif oif missing", "fib saddr . iif oif exists", "fib saddr oif 0",
                    "fib daddr . iif type local",
                    "fib saddr . mark . iif oif missing", "fib daddr oifname \"eth0\"", "fib daddr oif exists",
                ])
            }),
        Entry(
            weight: 3, hooks: .prerouting,
            write: { draft in
                draft.hint(.sourceMAC(RandomPools.foreignMACs[0]))
                return "ether saddr \(draft.percent(30) ? "!= " : "")\(draft.pick(RandomPools.foreignMACs))"
            }),
        Entry(weight: 3, hooks: .incoming, write: { draft in "iifgroup \(draft.pick(["0", "1", "!= 5"]))" }),
        Entry(
            weight: 4,
            write: { draft in
                "jhash \(draft.addressWord) \(draft.pick(["saddr", "daddr"])) mod 4 seed 0x5 \(draft.pick(["", "!= ", "< "]))\(draft.chance.below(4))"
            }),
    ]

    /// Whether the rule may speak of this transport; from then on it does.
    static func take(_ transport: String, _ draft: inout NativeDraft) -> Bool {
        // nft refuses two transports in one rule, and a number twice.
        guard draft.transport == nil || draft.transport == transport && transport != "number" else { return false }
        draft.transport = transport
        return true
    }

    static func named(_ draft: inout NativeDraft, _ key: NativeSetDraft.Key) -> String? {
        let fitting = draft.sets.filter { !$0.isVerdictMap && $0.key == key }
        return draft.chance.pickAny(fitting)?.name
    }

    static func unique(_ elements: [String]) -> String {
        var seen: [String] = []
        for element in elements where !seen.contains(element) { seen.append(element) }
        return seen.joined(separator: ", ")
    }
}
