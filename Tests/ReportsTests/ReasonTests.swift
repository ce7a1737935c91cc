import NetTypes
import PacketPath
import PathModel
import Reports
import RuleModel
import SourceText
import Testing

/// What a person reads of reasons that stand in no rule, and of rules whose own conditions say little.
@Suite struct ReasonTests {
    private func first(_ text: String) -> String { String(text.prefix { $0 != "\n" }) }

    // MARK: Routing

    @Test func theRouteThatEndedThePacketIsQuoted() throws {
        let state = World.network.replacing("default via 192.0.2.254 dev eth0\n", with: "prohibit 198.51.100.0/24\n")
        var world = try World(filter(), state)
        let text = world.text(world.answer(try World.packet("10.1.0.7", "198.51.100.9"), in: "eth1"), .summary)
        #expect(first(text).hasSuffix("meets a prohibit route."))
        #expect(text.contains("\nDecided by state:14, a route of table main:\n  prohibit 198.51.100.0/24\n"))
    }

    @Test func anIPRuleThatEndedThePacketIsQuoted() throws {
        let state = World.network.replacing("32766:", with: "100:\tfrom 10.1.0.0/24 blackhole\n32766:")
        var world = try World(filter(), state)
        let text = world.text(world.answer(try World.packet("10.1.0.7", "198.51.100.9"), in: "eth1"))
        #expect(first(text).hasSuffix("meets a blackhole rule and vanishes."))
        #expect(text.contains("\nDecided by state:19, an ip rule:\n  100: from 10.1.0.0/24 blackhole\n"))
        #expect(text.contains("\n  routing: blackhole\n"))
    }

    /// Observed on Linux 6.18: connect and sendto of the host itself fail with the route's own error, no ICMP is sent.
    @Test(
        "a program of this host is told what its route says",
        arguments: [
            ("prohibit", "Permission denied"), ("unreachable", "No route to host"), ("blackhole", "Invalid argument"),
        ])
    func ownPacketWithoutAWay(_ type: String, _ words: String) throws {
        let state = World.network.replacing("default via 192.0.2.254 dev eth0\n", with: "\(type) 198.51.100.0/24\n")
        var world = try World(filter(), state)
        let answer = world.answer(try World.packet("192.0.2.1", "198.51.100.9")) { $0.origin = .host }
        let text = world.text(answer, .summary)
        #expect(text.contains("\nThe program that sends it is told at once: \"\(words)\".\n"))
        #expect(!text.contains("ICMP"))
    }

    /// Observed on Linux 6.18: sendto fails with EPERM where OUTPUT drops, while TCP goes on trying.
    @Test func aProgramWhosePacketIsDroppedOnTheWayOut() throws {
        var world = try World(filter("-A OUTPUT -d 198.51.100.9/32 -j DROP"))
        var packet = try World.packet("192.0.2.1", "198.51.100.9")
        let tcp = world.text(world.answer(packet) { $0.origin = .host }, .summary)
        #expect(tcp.contains("The sender sees nothing"))
        packet.protocol = .udp
        let udp = world.text(world.answer(packet) { $0.origin = .host }, .summary)
        #expect(udp.contains("The program that sends it is told at once: \"Operation not permitted\"."))
    }

    @Test func theReversePathCheckTellsItsSettingAndWhatItMissed() throws {
        let strict = World.network.replacing("eth0.rp_filter = 0", with: "eth0.rp_filter = 1")
        var world = try World(filter(), strict)
        #expect(
            first(world.text(world.answer(try World.packet("10.1.0.7"))))
                .hasSuffix("(net.ipv4.conf.eth0.rp_filter=1, strict): packets to 10.1.0.7 would not leave by eth0."))
        let loose = World.network.replacing("all.rp_filter = 0", with: "all.rp_filter = 2")
            .replacing("default via 192.0.2.254 dev eth0\n", with: "")
        var other = try World(filter(), loose)
        #expect(
            first(other.text(other.answer(try World.packet())))
                .hasSuffix("(net.ipv4.conf.all.rp_filter=2, loose): no route leads back to 198.51.100.7."))
    }

    @Test func aMartianIsCalledSo() throws {
        var world = try World(filter())
        let own = first(world.text(world.answer(try World.packet("10.1.0.1"))))
        #expect(own.contains("dropped as a martian"))
        #expect(own.hasSuffix("may not have the address of this host, 10.1.0.1, as its source."))
        let zero = first(world.text(world.answer(try World.packet("0.0.0.0"))))
        #expect(zero.hasSuffix("may not have 0.0.0.0 as its source."))
    }

    @Test func forwardingThatIsOffNamesItsSetting() throws {
        let state = World.network + "net.ipv4.conf.eth1.forwarding = 0\n"
        var world = try World(filter(), state)
        let text = world.text(world.answer(try World.packet("10.1.0.7", "198.51.100.9"), in: "eth1"))
        #expect(first(text).hasSuffix("and forwarding is off (net.ipv4.conf.eth1.forwarding=0)."))
    }

    // MARK: Rules

    @Test func aRuleWithoutConditionsTellsWhoLedThere() throws {
        var world = try World(filter("-A INPUT -i eth0 -j LOGDROP", "-A LOGDROP -j DROP", chains: ["LOGDROP"]))
        let text = world.text(world.answer(try World.packet()), .summary)
        #expect(
            text.contains(
                """
                  -A LOGDROP -j DROP
                    it has no conditions
                  reached by
                  -A INPUT -i eth0 -j LOGDROP
                    -i eth0  it came in by eth0
                Why no rule before it matched: --detail full.

                """))
        let full = world.answer(try World.packet()) { $0.recordsMisses = true }
        #expect(!world.text(full, .full).contains("--detail full"))
    }

    @Test func aRuleThatAsksForAProtocolOnlyTellsTheJumpThatAskedForMore() throws {
        let chains = ["SERVICES", "BACKEND"]
        var world = try World(
            filter(
                "-A INPUT -p tcp -m tcp --dport 22 -j SERVICES", "-A SERVICES -j BACKEND",
                "-A BACKEND -p tcp -m tcp -j DROP", chains: chains))
        let text = world.text(world.answer(try World.packet()), .summary)
        #expect(text.contains("  reached by\n  -A INPUT -p tcp -m tcp --dport 22 -j SERVICES\n"))
        var plain = try World(filter("-A INPUT -j ALL", "-A ALL -p tcp -j DROP", chains: ["ALL"]))
        #expect(!plain.text(plain.answer(try World.packet()), .summary).contains("reached by"))
    }

    @Test func aMarkIsTracedOnce() throws {
        var world = try World(
            """
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A FORWARD -m mark --mark 0x1 -j ACCEPT
            COMMIT
            *nat
            :PREROUTING ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            -A PREROUTING -p tcp -m tcp --dport 80 -j MARK --set-xmark 0x1/0xffffffff
            -A POSTROUTING -m mark --mark 0x1 -j MASQUERADE
            COMMIT

            """)
        let packet = try World.packet("198.51.100.7", "10.1.0.9", port: 80)
        let text = world.text(world.answer(packet), .summary)
        #expect(text.components("that led there was set by") == 2)
        #expect(text.contains("\nThe mark 0x1 was set as told above.\n"))
    }

    @Test func whatTheEntryTranslatesStandsAtItsOwnHook() throws {
        var world = try World(
            filter("-A FORWARD -i eth1 -j ACCEPT") + """
                *nat
                :PREROUTING ACCEPT [0:0]
                :POSTROUTING ACCEPT [0:0]
                -A PREROUTING -d 192.0.2.1/32 -p tcp -j DNAT --to-destination 10.1.0.9
                COMMIT

                """)
        let text = world.text(world.answer(try World.packet(port: 80)) { $0.traceReply = true })
        #expect(
            text.contains(
                """
                      :5  -A FORWARD -i eth1 -j ACCEPT
                  POSTROUTING in eth1 out eth0
                    => source 10.1.0.9 becomes 192.0.2.1 (by its connection entry)

                """))
    }

    @Test func aPortThatIsTakenTellsByWhom() throws {
        let state =
            World.network
            + "# conntrack -L\ntcp      6 431999 ESTABLISHED src=10.1.0.8 dst=198.51.100.9 sport=40000 dport=22 src=198.51.100.9 dst=192.0.2.1 sport=22 dport=40000 [ASSURED] mark=0 use=1\n"
        var world = try World(
            """
            *nat
            :PREROUTING ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            -A POSTROUTING -o eth0 -j MASQUERADE
            COMMIT

            """, state)
        let text = world.text(world.answer(try World.packet("10.1.0.7", "198.51.100.9"), in: "eth1"), .summary)
        #expect(text.contains("\nAnother connection has port 40000 of 192.0.2.1 already (state:28).\n"))
    }

    // MARK: Ends

    @Test func aBroadcastThatNobodyTakesIsNotAnsweredByAnError() throws {
        let state =
            World.network.replacing("0:\tfrom all", with: "# ip rule\n0:\tfrom all")
            + "# ss -lntup\nNetid State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
        var world = try World(filter(), state)
        var packet = try World.packet("192.0.2.7", "192.0.2.255", port: 5000)
        packet.protocol = .udp
        let answer = world.answer(packet)
        #expect(answer.trace.outcome == .delivered)
        #expect(answer.trace.senderView == .timeout)
    }

    @Test func whatIsRandomAndWhatTheSnapshotLacksAreToldApart() throws {
        var world = try World(filter("-A INPUT -m limit --limit 5/sec -j ACCEPT", "-A INPUT -j DROP"))
        let text = first(world.text(world.answer(try World.packet()), .summary))
        #expect(text.contains(" is dropped or delivered to this host, depending on what the snapshot does not tell:"))
    }
}

extension String {
    /// How many pieces `separator` cuts this into.
    fileprivate func components(_ separator: String) -> Int {
        var count = 1
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
