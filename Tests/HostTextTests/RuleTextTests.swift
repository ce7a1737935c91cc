import HostText
import NetTypes
import RuleModel
import SourceText
import Testing

private func words(_ read: Read, _ rules: [RoutingRule]?) -> [String] {
    (rules ?? []).map { rule in
        var parts = ["\(rule.priority)"]
        if rule.isNegated { parts.append("not") }
        if let from = rule.from { parts.append("from \(from)") }
        if let to = rule.to { parts.append("to \(to)") }
        if let name = read.name(rule.inInterface) { parts.append("iif \(name)") }
        if let name = read.name(rule.outInterface) { parts.append("oif \(name)") }
        if let mark = rule.mark { parts.append("mark \(hexadecimal(mark.value))/\(hexadecimal(mark.mask))") }
        if rule.tos != 0 { parts.append("tos \(rule.tos)") }
        if let known = rule.protocol { parts.append("p\(known.rawValue)") }
        if let ports = rule.sourcePorts { parts.append("sport \(ports.first)-\(ports.last)") }
        if let ports = rule.destinationPorts { parts.append("dport \(ports.first)-\(ports.last)") }
        if let users = rule.users { parts.append("uid \(users.first)-\(users.last)") }
        if let length = rule.suppressedPrefixLength { parts.append("suppress \(length)") }
        if rule.unknownPart != .empty { parts.append("? \(read.name(rule.unknownPart) ?? "")") }
        switch rule.action {
        case .lookup(let table): parts.append("table \(table)")
        case .goto(let priority): parts.append("goto \(priority)")
        default: parts.append("\(rule.action)")
        }
        return parts.joined(separator: " ")
    }
}

@Suite struct RuleTextTests {
    /// As `ip rule` of iproute2 6.1 printed it on Linux 6.18.
    static let everyForm = """
        0:\tfrom all lookup local
        50:\tfrom all tos 0x10 fwmark 0x20 lookup main
        60:\tfrom all uidrange 0-99 ipproto tcp sport 100-200 dport 80 lookup main
        70:\tfrom all oif nonexist [detached] blackhole
        71:\tfrom all iif d0 goto 32766
        72:\tfrom all to 1.2.3.4 unreachable
        73:\tfrom 1.2.3.4 prohibit
        75:\tfrom all goto 5555 [unresolved]
        76:\tfrom all ipproto icmp lookup 100 proto bird
        77:\tfrom all lookup main realms 5
        78:\tfrom all nop
        1000:\tfrom all lookup [l3mdev-table]
        32764:\tnot from all fwmark 0x10/0xff lookup 100 suppress_prefixlength 0
        32765:\tfrom 10.0.0.0/8 to 10.1.0.0/16 iif d0 lookup 100
        32766:\tfrom all lookup main
        32767:\tfrom all lookup default

        """

    static let everyFormInWords = [
        "0 table 255", "50 mark 0x20/0xffffffff tos 16 table 254", "60 p6 sport 100-200 dport 80-80 uid 0-99 table 254",
        "70 oif nonexist blackhole", "71 iif d0 goto 32766", "72 to 1.2.3.4/32 unreachable",
        "73 from 1.2.3.4/32 prohibit", "75 goto 5555", "76 p1 table 100", "77 table 254", "78 nop", "1000 vrf",
        "32764 not mark 0x10/0xff suppress 0 table 100", "32765 from 10.0.0.0/8 to 10.1.0.0/16 iif d0 table 100",
        "32766 table 254", "32767 table 253",
    ]

    @Test func everyFormOfARuleIsRead() {
        let read = Read(Self.everyForm)
        #expect(read.kinds == [.policyRules])
        #expect(read.complaints.isEmpty)
        #expect(words(read, read.host.routingRulesV4) == Self.everyFormInWords)
        #expect(read.host.routingRulesV6 == nil)
    }

    /// As `ip -j rule` of iproute2 6.1 printed the same rules.
    @Test func theJSONSaysTheSame() {
        let read = Read(
            """
            [{"priority":0,"src":"all","table":"local"},{"priority":50,"src":"all","tos":"0x10","fwmark":"0x20",\
            "table":"main"},{"priority":60,"src":"all","uid_start":0,"uid_end":99,"ipproto":"tcp","sport_start":100,\
            "sport_end":200,"dport":80,"table":"main"},{"priority":70,"src":"all","oif":"nonexist","oif_detached":null,\
            "action":"blackhole"},{"priority":71,"src":"all","iif":"d0","goto":32766},{"priority":72,"src":"all",\
            "dst":"1.2.3.4","action":"unreachable"},{"priority":73,"src":"1.2.3.4","action":"prohibit"},\
            {"priority":75,"src":"all","goto":5555,"unresolved":null},{"priority":76,"src":"all","ipproto":"icmp",\
            "table":"100","protocol":"bird"},{"priority":77,"src":"all","table":"main","flow_to":"5"},\
            {"priority":78,"src":"all","nop":null},{"priority":1000,"src":"all","l3mdev":null},{"priority":32764,\
            "not":null,"src":"all","fwmark":"0x10","fwmask":"0xff","table":"100","suppress_prefixlen":0},\
            {"priority":32765,"src":"10.0.0.0","srclen":8,"dst":"10.1.0.0","dstlen":16,"iif":"d0","table":"100"},\
            {"priority":32766,"src":"all","table":"main"},{"priority":32767,"src":"all","table":"default"}]
            """)
        #expect(read.kinds == [.policyRulesJSON])
        #expect(read.complaints.isEmpty)
        #expect(words(read, read.host.routingRulesV4) == Self.everyFormInWords)
    }

    @Test func bitsOfAMarkOutsideItsMaskDoNotCount() {
        // Observed on Linux 6.18: such a rule sends marks 0xff and 0x1ff to its table.
        let read = Read("9:\tfrom all fwmark 0x1ff/0xff lookup 7\n")
        #expect(words(read, read.host.routingRulesV4) == ["9 mark 0xff/0xff table 7"])
    }

    @Test func rulesOfBothVersionsBehindEachOtherAreToldApart() {
        let six = "0:\tfrom all lookup local\n32765:\tfrom 2001:db8::/32 lookup 100\n32766:\tfrom all lookup main\n"
        let read = Read(Self.everyForm + six)
        #expect(read.host.routingRulesV4?.count == 16)
        #expect(
            words(read, read.host.routingRulesV6) == [
                "0 table 255", "32765 from 2001:db8::/32 table 100", "32766 table 254",
            ])
        // Without an address: IPv6 has no table `default`.
        let bare = Read(
            "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n"
                + "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n")
        #expect(bare.host.routingRulesV4?.count == 3)
        #expect(bare.host.routingRulesV6?.count == 2)
        let named = Read("0:\tfrom all lookup local\n32766:\tfrom all lookup main\n", path: "ip_-6_rule")
        #expect(named.host.routingRulesV4 == nil)
        #expect(named.host.routingRulesV6?.count == 2)
    }

    @Test func aRuleThatIsNotUnderstoodIsKeptAndTold() {
        let read = Read("0:\tfrom all lookup local\n79:\tfrom all tun_id 7 lookup main\n80:\tfrom all shiny\n")
        #expect(
            words(read, read.host.routingRulesV4) == [
                "0 table 255", "79 ? tun_id 7 table 254", "80 ? shiny nop",
            ])
        #expect(read.complaints == ["unknown-rule-part: tun_id 7", "unknown-rule-part: shiny"])
    }

    @Test func differingListingsAreTold() {
        let read = Read("0:\tfrom all lookup local\n# ip rule\n0:\tfrom all lookup main\n", path: "ipv4_rules")
        #expect(read.complaints.map { $0.prefix(11) } == ["rules-twice"])
        #expect(words(read, read.host.routingRulesV4) == ["0 table 254"])
        let same = Read("0:\tfrom all lookup local\n# ip -4 rule\n0:\tfrom all lookup local\n", path: "ipv4_rules")
        #expect(same.complaints.isEmpty)
    }
}
