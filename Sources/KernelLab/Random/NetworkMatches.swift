import NetTypes
import RuleModel

/// Matches on the network header, the bytes behind it, and what the kernel notes beside the packet.
enum NetworkMatches {
    static let all: [MatchEntry] = [
        MatchEntry(name: "mark", weight: 20, write: { draft in "-m mark \(draft.not())--mark \(draft.markTest())" }),
        MatchEntry(name: "addrtype", weight: 22, write: addressType),
        MatchEntry(name: "set", weight: 45, write: set),
        MatchEntry(name: "mac", hooks: .incoming, weight: 12, write: hardware),
        MatchEntry(name: "length", weight: 12, write: length),
        MatchEntry(name: "ttl", versions: .v4, weight: 12, write: { draft in timeToLive(&draft, "ttl") }),
        MatchEntry(name: "hl", versions: .v6, weight: 12, write: { draft in timeToLive(&draft, "hl") }),
        MatchEntry(name: "dscp", weight: 12, write: codePoint),
        MatchEntry(name: "tos", weight: 12, write: typeOfService),
        MatchEntry(name: "ecn", weight: 8, write: congestion),
        MatchEntry(name: "pkttype", weight: 12, write: packetType),
        MatchEntry(
            name: "iprange", weight: 12,
            write: { draft in
                let side = draft.pick(["src", "dst", "both"])
                let source = "\(draft.not())--src-range \(draft.range())"
                let destination = "\(draft.not())--dst-range \(draft.range())"
                return "-m iprange "
                    + (side == "src" ? source : side == "dst" ? destination : "\(source) \(destination)")
            }),
        MatchEntry(name: "u32", weight: 14, write: words),
        MatchEntry(name: "string", weight: 18, write: string),
        MatchEntry(name: "bpf", weight: 8, write: program),
        MatchEntry(
            name: "comment", weight: 3,
            write: { draft in "-m comment --comment \"rule \(draft.chance.below(1000))\"" }),
        MatchEntry(name: "frag", versions: .v6, weight: 10, write: fragmentHeader),
        MatchEntry(name: "frag untracked", versions: .v6, weight: 200, needsFragments: true, write: fragmentHeader),
        MatchEntry(name: "rt", versions: .v6, weight: 32, write: routingHeader),
        MatchEntry(name: "hbh", versions: .v6, weight: 14, write: { draft in options(&draft, "hbh", 0) }),
        MatchEntry(name: "dst", versions: .v6, weight: 20, write: { draft in options(&draft, "dst", 60) }),
        MatchEntry(name: "ipv6header", versions: .v6, weight: 14, write: headers),
        MatchEntry(name: "eui64", versions: .v6, hooks: .incoming, weight: 12, write: identifier),
        MatchEntry(name: "set counters", weight: 8, certainty: .remembers, write: setCounters),
        MatchEntry(name: "srh", versions: .v6, weight: 30, write: segmentRouting),
    ]

    private static func addressType(_ draft: inout RuleDraft) -> String? {
        // xt_addrtype refuses the types of routes that end the way, and broadcast, for IPv6.
        let types =
            ["LOCAL", "LOCAL", "UNICAST", "LOCAL,UNICAST", "UNREACHABLE", "MULTICAST", "ANYCAST", "UNSPEC"]
            + (draft.isV4 ? ["BLACKHOLE", "PROHIBIT", "BROADCAST", "BROADCAST", "THROW", "NAT", "XRESOLVE"] : [])
        let side = draft.pick(["src", "dst", "dst", "both"])
        var words = "-m addrtype"
        if side != "dst" { words += " \(draft.not())--src-type \(draft.pick(types))" }
        if side != "src" { words += " \(draft.not())--dst-type \(draft.pick(types))" }
        if RuleHooks.incoming.contains(draft.hooks), draft.percent(25) {
            words += " --limit-iface-in"
        } else if RuleHooks.outgoing.contains(draft.hooks), draft.percent(25) {
            words += " --limit-iface-out"
        }
        return words
    }

    private static func set(_ draft: inout RuleDraft) -> String? {
        // A set of the other version is refused.
        let fitting = draft.sets.filter { $0.version == nil || $0.version == draft.version }
        guard let set = draft.chance.pickAny(fitting) else { return nil }
        let directions = directions(of: set, &draft)
        for hint in set.hints(directions, &draft.chance) { draft.hint(hint) }
        var words = "-m set \(draft.not())--match-set \(set.name) \(directions.joined(separator: ","))"
        if set.hasExceptions, draft.percent(40) { words += " --return-nomatch" }
        if set.hasCounters, draft.percent(30) { words += " ! --update-counters" }
        return words
    }

    /// Where a frame goes no packet tells, so a hardware address is always the source's.
    static func directions(of set: RandomSet, _ draft: inout RuleDraft) -> [String] {
        let hasMAC = [SetType.bitmapIPMAC, .hashIPMAC, .hashMAC].contains(set.type)
        return (0..<set.dimension).map { index in
            hasMAC && index == set.dimension - 1 ? "src" : draft.pick(["src", "dst"])
        }
    }

    private static func setCounters(_ draft: inout RuleDraft) -> String? {
        let fitting = draft.sets.filter { $0.hasCounters && ($0.version == nil || $0.version == draft.version) }
        guard let set = draft.chance.pickAny(fitting) else { return nil }
        let directions = directions(of: set, &draft)
        for hint in set.hints(directions, &draft.chance) { draft.hint(hint) }
        let test = draft.pick(["--packets-gt 0", "--packets-eq 1", "--bytes-lt 200"])
        return "-m set --match-set \(set.name) \(directions.joined(separator: ",")) \(test)"
    }

    private static func identifier(_ draft: inout RuleDraft) -> String? {
        draft.hint(.identifierOfMAC)
        return "-m eui64"
    }

    private static func hardware(_ draft: inout RuleDraft) -> String? {
        let mac = draft.pick(RandomPools.foreignMACs)
        draft.hint(.sourceMAC(mac))
        return "-m mac \(draft.not())--mac-source \(mac)"
    }

    private static func length(_ draft: inout RuleDraft) -> String? {
        let lengths = draft.isV4 ? [28, 40, 60, 100, 500] : [48, 60, 80, 140, 500]
        let length = draft.pick(lengths)
        draft.hint(.length(length))
        let words = draft.pick(["\(length)", "\(length):", ":\(length)", "\(length / 2):\(length)"])
        return "-m length \(draft.not())--length \(words)"
    }

    private static func timeToLive(_ draft: inout RuleDraft, _ name: String) -> String? {
        let value = draft.pick([1, 2, 3, 63, 64, 255] as [UInt8])
        draft.hint(.ttl(value))
        let option = draft.pick(["eq", "eq", "lt", "gt"])
        return "-m \(name) \(option == "eq" ? draft.not() : "")--\(name)-\(option) \(value)"
    }

    private static func codePoint(_ draft: inout RuleDraft) -> String? {
        let tos = draft.pick(RandomPools.tosBytes + [0])
        draft.hint(.tos(tos))
        return "-m dscp \(draft.not())--dscp \(hexadecimal(tos >> 2))"
    }

    private static func typeOfService(_ draft: inout RuleDraft) -> String? {
        let tos = draft.pick(RandomPools.tosBytes + [0])
        draft.hint(.tos(tos))
        return "-m tos \(draft.not())--tos \(hexadecimal(tos))/\(draft.pick(["0xff", "0x3f", "0xfc"]))"
    }

    private static func congestion(_ draft: inout RuleDraft) -> String? {
        let value = draft.pick([0, 1, 2, 3] as [UInt8])
        draft.hint(.tos(value))
        return "-m ecn \(draft.not())--ecn-ip-ect \(value)"
    }

    private static func packetType(_ draft: inout RuleDraft) -> String? {
        let types: [(words: String, type: PacketType)] = [
            ("unicast", .unicast), ("broadcast", .broadcast), ("multicast", .multicast),
        ]
        let chosen = draft.pick(types)
        draft.hint(.packetType(chosen.type))
        return "-m pkttype \(draft.not())--pkt-type \(chosen.words)"
    }

    /// Programs of u32 for the field that they look at.
    private static func words(_ draft: inout RuleDraft) -> String? {
        let port = draft.port()
        let four = [
            "6&0xFF=0x6", "6&0xFF=0x1,0x11", "0>>22&0x3C@0&0xFFFF=\(port)", "0>>22&0x3C@0>>16=\(port),1:1000",
            "4&0x3FFF=0x0", "8>>24=0x40:0x80", "0&0xFFFF=0x0:0x64", "12&0xFFFF0000=0xa000000",
            "6&0xFF=0x6&&0>>22&0x3C@12>>26&0x3C@0=0x47455420", "0>>22&0x3C@2&0xFFFF=0x35&&1&0xFF=0x0",
        ]
        let six = [
            "4&0xFF00=0x600", "4&0xFF=0x40", "40>>16=\(port)", "40&0xFFFF=\(port),1:1000", "0&0xFF00000=0x0",
            "3&0xFFFF=0x0:0x40", "8=0xfd000000:0xfdffffff", "4>>8&0xFF=0x11,0x3a",
        ]
        draft.hint(.ports(source: port, destination: port))
        return "-m u32 \(draft.not())--u32 \"\(draft.pick(draft.isV4 ? four : six))\""
    }

    private static func string(_ draft: inout RuleDraft) -> String? {
        let word = draft.pick(RandomPools.words)
        draft.hint(.payload(Array(word.utf8)))
        var words = "-m string"
        let isPlain = word.utf8.allSatisfy { $0 > 32 && $0 < 127 }
        let quoted: String
        if !isPlain || draft.percent(25) {
            let digits = word.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            quoted = "--hex-string \"|\(digits)|\""
        } else if draft.percent(30) {
            draft.hint(.payload(Array(word.uppercased().utf8)))
            words += " --icase"
            quoted = "--string \"\(word.lowercased())\""
        } else {
            quoted = "--string \"\(word)\""
        }
        words += " \(draft.not(12))\(quoted) --algo \(draft.pick(["bm", "kmp"]))"
        if draft.percent(30) { words += " --from \(draft.pick([0, 20, 28, 40, 52, 60]))" }
        if draft.percent(30) { words += " --to \(draft.pick([60, 70, 100, 1500]))" }
        return words
    }

    /// Programs of classic BPF over the packet from its network header on.
    private static func program(_ draft: inout RuleDraft) -> String? {
        let four = [
            // Protocol is TCP; is UDP; total length above 100; first word of the header is even.
            "4,48 0 0 9,21 0 1 6,6 0 0 1,6 0 0 0", "4,48 0 0 9,21 0 1 17,6 0 0 1,6 0 0 0",
            "4,40 0 0 2,37 0 1 100,6 0 0 1,6 0 0 0", "4,48 0 0 8,21 0 1 64,6 0 0 1,6 0 0 0",
            // Destination port behind a header of its own length is 80.
            "5,177 0 0 0,72 0 0 2,21 0 1 80,6 0 0 1,6 0 0 0",
        ]
        let six = [
            "4,48 0 0 6,21 0 1 6,6 0 0 1,6 0 0 0", "4,48 0 0 7,21 0 1 64,6 0 0 1,6 0 0 0",
            "4,40 0 0 42,21 0 1 80,6 0 0 1,6 0 0 0", "4,40 0 0 4,37 0 1 60,6 0 0 1,6 0 0 0",
        ]
        return "-m bpf --bytecode \"\(draft.pick(draft.isV4 ? four : six))\""
    }

    private static func fragmentHeader(_ draft: inout RuleDraft) -> String? {
        let number = draft.chance.number(0...5)
        draft.hint(.extensionHeader(44, number))
        var words = "-m frag"
        if draft.percent(30) {
            words += " \(draft.not())--fragid \(draft.percent(50) ? "\(number)" : "\(number):\(number + 2)")"
        }
        if draft.percent(15) { words += " --fragres" }
        if draft.percent(40) { words += " --fragfirst" }
        if draft.percent(40) { words += draft.percent(35) ? " --fragmore" : " --fraglast" }
        return words
    }

    private static func routingHeader(_ draft: inout RuleDraft) -> String? {
        var form: Int?
        var words = "-m rt"
        switch draft.chance.below(8) {
        case 0...4:
            let first = draft.host()
            form = PacketDraft.formOfRoute[0]
            draft.hint(.destination(first))
            words += " --rt-type 0\(draft.percent(60) ? " --rt-0-res" : "") --rt-0-addrs \(first)"
            if draft.percent(65) { words += " --rt-0-not-strict" }
        case 5:
            let type = draft.pick([0, 2, 4])
            form = PacketDraft.formOfRoute[type]
            words += " \(draft.not())--rt-type \(type)"
        case 6: words += " \(draft.not())--rt-segsleft \(draft.percent(50) ? "0" : draft.numbers(0, 2))"
        default: words += " \(draft.not())--rt-len \(draft.pick([8, 24, 24, 40]))"
        }
        draft.hint(.extensionHeader(43, form))
        return words
    }

    /// Hop-by-hop or destination options.
    private static func options(_ draft: inout RuleDraft, _ name: String, _ header: UInt8) -> String? {
        draft.hint(.extensionHeader(header, nil))
        var words = "-m \(name)"
        if draft.percent(45) { words += " \(draft.not())--\(name)-len \(draft.pick([8, 8, 16]))" }
        if draft.percent(50) { words += " --\(name)-opts \(draft.pick(["5", "5:2", "1:4", "5:2,1", "194:4", "1"]))" }
        return words
    }

    private static func headers(_ draft: inout RuleDraft) -> String? {
        let names: [(name: String, number: UInt8)] = [
            ("hop-by-hop", 0), ("ipv6-opts", 60), ("ipv6-route", 43), ("ipv6-frag", 44), ("ah", 51), ("esp", 50),
            ("protocol", 6), ("ipv6-nonxt", 59),
        ]
        let chosen = draft.chance.some(names, draft.pick([1, 1, 2]))
        for header in chosen where header.number != 6 && header.number != 50 && header.number != 59 {
            draft.hint(.extensionHeader(header.number, nil))
        }
        let list = chosen.map(\.name).joined(separator: ",")
        return "-m ipv6header \(draft.not())--header \(list)\(draft.percent(60) ? " --soft" : "")"
    }

    private static func segmentRouting(_ draft: inout RuleDraft) -> String? {
        draft.hint(.extensionHeader(43, PacketDraft.formOfRoute[4]))
        let tests = [
            "--srh-segs-left-eq 0", "--srh-hdr-len-eq 2", "--srh-next-hdr 17", "--srh-tag 7", "--srh-tag 7",
        ]
        // The last entry of those that are drawn is 0.
        if draft.percent(20) { return "-m srh \(draft.percent(50) ? "! " : "")--srh-last-entry-gt 0" }
        return "-m srh \(draft.not())\(draft.pick(tests))"
    }
}
