import Foundation
import NetTypes
import RuleModel
import Testing

@testable import KernelLab

@Suite struct CampaignTests {
    @Test func whatWorkersCountAddsUp() {
        var one = Totals()
        (one.packets, one.agreed, one.undecided) = (10, 9, 1)
        one.met["-j ACCEPT"] = (3, 4)
        one.skipped["lost"] = 1
        one.undecidedBy["limit"] = 1
        one.kept = ["found/1"]
        var sum = Totals(lines: (one.lines + one.lines + ["what else a program says"]).map { Substring($0) })
        #expect((sum.packets, sum.agreed, sum.undecided) == (20, 18, 2))
        #expect(sum.met["-j ACCEPT"]?.matched == 6 && sum.met["-j ACCEPT"]?.missed == 8)
        #expect(sum.skipped == ["lost": 2])
        #expect(sum.kept == ["found/1", "found/1"])
        sum.add(one)
        #expect(sum.packets == 30)
        let report = sum.report(tellsParts: false, least: 10)
        #expect(report.first == "30 packets on 0 rule sets: 27 agree, 0 DISAGREE, 3 skipped")
        #expect(report.contains("  -j ACCEPT: 9 12"))
        #expect(!sum.report(tellsParts: false, least: 9).contains("  -j ACCEPT: 9 12"))
    }

    @Test func aPacketComesBackFromItsLine() throws {
        let bytes = Packet(source: IPAddress(v4: 1), destination: IPAddress(v4: 2), protocol: .udp).encoded()
        let decoded = Packet(decoding: bytes.span)
        var packet = try #require(decoded)
        packet.bytes = packet.bytes.tagged(77)
        packet.mark = 5
        packet.sourceMAC = MACAddress(bits: 0x0200_0000_0001)
        packet.packetType = .broadcast
        for arrival in [PacketArrival.wire("eth0"), .host] {
            packet.hasSocket = arrival == .host
            packet.userID = arrival == .host ? 33 : nil
            let sent = LabPacket(packet: packet, arrival: arrival, destinationMAC: MACAddress(bits: 0xffff_ffff_ffff))
            #expect(LabPacket(line: Array(sent.line.utf8)) == sent)
            #expect(sent.tag == 77)
        }
        #expect(LabPacket(line: Array("{}".utf8)) == nil)
        #expect(LabPacket(line: Array("{\"bytes\":\"4500zz\"}".utf8)) == nil)
    }

    @Test func partsOfRulesHaveNames() {
        #expect(
            RuleLabels.names(of: "-m conntrack ! --ctstate NEW --ctdir REPLY")
                == ["conntrack", "conntrack --ctstate", "conntrack --ctdir"])
        #expect(RuleLabels.names(of: "-j DNAT --to-destination 1.2.3.4:80") == ["-j DNAT", "DNAT --to-destination"])
        #expect(RuleLabels.names(of: "! -s 10.0.0.0/8") == ["-s"])
    }

    private func scenario(_ rules: String) throws -> Scenario {
        let links = """
            1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536
                link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
                inet 127.0.0.1/8 scope host lo
            2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500
                link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
                inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0

            """
        var packet = Packet(
            source: try #require(IPAddress("192.0.2.9")), destination: try #require(IPAddress("192.0.2.1")),
            protocol: .tcp)
        (packet.sourcePort, packet.destinationPort) = (40000, 80)
        packet.tcpFlags = .syn
        let bytes = packet.encoded(identification: 9)
        let decoded = Packet(decoding: bytes.span)
        packet = try #require(decoded)
        packet.sourceMAC = MACAddress(bits: 0x0200_0000_0009)
        return Scenario(
            texts: [
                SnapshotText(name: "ip-addr.txt", text: links), SnapshotText(name: "iptables-save.txt", text: rules),
                SnapshotText(name: "sysctl.txt", text: "net.ipv4.ip_forward = 1\n"),
            ], backend: .nfTables, packets: [LabPacket(packet: packet, arrival: .wire("eth0"), destinationMAC: nil)])
    }

    private static let dump = """
        *filter
        :INPUT ACCEPT [0:0]
        -A INPUT -s 192.0.2.9 -p udp -j ACCEPT
        -A INPUT -p tcp -m tcp --dport 80 -j DROP
        COMMIT

        """

    @Test(.enabled(if: canMakeNamespaces, "needs root and /dev/net/tun"))
    func aScenarioRunsInANamespaceOfItsOwn() throws {
        let verdicts = try scenario(Self.dump).run()
        #expect(verdicts.map(\.finding) == [.agrees(undecided: [])])
        guard case .dropped(.rule(let step)) = verdicts[0].seen.outcome else {
            Issue.record("\(verdicts[0].seen.outcome)")
            return
        }
        #expect(step.number == 2)
    }

    /// The comparison finds it when this program takes other rules for those of the kernel.
    @Test(.enabled(if: canMakeNamespaces, "needs root and /dev/net/tun"))
    func otherRulesAreADisagreement() throws {
        for (here, there) in [
            ("--dport 80", "--dport 81"), ("-j DROP", "-j ACCEPT"), ("-s 192.0.2.9 -p udp", "-p tcp"),
        ] {
            let scenario = try scenario(Self.dump)
            let namespace = try ScratchNamespace()
            var driver = Driver(try Bench(scenario.texts.filter { !$0.isRules }, neighbours: []))
            try driver.load([SnapshotText(name: "iptables-save.txt", text: Self.dump)], .nfTables)
            let changed = Self.dump.replacing(here, with: there)
            #expect(changed != Self.dump)
            try driver.bench.scratch.load(texts: [SnapshotText(name: "iptables-save.txt", text: changed)], .nfTables)
            let verdict = try driver.send(scenario.packets[0], tag: 9)
            if case .disagrees = verdict.finding {} else { Issue.record("\(there): \(verdict.finding)") }
            try namespace.leave()
        }
    }

    /// Chance decides whether the first packet's address is put in the set, which changes nothing else of its way.
    @Test(.enabled(if: canMakeNamespaces, "needs root and /dev/net/tun"))
    func whatIsAskedOfASetThatChanceChangedNobodyCanKnow() throws {
        var scenario = try scenario(
            """
            *filter
            :INPUT ACCEPT [0:0]
            -A INPUT -m set --match-set s src -j DROP
            -A INPUT -m statistic --mode random --probability 0.5 -j SET --add-set s src
            COMMIT

            """)
        scenario.texts.append(
            SnapshotText(name: "ipset-save.txt", text: "create s hash:ip family inet hashsize 1024 maxelem 65536\n"))
        scenario.packets = [try segment(.syn, 1000), try segment(.syn, 1001)]
        let findings = try scenario.run().map(\.finding)
        #expect(findings.first == .agrees(undecided: []))
        guard case .agrees(let undecided)? = findings.last else {
            Issue.record("\(findings)")
            return
        }
        #expect(undecided.first == "changed-set")
    }

    private func segment(
        _ flags: TCPFlags, _ sequence: UInt32, _ acknowledgement: UInt32 = 0, isAnswer: Bool = false
    ) throws -> LabPacket {
        let ends = [try #require(IPAddress("192.0.2.9")), try #require(IPAddress("192.0.2.1"))]
        var packet = Packet(source: ends[isAnswer ? 1 : 0], destination: ends[isAnswer ? 0 : 1], protocol: .tcp)
        (packet.sourcePort, packet.destinationPort) = isAnswer ? (80, 40000) : (40000, 80)
        (packet.tcpFlags, packet.tcpSequence, packet.tcpAcknowledgement) = (flags, sequence, acknowledgement)
        let bytes = packet.encoded(identification: sequence & 0xffff)
        let decoded = Packet(decoding: bytes.span)
        packet = try #require(decoded)
        packet.hasSocket = isAnswer
        if !isAnswer { packet.sourceMAC = MACAddress(bits: 0x0200_0000_0009) }
        return LabPacket(packet: packet, arrival: isAnswer ? .host : .wire("eth0"), destinationMAC: nil)
    }

    /// The connection that packets made under other rules is there for those that come later, in the kernel and here.
    @Test(.enabled(if: canMakeNamespaces, "needs root and /dev/net/tun"))
    func rulesAreExchangedUnderAConnection() throws {
        var scenario = try scenario(
            "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m state --state ESTABLISHED -j DROP\nCOMMIT\n")
        let tracked = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m state --state NEW -j ACCEPT\nCOMMIT\n"
        scenario.before = Stage(
            rules: [SnapshotText(name: "iptables-save.txt", text: tracked)],
            packets: [
                try segment(.syn, 1000), try segment([.syn, .ack], 5000, 1001, isAnswer: true),
                try segment(.ack, 1001, 5001),
            ])
        // Far outside of the window.
        scenario.packets = [try segment(.ack, 0x7000_0007, 5001)]
        let verdicts = try scenario.run()
        #expect(verdicts.map(\.finding) == Array(repeating: .agrees(undecided: []), count: 4))
        #expect(verdicts.last?.seen.outcome == .delivered)
        let folder = "\(FileManager.default.temporaryDirectory.path)/hookline-scenario-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try scenario.write(to: folder, "words")
        #expect(try Scenario(folder: folder).before == scenario.before)
    }

    /// A datagram of so many bytes from 192.0.2.9, by eth0.
    private func datagram(
        to destination: String, _ size: UInt8 = 4, ttl: UInt8 = 64, number: UInt8
    ) throws -> LabPacket {
        let ends = [try #require(IPAddress("192.0.2.9")), try #require(IPAddress(destination))]
        let header: [UInt8] = [0x45, 0, 0, 28 + size, 0, number, 0, 0, ttl, 17, 0, 0]
        return try lab(header + ends.flatMap(\.bytes) + datagram(size))
    }

    private func lab(_ bytes: [UInt8]) throws -> LabPacket {
        let decoded = Packet(decoding: bytes.span)
        var packet = try #require(decoded)
        packet.bytes = packet.version == .v4 ? packet.encoded() : bytes
        packet.sourceMAC = MACAddress(bits: 0x0200_0000_0009)
        return LabPacket(packet: packet, arrival: .wire("eth0"), destinationMAC: nil)
    }

    private func datagram(_ size: UInt8) -> [UInt8] {
        [0x9c, 0x40, 0, 80, 0, 8 + size, 0, 0] + [UInt8](repeating: 7, count: Int(size))
    }

    /// A match that drops the packet looks like its rule's REJECT, whatever else the kernel tells the sender: IPv6 of the
    /// shorter way, where a packet leaves by the link that it came by.
    @Test(.enabled(if: canMakeNamespaces, "needs root and /dev/net/tun"))
    func aRedirectIsNoAnswerOfREJECT() throws {
        var scenario = try scenario(Self.dump)
        let addresses = "    inet6 fd00::1/64 scope global\n    inet6 fe80::1/64 scope link\n"
        scenario.texts[0] = SnapshotText(name: "ip-addr.txt", text: scenario.texts[0].text + addresses)
        scenario.texts[1] = SnapshotText(
            name: "ip6tables-save.txt",
            text: "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -p esp -m esp --espspi 2:5 -j REJECT\nCOMMIT\n")
        scenario.texts[2] = SnapshotText(name: "sysctl.txt", text: "net.ipv6.conf.all.forwarding = 1\n")
        let ends = [try #require(IPAddress("fd00::9")), try #require(IPAddress("fd00::5"))]
        // A header of ESP has eight bytes.
        scenario.packets = [try lab([0x60, 0, 0, 1, 0, 4, 50, 64] + ends.flatMap(\.bytes) + [0, 0, 0, 1])]
        let verdicts = try scenario.run()
        #expect(verdicts.map(\.finding) == [.agrees(undecided: [])])
        #expect(verdicts[0].seen.answers.map(\.kind) == [.icmpv6(type: 137, code: 0)])
    }

    /// Rules that the kernel's own errors meet change the connection that these are about.
    @Test(.enabled(if: canMakeNamespaces, "needs root and /dev/net/tun"))
    func whatAnswersLeaveBehindIsTakenFromTheKernel() throws {
        let expired = """
            *filter
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A OUTPUT -p icmp -m icmp --icmp-type 11 -j CONNMARK --set-mark 1
            -A FORWARD -m connmark --mark 1 -j DROP
            COMMIT

            """
        let rejected = """
            *filter
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A OUTPUT -p icmp -m icmp --icmp-type 3 -m statistic --mode random --probability 0.5 -j CONNMARK --or-mark 2
            -A OUTPUT -p icmp -m icmp --icmp-type 3 -j CONNMARK --or-mark 1
            -A FORWARD -m length --length 40: -j REJECT
            -A FORWARD -m connmark --mark 1/1 -j DROP
            COMMIT

            """
        for (rules, size, ttl) in [(expired, UInt8(4), UInt8(1)), (rejected, 40, 64)] {
            var scenario = try scenario(rules)
            scenario.packets = [
                try datagram(to: "192.0.2.5", number: 1), try datagram(to: "192.0.2.5", size, ttl: ttl, number: 2),
                try datagram(to: "192.0.2.5", number: 3),
            ]
            let verdicts = try scenario.run()
            #expect(!verdicts.contains { $0.disagrees })
            guard case .dropped? = verdicts.last?.seen.outcome else {
                Issue.record("\(String(describing: verdicts.last?.seen.outcome))")
                continue
            }
        }
    }

    /// The kernel keeps a fragment longer than connections are kept here, and two of one number may go together.
    @Test(.enabled(if: canMakeNamespaces, "needs root and /dev/net/tun"))
    func aFragmentThatGoesWithOneFromBeforeIsNotCompared() throws {
        var scenario = try scenario(Self.dump)
        scenario.texts.append(
            SnapshotText(
                name: "ip6tables-save.txt",
                text: "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m state --state NEW -j DROP\nCOMMIT\n"))
        let ends = [try #require(IPAddress("2001:db8::9")), try #require(IPAddress("2001:db8::1"))]
        func fragment(_ tag: UInt8, _ part: Range<Int>) throws -> LabPacket {
            let header: [UInt8] = [0x60, 0, 0, tag, 0, UInt8(8 + part.count), 44, 64] + ends.flatMap(\.bytes)
            let word = UInt8(part.lowerBound) | (part.upperBound < 32 ? 1 : 0)
            return try lab(header + [17, 0, 0, word, 0, 0, 0, 1] + datagram(24)[part])
        }
        scenario.packets = [try fragment(1, 16..<32), try fragment(2, 0..<16)]
        scenario.packets[1].isFresh = true
        let verdicts = try scenario.run()
        #expect(verdicts.first?.finding == .agrees(undecided: []))
        guard case .skipped? = verdicts.last?.finding, case .dropped? = verdicts.last?.seen.outcome else {
            Issue.record("\(String(describing: verdicts.last?.finding))")
            return
        }
    }

    /// Source: net/netfilter/xt_connbytes.c `connbytes_mt_check`, Linux 6.18.
    @Test(.enabled(if: canMakeNamespaces, "needs root and /dev/net/tun"))
    func countersThatRulesSwitchedOnStayOn() throws {
        func rules(_ match: String, _ target: String) -> [SnapshotText] {
            [
                SnapshotText(
                    name: "iptables-save.txt",
                    text: "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT \(match) -j \(target)\nCOMMIT\n"
                )
            ]
        }
        let counting = rules(
            "-m connbytes --connbytes 2: --connbytes-mode packets --connbytes-dir original", "DROP")
        var scenario = try scenario(Self.dump)
        scenario.texts[2] = SnapshotText(
            name: "sysctl.txt", text: "net.ipv4.ip_forward = 1\nnet.netfilter.nf_conntrack_acct = 0\n")
        let namespace = try ScratchNamespace()
        var driver = Driver(try Bench(scenario.texts.filter { !$0.isRules }, neighbours: []))
        try driver.load(counting, .nfTables)
        try driver.change(rules("-m state --state NEW", "ACCEPT"))
        try driver.forget()
        let first = try driver.send(try datagram(to: "192.0.2.1", number: 1), tag: 1)
        try driver.change(counting)
        let second = try driver.send(try datagram(to: "192.0.2.1", number: 2), tag: 2)
        try namespace.leave()
        #expect([first, second].map(\.finding) == Array(repeating: .agrees(undecided: []), count: 2))
        guard case .dropped = second.seen.outcome else {
            Issue.record("\(second.seen.outcome)")
            return
        }
    }
}
