import Questions
import Testing

/// Each check on listings in which it finds something, and on ones like them in which it finds nothing.
@Suite("Lint: the checks") struct LintCheckTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var check: String
        var texts: [String]
        /// Empty: nothing is found.
        var titles: [String]
        var testDescription: String { "\(check): \(titles.first ?? "nothing")" }

        init(_ check: String, _ texts: String..., finds titles: String...) {
            self.check = check
            self.texts = texts
            self.titles = titles
        }
    }

    static let cases = never + same + accepting + translating + marks + sets + chains + refused

    @Test("finds what is there and no more", arguments: cases)
    func finds(_ example: Case) throws {
        let bench = try LintBench(example.texts, checks: [example.check])
        #expect(bench.titles == example.titles)
    }

    @Test("every check has an example for and one against it", arguments: lintChecks.map(\.name))
    func hasExamples(_ check: String) {
        let own = Self.cases.filter { $0.check == check }
        #expect(own.contains { !$0.titles.isEmpty })
        #expect(own.contains { $0.titles.isEmpty })
    }

    @Test func namesAreTheirOwn() {
        #expect(Set(lintChecks.map(\.name)).count == lintChecks.count)
    }

    // MARK: Rules that never match

    private static let never: [Case] = [
        Case(
            "impossible-match",
            saved(
                "filter", "-A INPUT -s 10.0.0.5/32 -m iprange ! --src-range 10.0.0.1-10.0.0.9 -j ACCEPT",
                "-A INPUT -d 10.0.0.0/8 -m iprange --dst-range 11.0.0.1-11.0.0.9 -j ACCEPT"),
            finds:
                "warning: filter/INPUT:1 can never match: no packet has a source address that all its conditions allow",
            "warning: filter/INPUT:2 can never match: no packet has a destination address that all its conditions allow"
        ),
        Case(
            "impossible-match",
            saved(
                "filter", "-A INPUT -s 10.0.0.5/32 -m iprange ! --src-range 10.0.0.6-10.0.0.9 -j ACCEPT",
                "-A INPUT ! -s 10.0.0.5/32 -m iprange --src-range 10.0.0.5-10.0.0.9 -j ACCEPT")),
        Case(
            "impossible-match",
            saved("filter", "-A INPUT -p tcp -m tcp --dport 80 -m multiport --dports 81,90:99 -j ACCEPT"),
            finds:
                "warning: filter/INPUT:1 can never match: no packet has a destination port that all its conditions allow"
        ),
        Case(
            "impossible-match",
            saved("filter", "-A INPUT -p tcp -m tcp --dport 80 -m multiport --dports 70:81,90:99 -j ACCEPT")),
        // Observed with iptables-nft 1.8.9: `! -p tcp -m tcp` is loaded.
        Case(
            "impossible-match", saved("filter", "-A INPUT ! -p tcp -m tcp --dport 80 -j ACCEPT"),
            finds: "warning: filter/INPUT:1 can never match: no packet has a protocol that all its conditions allow"),
        // Observed with iptables 1.8.9: `xt_iprange: range 10.0.0.9-10.0.0.1 is reversed and will never match`.
        Case(
            "impossible-match", saved("filter", "-A INPUT -m length --length 90:80 -j DROP"),
            finds: "warning: filter/INPUT:1 can never match: the range for a length ends before it begins"),
        Case("impossible-match", saved("filter", "-A INPUT -m length --length 80:90 -j DROP")),
        Case(
            "impossible-match",
            saved(
                "filter", "-A INPUT -m mark --mark 0xff/0xf -j DROP",
                "-A INPUT -m mark --mark 0x1/0x1 -m mark ! --mark 0x1/0x1 -j DROP",
                "-A INPUT -m connmark --mark 0x1/0x3 -m connmark --mark 0x2/0x2 -j DROP"),
            finds:
                "warning: filter/INPUT:1 can never match: it asks for bits of the mark outside the mask that it looks at",
            "warning: filter/INPUT:2 can never match: no mark is as all its conditions want it",
            "warning: filter/INPUT:3 can never match: no connection's mark is as all its conditions want it"),
        Case(
            "impossible-match",
            saved(
                "filter", "-A INPUT -m mark --mark 0x1/0x1 -m mark ! --mark 0x3/0x3 -j DROP",
                "-A INPUT -m mark ! --mark 0xff/0xf -j DROP")),
        Case(
            "impossible-match",
            saved("filter", "-A INPUT -p tcp -m tcp --tcp-flags SYN SYN,ACK -j DROP"),
            finds:
                "warning: filter/INPUT:1 can never match: it asks for bits of TCP's flags outside the mask that it looks at"
        ),
        Case(
            "impossible-match",
            saved(
                "filter", "-A INPUT -m state --state NEW -m conntrack ! --ctstate NEW,INVALID -j DROP",
                "-A INPUT -m conntrack --ctstate UNTRACKED -m connmark --mark 0x1 -j DROP"),
            finds:
                "warning: filter/INPUT:1 can never match: no packet has a connection state that all its conditions allow",
            "warning: filter/INPUT:2 can never match: it asks for something of the connection, and for packets that have none (INVALID, UNTRACKED)"
        ),
        Case(
            "impossible-match",
            saved(
                "filter", "-A INPUT -m state --state NEW,RELATED -m conntrack ! --ctstate NEW,DNAT -j DROP",
                "-A INPUT -m conntrack --ctstate UNTRACKED,ESTABLISHED -m connmark --mark 0x1 -j DROP")),
        Case(
            "impossible-match",
            saved("filter", "-A INPUT -m set --match-set a src -m set ! --match-set a src -j DROP"),
            finds: "warning: filter/INPUT:1 can never match: it asks for a thing and for its negation"),
        Case(
            "impossible-match", saved("filter", "-A INPUT -m set --match-set a src -m set ! --match-set a dst -j DROP")),
        // Observed with iptables-legacy 1.8.9: `! -i +` and `! -s 0.0.0.0/0` are loaded.
        Case(
            "impossible-match",
            saved(
                "filter", "-A INPUT ! -i + -p tcp -j DROP", "-A INPUT ! -s 0.0.0.0/0 -p tcp -j DROP", backend: "legacy"),
            finds:
                "warning: filter/INPUT:1 can never match: no interface that packets come in by has a name that its conditions allow",
            "warning: filter/INPUT:2 can never match: no packet has a source address that all its conditions allow"),
        // Observed with nft 1.0.6: each of these is loaded.
        Case(
            "impossible-match",
            native(
                "ip", "input", "ip saddr 10.0.0.1 ip saddr != 10.0.0.0/24 drop",
                "ct state established ct state new drop",
                "iifname \"eth0\" iifname \"eth1\" drop", "tcp dport { 80, 443 } tcp dport 444-500 drop",
                "meta mark & 0x0000000f == 0x000000ff drop"),
            finds: "warning: t/c:1 can never match: no packet has a source address that all its conditions allow",
            "warning: t/c:2 can never match: no packet has a connection state that all its conditions allow",
            "warning: t/c:3 can never match: no interface that packets come in by has a name that its conditions allow",
            "warning: t/c:4 can never match: no packet has a destination port that all its conditions allow",
            "warning: t/c:5 can never match: it asks for bits of the mark outside the mask that it looks at"),
        Case(
            "impossible-match",
            native(
                "ip", "input", "ip saddr 10.0.0.1 ip saddr != 10.0.1.0/24 drop",
                "ct state established,new ct state new drop", "iifname \"eth*\" iifname \"eth1\" drop",
                "tcp dport { 80, 443 } tcp dport 443-500 drop",
                "meta l4proto { tcp, udp } th dport 53 udp dport 53 drop")),

        Case(
            "impossible-interface",
            saved("mangle", ":U - [0:0]", "-A PREROUTING -j U", "-A U -o eth0 -j ACCEPT", "-A U ! -o eth0 -j RETURN"),
            finds:
                "warning: mangle/U:1 can never match: at prerouting the kernel does not know yet which interface a packet will leave by",
            "warning: mangle/U:2 asks of every packet without effect: at prerouting the kernel does not know yet which interface a packet will leave by"
        ),
        Case(
            "impossible-interface",
            saved("mangle", ":U - [0:0]", "-A PREROUTING -j U", "-A FORWARD -j U", "-A U -o eth0 -j ACCEPT")),
        Case(
            "impossible-interface", native("inet", "output", "iifname \"eth0\" drop"),
            finds: "warning: t/c:1 can never match: at output no packet came in by an interface"),
        // Forwarded packets have both since Linux 5.7.
        Case("impossible-interface", native("inet", "postrouting", "iifname \"eth0\" drop")),

        Case(
            "state-before-conntrack",
            saved(
                "raw", "-A PREROUTING -m conntrack --ctstate INVALID -j DROP",
                "-A PREROUTING -m state --state NEW -j DROP"),
            finds: "problem: raw/PREROUTING:1 stands before conntrack, where every packet is INVALID",
            "warning: raw/PREROUTING:2 stands before conntrack, where no packet has a state yet"),
        Case(
            "state-before-conntrack",
            saved("raw", "-A PREROUTING -m conntrack --ctstate UNTRACKED -j ACCEPT"),
            saved("mangle", "-A PREROUTING -m conntrack --ctstate INVALID -j DROP")),

        Case(
            "icmp-family",
            saved("filter", "-A INPUT -p ipv6-icmp -j ACCEPT"),
            finds: "warning: filter/INPUT:1 is for icmpv6 and sees packets of IPv4 alone"),
        Case(
            "icmp-family",
            native(
                "inet", "input", "ip saddr 10.0.0.1 icmpv6 type echo-request accept",
                "meta nfproto ipv6 icmp type 8 drop"),
            finds: "warning: t/c:1 is for icmpv6 and sees packets of IPv4 alone",
            "warning: t/c:2 is for icmp and sees packets of IPv6 alone"),
        Case(
            "icmp-family", saved("filter", "-A INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT"),
            native("inet", "input", "icmp type echo-request accept", "icmpv6 type echo-request accept")),
    ]

    // MARK: Rules with the same conditions

    private static let same: [Case] = [
        Case(
            "shadowed-rule",
            saved(
                "filter", "-A INPUT -s 10.0.0.0/9 -j DROP", "-A INPUT -s 10.128.0.0/9 -j DROP",
                "-A INPUT -s 10.1.0.0/16 -p tcp -m tcp --dport 22 -j ACCEPT", "-A INPUT -s 10.0.0.0/8 -p udp -j DROP"),
            finds: "warning: No packet gets to match filter/INPUT:3", "hint: No packet gets to match filter/INPUT:4"),
        Case(
            "shadowed-rule",
            saved(
                "filter", "-A INPUT -s 10.0.0.0/9 -j DROP", "-A INPUT -s 10.0.0.0/8 -p udp -j DROP",
                "-A INPUT -i eth0 -j DROP", "-A INPUT -j ACCEPT")),
        Case(
            "duplicate-rule",
            saved(
                "filter", "-A INPUT -p tcp -m tcp --dport 22 -m comment --comment a -j ACCEPT",
                "-A INPUT -p udp -j ACCEPT",
                "-A INPUT -p tcp -m tcp --dport 22 -m comment --comment b -j ACCEPT",
                "-A INPUT -p tcp -m tcp --dport 22 -j LOG"),
            finds:
                "warning: filter/INPUT:4 never gets a packet: filter/INPUT:1, with the same conditions, ends their way",
            "hint: filter/INPUT:3 says again what filter/INPUT:1 says"),
        // A limit takes only some; a mark may have been changed; a jump may come back.
        Case(
            "duplicate-rule",
            saved(
                "filter", "-A INPUT -m limit --limit 1/sec -j ACCEPT", "-A INPUT -m limit --limit 1/sec -j ACCEPT",
                "-A INPUT -m mark --mark 0x1 -j ACCEPT", "-A INPUT -p udp -j MARK --set-xmark 0x1/0xffffffff",
                "-A INPUT -m mark --mark 0x1 -j ACCEPT", "-A INPUT -p tcp -j LOG", "-A INPUT -p tcp -j ACCEPT")),
        Case(
            "duplicate-rule",
            native("inet", "input", "tcp dport 22 counter packets 0 bytes 0 accept", "tcp dport 22 accept"),
            finds: "hint: t/c:2 says again what t/c:1 says"),
        Case(
            "duplicate-rule", native("inet", "input", "tcp dport 22 limit rate 1/second accept", "tcp dport 22 accept")),
        Case(
            "contradicting-rule",
            saved("filter", "-A INPUT -s 10.0.0.0/8 -j ACCEPT", "-A INPUT -s 10.0.0.0/8 -j REJECT"),
            finds: "warning: filter/INPUT:2 drops what filter/INPUT:1, with the same conditions, has accepted before"),
        Case(
            "contradicting-rule",
            saved(
                "filter", "-A INPUT -s 10.0.0.0/8 -j ACCEPT", "-A INPUT -s 10.0.0.0/9 -j REJECT",
                "-A FORWARD -s 10.0.0.0/8 -j DROP")
        ),
    ]
}
