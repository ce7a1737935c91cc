import NetTypes
import PacketPath
import PathModel
import Reports
import RuleModel
import SourceText
import Testing

@Suite struct TraceReportTests {
    private func first(_ text: String) -> String { String(text.prefix { $0 != "\n" }) }

    @Test func aDroppedPacketTellsTheRuleAndWhyItMatched() throws {
        var world = try World(
            filter("-A INPUT -s 10.0.0.0/8 -j ACCEPT", "[12:720] -A INPUT -p tcp -m tcp --dport 22 -j DROP"))
        let text = world.text(world.answer(try World.packet()), .summary)
        #expect(
            text.hasPrefix(
                """
                DROPPED: tcp 198.51.100.7:40000 -> 192.0.2.1:22 from eth0 is dropped by rule 2 of filter/INPUT.

                Decided by rules:6, rule 2 of filter/INPUT; 12 packets and 720 bytes counted so far:
                  -A INPUT -p tcp -m tcp --dport 22 -j DROP
                    -p tcp             the protocol is tcp
                    -m tcp --dport 22  the destination port is 22

                The sender sees nothing: it waits until it gives up (timeout).

                """))
    }

    @Test func theRuleIsShownAsTheUserWroteIt() throws {
        var world = try World(filter("-A INPUT --protocol   tcp -m comment --comment \"  two  blanks \" -j DROP"))
        let text = world.text(world.answer(try World.packet()), .summary)
        #expect(text.contains("  -A INPUT --protocol   tcp -m comment --comment \"  two  blanks \" -j DROP\n"))
        #expect(text.contains("    --protocol   tcp  the protocol is tcp\n"))
    }

    @Test func aPolicyThatDrops() throws {
        var world = try World(filter().replacing(":FORWARD ACCEPT", with: ":FORWARD DROP"))
        let text = world.text(world.answer(try World.packet("198.51.100.7", "10.1.0.9")), .summary)
        #expect(first(text).hasSuffix("is dropped by the policy of filter/FORWARD: no rule there took it."))
        #expect(text.contains("\nDecided by the policy of filter/FORWARD, DROP, rules:3; no packet counted so far.\n"))
    }

    @Test func theSenderOfARejectedPacketGetsAnError() throws {
        var world = try World(filter("-A INPUT -p tcp -j REJECT --reject-with icmp-admin-prohibited"))
        let text = world.text(world.answer(try World.packet()), .summary)
        #expect(first(text).hasSuffix("is rejected by rule 1 of filter/INPUT with icmp-admin-prohibited."))
        #expect(text.contains("The sender gets ICMP admin-prohibited, 3/13 (\"No route to host\")."))
        var resets = try World(filter("-A INPUT -p tcp -j REJECT --reject-with tcp-reset"))
        let reset = resets.text(resets.answer(try World.packet()), .summary)
        #expect(reset.contains("The sender gets a TCP reset (\"Connection refused\")."))
    }

    @Test func aRejectWhoseAnswerIsDroppedIsATimeout() throws {
        var world = try World(filter("-A INPUT -j REJECT", "-A OUTPUT -p icmp -j DROP"))
        let text = world.text(world.answer(try World.packet()), .summary)
        #expect(text.contains("The REJECT's own answer does not get there: it is dropped by rule 1 of filter/OUTPUT."))
        #expect(text.contains("The sender sees nothing"))
        #expect(text.contains("\nThe REJECT's own answer\n  DROPPED: icmp port-unreachable 192.0.2.1 -> 198.51.100.7"))
    }

    private let kubernetes = """
        *filter
        :INPUT ACCEPT [0:0]
        :FORWARD ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        -A FORWARD -i eth0 -j ACCEPT
        COMMIT
        *nat
        :PREROUTING ACCEPT [0:0]
        :INPUT ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        :POSTROUTING ACCEPT [0:0]
        :SERVICES - [0:0]
        :MASQ - [0:0]
        :POST - [0:0]
        -A PREROUTING -j SERVICES
        -A SERVICES ! -s 10.1.0.0/24 -d 192.0.2.1/32 -p tcp -m tcp --dport 80 -j MASQ
        -A SERVICES -d 192.0.2.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.0.9:8080
        -A MASQ -j MARK --set-xmark 0x4000/0x4000
        -A POSTROUTING -j POST
        -A POST -m mark ! --mark 0x4000/0x4000 -j RETURN
        -A POST -j MARK --set-xmark 0x4000/0x0
        -A POST -j MASQUERADE
        COMMIT

        """

    @Test func aTranslatedPacketTellsWhoTranslatedItAndWhoSetTheMark() throws {
        var world = try World(kubernetes)
        let text = world.text(world.answer(try World.packet(port: 80)), .summary)
        #expect(
            first(text)
                == "FORWARDED: tcp 198.51.100.7:40000 -> 192.0.2.1:80 from eth0 is forwarded by eth1, as tcp 10.1.0.1:40000 -> 10.1.0.9:8080."
        )
        #expect(
            text.contains(
                "Destination 192.0.2.1:80 becomes 10.1.0.9:8080, by rules:17, rule 2 of nat/SERVICES (PREROUTING > SERVICES):\n"
            ))
        #expect(
            text.contains(
                """
                Source 198.51.100.7 becomes 10.1.0.1, by rules:22, rule 3 of nat/POST (POSTROUTING > POST):
                  -A POST -j MASQUERADE
                    it has no conditions
                  reached by
                  -A POSTROUTING -j POST
                    it has no conditions
                The mark 0x4000 that led there was set by rules:18, rule 1 of nat/MASQ (PREROUTING > SERVICES > MASQ):
                  -A MASQ -j MARK --set-xmark 0x4000/0x4000
                  reached by
                  -A SERVICES ! -s 10.1.0.0/24 -d 192.0.2.1/32 -p tcp -m tcp --dport 80 -j MASQ
                    ! -s 10.1.0.0/24   the source is 198.51.100.7
                    -d 192.0.2.1/32    the destination is 192.0.2.1
                    -p tcp             the protocol is tcp
                    -m tcp --dport 80  the destination port is 80

                """))
        #expect(text.contains("Accepted by rules:5, rule 1 of filter/FORWARD:\n"))
    }

    @Test func withoutTheMarkNobodyIsNamedForIt() throws {
        var world = try World(kubernetes)
        let text = world.text(world.answer(try World.packet("10.1.0.7", "198.51.100.9"), in: "eth1"), .summary)
        #expect(!text.contains("that led there"))
    }

    @Test func thePathGoesHookByHook() throws {
        var world = try World(kubernetes)
        let text = world.text(world.answer(try World.packet(port: 80)))
        #expect(
            text.contains(
                """
                Path
                  tcp 198.51.100.7:40000 -> 192.0.2.1:80
                  PREROUTING in eth0
                    conntrack: NEW
                    nat/PREROUTING  (lines of rules)
                      :15  -A PREROUTING -j SERVICES
                        :16  -A SERVICES ! -s 10.1.0.0/24 -d 192.0.2.1/32 -p tcp -m tcp --dport 80 -j MASQ
                          :18  -A MASQ -j MARK --set-xmark 0x4000/0x4000
                              => mark 0x0 becomes 0x4000
                        :17  -A SERVICES -d 192.0.2.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.0.9:8080
                            => destination 192.0.2.1:80 becomes 10.1.0.9:8080
                  routing: by eth1  (table main: 10.1.0.0/24 dev eth1 proto kernel scope link src 10.1.0.1, state:15)
                  FORWARD in eth0 out eth1
                    filter/FORWARD
                      :5  -A FORWARD -i eth0 -j ACCEPT

                """))
        #expect(text.contains("  FORWARDED by eth1, as tcp 10.1.0.1:40000 -> 10.1.0.9:8080\n"))
    }

    @Test func fullDetailTellsWhichConditionFailed() throws {
        var world = try World(
            filter("-A INPUT -s 10.0.0.0/8 -p tcp -j DROP", "-A INPUT -p udp -j DROP", "-A INPUT -j ACCEPT"))
        let answer = world.answer(try World.packet()) { $0.recordsMisses = true }
        let text = world.text(answer, .full)
        #expect(
            text.contains(
                """
                      :5  -A INPUT -s 10.0.0.0/8 -p tcp -j DROP
                          no: -s 10.0.0.0/8: the source is 198.51.100.7
                      :6  -A INPUT -p udp -j DROP
                          no: -p udp: the protocol is tcp
                      :7  -A INPUT -j ACCEPT

                """))
    }

    @Test func openQuestionsAreATree() throws {
        var world = try World(
            filter(
                "-A INPUT -p tcp -m statistic --mode random --probability 0.25000000000 -j DROP", "-A INPUT -j ACCEPT"))
        let text = world.text(world.answer(try World.packet()), .summary)
        #expect(
            first(text)
                == "UNDECIDED: tcp 198.51.100.7:40000 -> 192.0.2.1:22 from eth0 is dropped or delivered to this host, by chance:"
        )
        #expect(text.contains("(25 %): DROPPED by rule 1 of filter/INPUT.\n"))
        #expect(text.contains("(75 %): DELIVERED to this host.\n"))
        #expect(text.contains("  --assume statistic@filter/INPUT:1="))
    }

    @Test func assumptionsAndDefaultsThatMatteredAreTold() throws {
        var world = try World(filter("-A INPUT -m ttl --ttl-lt 10 -j DROP", "-A INPUT -j ACCEPT"))
        var packet = try World.packet()
        packet.defaulted = [.ttl, .mark]
        var answer = world.answer(packet)
        answer.notes = ["internet: 9.9.9.9"]
        answer.missing = [MissingInput(name: "listeners", command: "ss -lntup", effect: "who listens is not known")]
        let text = world.text(answer, .summary)
        #expect(text.contains("- internet: 9.9.9.9\n"))
        #expect(text.contains("- the TTL is taken to be 64: none was given, and a rule looks at it (--ttl)\n"))
        #expect(!text.contains("--mark"))
        #expect(text.contains("- not in the snapshot: ss -lntup (who listens is not known)\n"))
        #expect(text.contains("Whether anything listens on tcp port 22 is not known."))
    }

    @Test func whatDecidesBesideTheRulesIsTheFirstLine() throws {
        var world = try World(filter("-A INPUT -j DROP"))
        var answer = world.answer(try World.packet())
        answer.otherDeciders = [.init(name: "ipvs", text: "IPVS takes packets", place: .none)]
        let text = world.text(answer, .summary)
        #expect(first(text).hasPrefix("NOT ONLY THESE RULES DECIDE: IPVS takes packets. What follows is as far as"))
        #expect(text.contains("\nDROPPED: "))
    }

    @Test func aHostileNameStaysText() throws {
        var world = try World(filter("-A INPUT -j A\u{1b}[2JB", "-A A\u{1b}[2JB -j DROP", chains: ["A\u{1b}[2JB"]))
        let text = world.text(world.answer(try World.packet()))
        #expect(!text.contains("\u{1b}"))
        #expect(text.contains("rule 1 of filter/A\\x1b[2JB"))
    }

    @Test func routingEndsItToo() throws {
        var world = try World(filter())
        let state = World.network.replacing("default via 192.0.2.254 dev eth0\n", with: "blackhole 198.51.100.0/24\n")
        var other = try World(filter(), state)
        #expect(
            first(other.text(other.answer(try World.packet("10.1.0.7", "198.51.100.9"), in: "eth1")))
                .hasSuffix("meets a blackhole route and vanishes."))
        #expect(
            first(other.text(other.answer(try World.packet("10.1.0.7", "203.0.113.9"), in: "eth1")))
                .hasSuffix("has no route to 203.0.113.9."))
        var packet = try World.packet("10.1.0.7", "203.0.113.9")
        packet.ttl = 1
        let ended = world.text(world.answer(packet, in: "eth1"))
        #expect(first(ended).hasSuffix("is not forwarded: its TTL runs out here."))
        #expect(ended.contains("The sender gets ICMP time-exceeded, 11/0."))
    }
}
