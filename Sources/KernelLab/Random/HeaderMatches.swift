import NetTypes

/// Matches on transport headers: they need `-p`.
enum HeaderMatches {
    static let all: [MatchEntry] = [
        MatchEntry(name: "tcp", protocols: [6], weight: 40, write: tcp),
        MatchEntry(name: "udp", protocols: [17], weight: 25, write: udp),
        MatchEntry(name: "icmp", versions: .v4, protocols: [1], weight: 25, write: icmp),
        MatchEntry(name: "icmp6", versions: .v6, protocols: [58], weight: 25, write: icmpv6),
        MatchEntry(name: "sctp", protocols: [132], weight: 16, write: sctp),
        MatchEntry(name: "dccp", protocols: [33], weight: 18, write: dccp),
        MatchEntry(name: "ah", versions: .v4, protocols: [51], weight: 8, write: { draft in index(&draft, "ah", 51) }),
        // In IPv6 it is an extension header.
        MatchEntry(name: "ah", versions: .v6, weight: 22, write: authentication),
        MatchEntry(name: "esp", protocols: [50], weight: 8, write: { draft in index(&draft, "esp", 50) }),
        MatchEntry(name: "ipcomp", protocols: [108], weight: 8, write: { draft in index(&draft, "ipcomp", 108) }),
        MatchEntry(name: "multiport", protocols: [6, 6, 17, 132, 33, 136], weight: 20, write: multiport),
        MatchEntry(name: "tcpmss", protocols: [6], weight: 12, write: segmentSize),
        MatchEntry(name: "ecn tcp", protocols: [6], weight: 8, write: congestion),
        MatchEntry(name: "mh", versions: .v6, protocols: [135], weight: 20, write: mobility),
    ]

    /// Flag pairs as `--tcp-flags` takes them, with flags of a packet that match.
    private static let flags: [(words: String, packet: UInt8)] = [
        ("FIN,SYN,RST,ACK SYN", 0x02), ("ALL NONE", 0), ("SYN,ACK SYN,ACK", 0x12), ("RST RST", 0x14),
        ("SYN SYN", 0x02), ("FIN,ACK FIN", 0x01), ("ALL FIN,PSH,URG", 0x29), ("ACK ACK", 0x10), ("PSH,ACK ACK", 0x10),
        ("ALL SYN,FIN", 0x03), ("URG,PSH NONE", 0x10), ("FIN,SYN,RST,PSH,ACK,URG ACK,PSH", 0x18),
    ]

    private static func tcp(_ draft: inout RuleDraft) -> String? {
        var words = "-m tcp"
        let which = draft.chance.weighted([40, 15, 10, 15, 12, 8]) ?? 0
        if which == 0 || which == 2 { words += destinationPort(&draft) }
        if which == 1 || which == 2 { words += sourcePort(&draft) }
        if which == 3 {
            let chosen = draft.pick(flags)
            draft.hint(.tcpFlags(chosen.packet))
            words += " \(draft.not())--tcp-flags \(chosen.words)"
        }
        if which == 4 {
            draft.hint(.tcpFlags(2))
            words += " \(draft.not())--syn"
        }
        if which == 5 {
            let option = draft.pick([2, 3, 4, 8, 19, 254] as [UInt8])
            draft.hint(.tcpOption(option))
            words += " \(draft.not())--tcp-option \(option)"
        }
        return words
    }

    private static func destinationPort(_ draft: inout RuleDraft) -> String {
        let text = draft.ports()
        if let port = UInt16(text) { draft.hint(.ports(source: nil, destination: port)) }
        return " \(draft.not())--dport \(text)"
    }

    private static func sourcePort(_ draft: inout RuleDraft) -> String {
        let text = draft.ports()
        if let port = UInt16(text) { draft.hint(.ports(source: port, destination: nil)) }
        return " \(draft.not())--sport \(text)"
    }

    private static func udp(_ draft: inout RuleDraft) -> String? {
        let which = draft.chance.below(4)
        return "-m udp" + (which < 3 ? destinationPort(&draft) : "") + (which > 1 ? sourcePort(&draft) : "")
    }

    private static func icmp(_ draft: inout RuleDraft) -> String? {
        let types: [(words: String, type: UInt8, code: UInt8)] = [
            ("8", 8, 0), ("0", 0, 0), ("3", 3, 1), ("3/3", 3, 3), ("3/4", 3, 4), ("11", 11, 0), ("13", 13, 0),
            ("5/1", 5, 1), ("any", 8, 0), ("12", 12, 0), ("17", 17, 0), ("echo-request", 8, 0), ("8/5", 8, 5),
        ]
        let chosen = draft.pick(types)
        draft.hint(.icmp(type: chosen.type, code: chosen.code))
        return "-m icmp \(draft.not())--icmp-type \(chosen.words)"
    }

    private static func icmpv6(_ draft: inout RuleDraft) -> String? {
        let types: [(words: String, type: UInt8, code: UInt8)] = [
            ("128", 128, 0), ("129", 129, 0), ("1", 1, 4), ("1/4", 1, 4), ("2", 2, 0), ("3/0", 3, 0), ("4/1", 4, 1),
            ("133", 133, 0), ("135", 135, 0), ("136", 136, 0), ("130", 130, 0), ("echo-request", 128, 0),
            ("128/3", 128, 3),
        ]
        let chosen = draft.pick(types)
        draft.hint(.icmp(type: chosen.type, code: chosen.code))
        return "-m icmp6 \(draft.not())--icmpv6-type \(chosen.words)"
    }

    private static let chunkNames: [(name: String, number: UInt8)] = [
        ("DATA", 0), ("INIT", 1), ("INIT_ACK", 2), ("SACK", 3), ("HEARTBEAT", 4), ("ABORT", 6), ("SHUTDOWN", 7),
        ("ERROR", 9), ("COOKIE_ECHO", 10), ("COOKIE_ACK", 11),
    ]

    private static func sctp(_ draft: inout RuleDraft) -> String? {
        if draft.percent(50) {
            return "-m sctp" + (draft.percent(70) ? destinationPort(&draft) : sourcePort(&draft))
        }
        let kind = draft.pick(["any", "all", "only"])
        let chunks = draft.chance.some(chunkNames, draft.chance.number(1...3))
        draft.hint(.chunks(chunks.map(\.number)))
        // Flags can be told of data and abort chunks only.
        let names = chunks.map { chunk -> String in
            if chunk.number == 0, draft.percent(40) { return "DATA:\(draft.pick(["B", "Be", "E", "u", "UBE", "I"]))" }
            if chunk.number == 6, draft.percent(40) { return "ABORT:\(draft.pick(["T", "t"]))" }
            return chunk.name
        }
        return "-m sctp \(draft.not())--chunk-types \(kind) \(names.joined(separator: ","))"
    }

    private static func dccp(_ draft: inout RuleDraft) -> String? {
        switch draft.chance.below(4) {
        case 0: return "-m dccp" + destinationPort(&draft)
        case 1: return "-m dccp" + sourcePort(&draft)
        case 2:
            let types = draft.chance.some(["REQUEST", "RESPONSE", "DATA", "ACK", "CLOSE", "RESET", "SYNC"], 2)
            return "-m dccp \(draft.not())--dccp-types \(types.joined(separator: ","))"
        default: return "-m dccp \(draft.not())--dccp-option \(draft.pick([1, 32, 44]))"
        }
    }

    /// `--ahspi`, `--espspi`, `--ipcompspi`.
    private static func index(_ draft: inout RuleDraft, _ module: String, _ number: UInt8) -> String? {
        let index = draft.pick(PacketDraft.indexes)
        draft.hint(.protocol(number))
        draft.hint(.index(index))
        let range = draft.percent(40) ? "\(index / 2):\(index)" : "\(index)"
        return "-m \(module) \(draft.not())--\(module)spi \(range)"
    }

    private static func authentication(_ draft: inout RuleDraft) -> String? {
        let index = draft.pick(PacketDraft.indexes)
        draft.hint(.extensionHeader(51, Int(index)))
        guard draft.percent(80) else { return "-m ah" }
        var words = "-m ah \(draft.not())--ahspi \(index)"
        if draft.percent(50) { words += " \(draft.not())--ahlen \(draft.pick([12, 24, 24]))" }
        if draft.percent(50) { words += " --ahres" }
        return words
    }

    private static func multiport(_ draft: inout RuleDraft) -> String? {
        let option = draft.pick(["dports", "dports", "sports", "ports"])
        var ports = draft.chance.some(RandomPools.ports, draft.chance.number(1...3)).map { "\($0)" }
        if draft.percent(40) { ports.append("\(draft.chance.pick(["1000:1500", "8080:40000", "1:52"]))") }
        return "-m multiport \(draft.not())--\(option) \(ports.joined(separator: ","))"
    }

    private static func segmentSize(_ draft: inout RuleDraft) -> String? {
        let size = draft.pick([536, 1000, 1220, 1360, 1460] as [UInt16])
        draft.hint(.maximumSegmentSize(size))
        return "-m tcpmss \(draft.not())--mss \(draft.percent(50) ? "\(size)" : "\(size - 100):\(size + 50)")"
    }

    private static func congestion(_ draft: inout RuleDraft) -> String? {
        let options = ["--ecn-tcp-cwr", "--ecn-tcp-ece"]
        draft.hint(.tcpFlags(draft.pick([0x42, 0x82, 0xc2, 0x90, 0x50])))
        let chosen = draft.percent(30) ? options : [draft.pick(options)]
        return "-m ecn " + chosen.map { draft.not() + $0 }.joined(separator: " ")
    }

    private static func mobility(_ draft: inout RuleDraft) -> String? {
        draft.hint(.protocol(135))
        return "-m mh \(draft.not())--mh-type \(draft.numbers(0, 7))"
    }
}
