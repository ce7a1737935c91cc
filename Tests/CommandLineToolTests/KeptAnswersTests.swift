import Answers
import Foundation
import KernelLab
import NetTypes
import Reports
import RuleModel
import Snapshot
import SourceText
import Testing

@testable import CommandLineTool
@testable import PathModel

/// Answers that are told again for packets which nothing tells apart are those that the packets have when they are followed.
@Suite struct KeptAnswersTests {
    /// Random rules, as far as they can be told by what they name, over hosts with routes, sets and connections.
    @Test(arguments: [1, 2, 3, 4, 84])
    func packetsThatAreAlikeHaveTheirOwnAnswers(_ seed: UInt64) throws {
        var counts = Counts()
        let topology = RandomTopology(seed: seed)
        for round in 0..<4 {
            let rules = RandomRules(seed: seed &* 1000 &+ UInt64(round), topology: topology, nativeShare: 40)
            let texts = topology.files + rules.files
            var node = try readSnapshot(files: texts.map { SourceFile(path: $0.name, text: $0.text) })
            node.ruleset = node.ruleset.withoutRulesThatDoNotFit
            var packets = RandomPackets(seed: seed &+ UInt64(round), topology: topology, rules: rules)
            var lines: [String] = []
            for number in 0..<4 {
                var variants = Variants(packets.single(), seed: seed &* 100 &+ UInt64(round * 10 + number))
                lines += variants.lines(40)
            }
            try compare(lines, on: node, roundTrip: round == 3, [.path, .summary], &counts)
        }
        #expect(counts.kept * 8 > counts.all, "\(counts)")
        #expect(counts.refuted == 0)
    }

    /// A dump of kube-proxy's and others, whose packets come from everywhere.
    @Test(arguments: ["docker-forward-drop", "flannel-docker", "policy-routing", "host-firewall", "bridge-netfilter"])
    func nodesAreAnsweredAlike(_ name: String) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Rulesets/\(name)")
        let node = try loadSnapshot([folder.path], standardInput: { _ in [] })
        var lines: [String] = []
        for service in ["192.0.2.1", "10.96.0.1", "203.0.113.10"] {
            for number in 0..<40 {
                lines.append(
                    "{\"source\":\"198.51.\(number & 3).\(number * 7 % 250)\",\"sourcePort\":\(20000 + number * 13),"
                        + "\"destination\":\"\(service)\",\"protocol\":\"tcp\",\"destinationPort\":80}")
            }
        }
        var counts = Counts()
        try compare(lines, on: node, roundTrip: false, [.path, .summary], &counts)
        #expect(counts.kept * 2 > counts.all, "\(counts)")
    }

    /// One condition alone, and packets around all that it names: were something left out of the classes, packets of one
    /// would have several answers.
    @Test(arguments: [
        "-p tcp -m tcp --sport 80", "-p tcp -m tcp --sport 82:85", "-p tcp -m tcp ! --dport 84",
        "-p tcp -m tcp --dport 80:82", "-p tcp -m multiport --sports 80,84:86", "-p tcp -m multiport --dports 81,85",
        "-p tcp -m multiport ! --ports 83", "-s 198.51.100.8/30", "! -d 10.96.0.4/30", "-s 198.51.100.9",
        "-m iprange --src-range 198.51.100.3-198.51.100.6", "-m iprange ! --dst-range 10.96.0.2-10.96.0.9",
        "-m set --match-set nets src", "-m set ! --match-set nets dst", "-m set --match-set pairs src,dst",
        "-m conntrack --ctorigsrc 198.51.100.8/30", "-p tcp -m conntrack --ctorigsrcport 82:84",
        "-p tcp -m conntrack --ctorigdstport 82", "-p tcp -m conntrack --ctreplsrcport 83",
        "-p tcp -m conntrack --ctrepldstport 81:83", "-m conntrack --ctrepldst 198.51.100.4/31",
        "-m addrtype --src-type BROADCAST", "-m rpfilter --invert", "-m realm --realm 5",
    ])
    func whatARuleNamesTellsPacketsApart(_ condition: String) throws {
        for target in ["DROP", "REJECT"] {
            let rules =
                "*filter\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD \(condition) -j \(target)\n"
                + "-A OUTPUT -d 198.51.100.12/30 -j DROP\n-A OUTPUT -p tcp -m tcp --dport 84 -j DROP\nCOMMIT\n"
            try compareAround(rules, repliesToo: target == "REJECT")
        }
    }

    @Test(arguments: [
        "ip saddr 198.51.100.8/30", "ip saddr > 198.51.100.9", "tcp dport 82-85", "tcp sport != 83", "th sport 81",
        "ip saddr . tcp dport { 198.51.100.9 . 80, 198.51.100.4-198.51.100.6 . 82-83 }", "ip daddr @nets",
        "ct original saddr 198.51.100.4/30", "ct original proto-src 82", "ct reply proto-src 84",
        "fib saddr type broadcast", "ip saddr != { 198.51.100.1, 198.51.100.8-198.51.100.11 }",
        "rt ip nexthop 10.96.0.5",
    ])
    func whatANativeRuleNamesTellsPacketsApart(_ condition: String) throws {
        for verdict in ["drop", "reject", "tcp dport vmap { 80 : drop, 84-85 : accept }"] {
            let set =
                "\tset nets {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t\telements = { 10.96.0.4/30, 10.96.0.9 }\n\t}\n"
            let chain =
                "\tchain f {\n\t\ttype filter hook forward priority filter; policy accept;\n\t\t\(condition) \(verdict)\n\t}\n"
            try compareAround("table ip t {\n\(set)\(chain)}\n")
        }
    }

    /// What NAT makes of packets is told apart behind it, too.
    @Test(arguments: [
        "PREROUTING -d 10.96.0.2/31 -p tcp -j DNAT --to-destination 10.96.0.9:84",
        "PREROUTING -p tcp -j DNAT --to-destination :86-87",
        "PREROUTING -p tcp -m tcp --dport 83 -j REDIRECT --to-ports 82",
        "POSTROUTING -p tcp -j SNAT --to-source 203.0.113.5:81-83", "POSTROUTING -p tcp -j MASQUERADE --to-ports 85-86",
        "POSTROUTING -s 198.51.100.8/30 -j SNAT --to-source 203.0.113.5",
    ])
    func translatedPacketsAreToldApart(_ rule: String) throws {
        let nat = "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A \(rule)\nCOMMIT\n"
        let filter =
            "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -d 10.96.0.9/32 -p tcp -m tcp --dport 84 -j DROP\nCOMMIT\n"
        try compareAround(nat + filter)
    }

    private static let host = """
        1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
            link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
            inet 127.0.0.1/8 scope host lo
               valid_lft forever preferred_lft forever
        2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
            link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff
            inet 198.51.100.2/29 brd 198.51.100.7 scope global eth0
               valid_lft forever preferred_lft forever
        3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
            link/ether 02:00:00:00:00:02 brd ff:ff:ff:ff:ff:ff
            inet 203.0.113.5/24 brd 203.0.113.255 scope global eth1
               valid_lft forever preferred_lft forever

        """
    private static let routes = """
        default via 203.0.113.1 dev eth1
        198.51.100.0/29 dev eth0 proto kernel scope link src 198.51.100.2
        198.51.100.8/30 via 198.51.100.3 dev eth0 realm 5
        203.0.113.0/24 dev eth1 proto kernel scope link src 203.0.113.5
        10.96.0.8/31 via 203.0.113.9 dev eth1
        10.96.0.4/31 via 10.96.0.5 dev eth1 onlink

        """
    private static let sets = """
        create nets hash:net family inet hashsize 1024 maxelem 65536
        add nets 198.51.100.9/32
        add nets 10.96.0.7/32
        create pairs hash:ip,port family inet hashsize 1024 maxelem 65536
        add pairs 198.51.100.9,tcp:79
        add pairs 198.51.100.4,tcp:87

        """

    private static let settings = """
        net.ipv4.ip_forward = 1
        net.ipv4.conf.all.rp_filter = 0
        net.ipv4.conf.eth0.rp_filter = 0
        net.ipv4.conf.eth1.rp_filter = 0

        """

    private func compareAround(_ rules: String, repliesToo: Bool = false) throws {
        let node = try readSnapshot(
            files: [Self.host, Self.routes, Self.sets, Self.settings, rules].enumerated().map {
                SourceFile(path: "input-\($0.offset)", text: $0.element)
            })
        #expect(!node.diagnostics.contains { $0.severity == .error }, "\(node.diagnostics)")
        var state: UInt64 = 7
        func draw(_ bound: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % bound
        }
        // Far from what is named many are alike; near it each end is alone.
        func number(_ far: UInt64, _ near: UInt64, _ count: UInt64) -> UInt64 {
            draw(3) > 0 ? far + draw(90) : near + draw(count)
        }
        let lines = (0..<320).map { _ in
            "{\"in\":\"eth0\",\"source\":\"198.51.100.\(number(100, 0, 16))\",\"destination\":\"10.96.0.\(number(100, 0, 12))\","
                + "\"protocol\":\"tcp\",\"sourcePort\":\(number(3000, 78, 10)),\"destinationPort\":\(number(4000, 78, 10))}"
        }
        var counts = Counts()
        try compare(lines, on: node, roundTrip: repliesToo, [.path], &counts)
        #expect(counts.kept * 8 > counts.all, "\(counts)")
        #expect(counts.refuted == 0)
    }

    struct Counts {
        var all = 0
        var kept = 0
        var refuted = 0
    }

    private func compare(
        _ lines: [String], on node: NodeState, roundTrip: Bool, _ details: [Detail],
        _ counts: inout Counts
    ) throws {
        let model = node.makeModel()
        var settings = TraceSettings()
        settings.roundTrip = roundTrip
        for detail in details {
            settings.detail = detail
            var plain = Tracer(node, model, settings)
            var keeping = Tracer(node, model, settings)
            guard let answers = KeptAnswers(of: model, mostBytes: 1 << 24) else { return }
            var alike = AlikePackets(answers)
            for (index, line) in lines.enumerated() {
                var own = JSONWriter(OutputBuffer(keeping: 1 << 12))
                var other = JSONWriter(OutputBuffer(keeping: 1 << 12))
                let bytes = Array(line.utf8)
                let followed = plain.answerLine(bytes, of: "p", number: index, files: node.files, into: &own)
                let told = alike.answerLine(
                    bytes, by: &keeping, settings, of: "p", number: index, files: node.files, rendered: nil,
                    into: &other)
                #expect(own.output.gathered == other.output.gathered, "\(line)")
                #expect(followed?.outcome == told?.outcome)
                counts.all += 1
                if told?.isKept == true { counts.kept += 1 }
            }
            counts.refuted += alike.memory.refutedCount
        }
    }
}

/// Packets of which many differ from one in a few low bits of addresses and ports.
private struct Variants {
    private let drawn: RandomPacket
    private var state: UInt64

    init(_ drawn: RandomPacket, seed: UInt64) {
        self.drawn = drawn
        state = seed &* 2 &+ 1
    }

    private mutating func draw(_ bound: UInt64) -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state >> 33) % bound
    }

    mutating func lines(_ count: Int) -> [String] {
        let packet = drawn.packet
        let bits = [draw(12), draw(12), draw(10), draw(3)]
        return (0..<count).map { number in
            var members = ["\"id\":\(number)"]
            let source = flipped(packet.source, bits[0])
            members.append("\"source\":\"\(source)\"")
            members.append("\"destination\":\"\(flipped(packet.destination, bits[1]))\"")
            members.append("\"protocol\":\(packet.protocol.rawValue)")
            if packet.protocol.hasPorts {
                members.append("\"sourcePort\":\(packet.sourcePort ^ UInt16(draw(1 << bits[2])))")
                members.append("\"destinationPort\":\(packet.destinationPort ^ UInt16(draw(1 << bits[3])))")
            }
            switch drawn.arrival {
            case .host: members.append("\"in\":null")
            case .wire(let name): members.append("\"in\":\"\(name)\"")
            }
            return "{" + members.joined(separator: ",") + "}"
        }
    }

    private mutating func flipped(_ address: IPAddress, _ bits: UInt64) -> IPAddress {
        IPAddress(address.version, high: address.high, low: address.low ^ draw(1 << bits))
    }
}

extension Ruleset {
    /// Without the rules for which no classes of values can be told.
    fileprivate var withoutRulesThatDoNotFit: Ruleset {
        var result = self
        for table in result.tables.indices {
            for chain in result.tables[table].chains.indices {
                let own = tables[table].chains[chain]
                result.tables[table].chains[chain].rules.removeAll { !$0.fits(own) }
            }
        }
        return result
    }
}

extension Rule {
    fileprivate func fits(_ chain: Chain) -> Bool {
        var alone = Ruleset()
        var chain = chain
        chain.rules = [self]
        var table = Table(family: .ip, backend: .nfTables, name: .empty, place: .none)
        table.chains = [chain]
        alone.tables = [table]
        var cuts = ValueCuts()
        return cuts.take(alone)
    }
}
