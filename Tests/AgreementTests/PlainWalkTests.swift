import HeaderSpace
import KernelLab
import NetTypes
import PacketPath
import PathModel
import RuleModel
import Snapshot
import SourceText
import Testing

/// What an index passes over could not have matched: traces are those of a walk that tests every rule.
@Suite struct PlainWalkTests {
    /// Long chains of rules that ask for the same few values in every way that has a place in an index, and in others.
    @Test(arguments: UInt64(1)...12)
    func longChainsAreWalkedAsRuleByRule(_ seed: UInt64) throws {
        var draw = LongChains(seed: seed)
        let node = try readSnapshot(files: LongChains.host + [SourceFile(path: "iptables-save.txt", text: draw.text())])
        #expect(!node.diagnostics.contains { $0.severity == .error })
        var model = HostModel(node.ruleset, node.host, names: node.names)
        for name in LongChains.interfaces { _ = model.intern(name) }
        for _ in 0..<60 { try expectAgreement(draw.request(&model), on: model) }
    }

    /// Every match and target there is, in short chains.
    @Test(arguments: UInt64(1)...6)
    func randomRulesAreWalkedAsRuleByRule(_ seed: UInt64) throws {
        let topology = RandomTopology(seed: seed)
        for round in 0..<6 {
            let rules = RandomRules(seed: seed &* 1000 &+ UInt64(round), topology: topology, nativeShare: 40)
            let texts = topology.files + rules.files
            let node = try readSnapshot(files: texts.map { SourceFile(path: $0.name, text: $0.text) })
            let model = HostModel(node.ruleset, node.host, names: node.names)
            var packets = RandomPackets(seed: seed &+ UInt64(round), topology: topology, rules: rules)
            for count in 0..<30 {
                let drawn = packets.single()
                var origin = Origin.host
                if case .wire(let name) = drawn.arrival { origin = .interface(model.names.find(name) ?? .empty) }
                var packet = drawn.packet
                // Half of them as a person describes them: with what is not told unknown or taken by default.
                if count.isMultiple(of: 2) {
                    packet.bytes = []
                    packet.defaulted = [.ttl, .tcpFlags, .length, .dscp]
                }
                if count.isMultiple(of: 7) { packet.unknown = [.mark] }
                var request = TraceRequest(packet: packet, origin: origin)
                request.destinationMAC = drawn.destinationMAC
                try expectAgreement(request, on: model)
            }
        }
    }

    private func expectAgreement(_ request: TraceRequest, on model: HostModel) throws {
        var plain = request
        plain.walksPlainly = true
        let walked = trace(plain, on: model)
        let searched = trace(request, on: model)
        // A rule that can't match anyway takes nothing for granted.
        #expect(searched.allDefaultsUsed.isSubset(of: walked.allDefaultsUsed))
        #expect(searched.withoutDefaults == walked.withoutDefaults, "\(request.packet)")
    }
}

extension Trace {
    private var parts: [Trace] { branches.map { $0.trace } + answer + reply }

    fileprivate var allDefaultsUsed: PacketFields { parts.reduce(defaultsUsed) { $0.union($1.allDefaultsUsed) } }

    fileprivate var withoutDefaults: Trace {
        var result = self
        result.defaultsUsed = []
        result.branches = branches.map { branch in
            var branch = branch
            branch.trace = branch.trace.withoutDefaults
            return branch
        }
        result.answer = answer.map { $0.withoutDefaults }
        result.reply = reply.map { $0.withoutDefaults }
        return result
    }
}

/// Draws a filter, a mangle and a nat table with chains of a hundred rules, and packets that meet them.
private struct LongChains {
    var numbers: SeededNumbers

    init(seed: UInt64) { numbers = SeededNumbers(seed: seed) }

    static let interfaces = ["eth0", "eth1", "cali1", "cali2"]

    static let host = [
        SourceFile(
            path: "ip-addr.txt",
            text: """
                1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000
                    inet 127.0.0.1/8 scope host lo
                2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
                    inet 192.0.2.1/24 brd 192.0.2.255 scope global eth0
                3: eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
                    inet 10.1.0.1/16 brd 10.1.255.255 scope global eth1
                4: cali1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000
                5: cali2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq state UP group default qlen 1000

                """),
        SourceFile(
            path: "ip-route.txt",
            text: """
                default via 192.0.2.254 dev eth0
                10.1.0.0/16 dev eth1 proto kernel scope link src 10.1.0.1
                10.2.0.1 dev cali1 scope link
                10.2.0.2 dev cali2 scope link

                """),
        SourceFile(path: "sysctl.txt", text: "net.ipv4.ip_forward = 1\nnet.ipv4.conf.all.rp_filter = 0\n"),
        SourceFile(
            path: "ipset-save.txt",
            text: """
                create web hash:net family inet hashsize 1024 maxelem 65536
                add web 10.1.0.0/30
                add web 10.1.0.2 nomatch
                create ports hash:ip,port family inet hashsize 1024 maxelem 65536
                add ports 10.2.0.1,tcp:80

                """),
    ]

    mutating func below(_ count: Int) -> Int { Int(numbers.next() % UInt64(count)) }

    mutating func pick<T>(_ values: [T]) -> T { values[below(values.count)] }

    mutating func address() -> String {
        pick(["10.1.0.\(below(4))", "10.2.0.\(1 + below(2))", "192.0.2.\(1 + below(3))", "203.0.113.\(below(4))"])
    }

    mutating func prefix() -> String { pick(["", "", "/32", "/31", "/30", "/24", "/16", "/255.0.255.255", "/8"]) }

    mutating func port() -> Int { pick([22, 53, 80, 81, 443, 1000 + below(4)]) }

    /// A condition, with the protocol that it takes for granted.
    private mutating func match(_ isOut: Bool, _ proto: inout String) -> String {
        let not = below(4) == 0 ? "! " : ""
        func needs(_ wanted: String, _ proto: inout String) -> Bool {
            if proto.isEmpty { proto = wanted }
            return proto == wanted
        }
        switch below(15) {
        case 0, 1: return " \(not)-d \(address())\(prefix())"
        case 2: return " \(not)-s \(address())\(prefix())"
        case 3: return isOut ? " \(not)-o \(pick(Self.interfaces))" : " \(not)-i \(pick(Self.interfaces + ["cali+"]))"
        case 4, 5:
            guard needs("tcp", &proto) else { return "" }
            let first = port()
            return " -m tcp \(not)--dport \(first)" + (below(3) == 0 ? ":\(first + below(900))" : "")
        case 6:
            guard needs("udp", &proto) else { return "" }
            return " -m udp --sport \(port()) \(not)--dport \(port())"
        case 7:
            guard needs("tcp", &proto) else { return "" }
            let side = pick(["dports", "sports", "ports"])
            return " -m multiport \(not)--\(side) \(port()),\(port()):\(2000 + port())"
        case 8: return " -m mark \(not)--mark 0x\(below(4))/0x\(pick(["1", "2", "3", "f"]))"
        case 9:
            let range = "10.1.0.\(below(2))-10.1.\(below(2)).\(2 + below(9))"
            return " -m iprange \(not)--\(pick(["src", "dst"]))-range \(range)"
        case 10: return " -m set \(not)--match-set \(pick(["web src", "web dst", "ports dst,dst"]))"
        case 11: return " -m conntrack \(not)--ctstate \(pick(["NEW", "ESTABLISHED", "INVALID"]))"
        case 12:
            guard needs("tcp", &proto) else { return "" }
            let first = port()
            return " -m tcp \(not)--sport \(first)" + (below(3) == 0 ? ":\(first + below(900))" : "")
        case 13: return " -m statistic --mode random --probability 0.5"
        default: return " -m comment --comment \"rule \(below(100))\""
        }
    }

    private mutating func rule(_ isOut: Bool, _ targets: [String]) -> String {
        var proto = below(4) == 0 ? pick(["tcp", "udp"]) : ""
        var parts = ""
        var seen: Set<Substring> = []
        for _ in 0...below(3) {
            let part = match(isOut, &proto)
            // Each option once, and chance rarely: every one makes two ways of one.
            let name = part.drop { $0 == " " || $0 == "!" }.prefix { $0 != " " }
            let kind = name == "-m" ? part.dropFirst(4).prefix { $0 != " " } : name
            if part.contains("statistic"), below(8) != 0 { continue }
            if seen.insert(kind).inserted { parts += part }
        }
        let target = below(3) == 0 ? "" : " -j \(pick(targets))"
        return (proto.isEmpty ? "" : " -p \(proto)") + parts + target
    }

    mutating func text() -> String {
        func chain(_ name: String, _ rules: [String]) -> String { rules.map { "-A \(name)\($0)\n" }.joined() }
        let marks = ["MARK --set-xmark 0x\(below(4))/0x3", "MARK --set-xmark 0x1/0x1", "LOG", "TTL --ttl-dec 1"]
        let mangle = (0..<120).map { _ in rule(false, marks + ["more", "RETURN", "ACCEPT"]) }
        let more = (0..<60).map { _ in rule(false, marks + ["RETURN"]) }
        let nat =
            (0..<100).map { _ in
                rule(false, ["LOG", "RETURN"])
            } + ["-p tcp -m tcp --dport 80 -j DNAT --to-destination 10.2.0.1:81"].map { " " + $0 }
        let filter = (0..<120).map { _ in rule(true, ["LOG", "out", "out", "RETURN"]) }
        let out = (0..<60).map { _ in rule(true, ["LOG", "RETURN", "DROP"]) }
        return "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
            + ":POSTROUTING ACCEPT [0:0]\n:more - [0:0]\n" + chain("PREROUTING", mangle) + chain("more", more)
            + "COMMIT\n"
            + "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
            + chain("PREROUTING", nat) + "COMMIT\n"
            + "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:out - [0:0]\n"
            + chain("FORWARD", filter) + chain("out", out) + "COMMIT\n"
    }

    mutating func request(_ model: inout HostModel) throws -> TraceRequest {
        let source = try #require(IPAddress(address()))
        let destination = try #require(IPAddress(address()))
        var packet = Packet(source: source, destination: destination, protocol: below(3) == 0 ? .udp : .tcp)
        packet.sourcePort = UInt16(port())
        packet.destinationPort = UInt16(port() + below(3))
        packet.length = 60
        packet.mark = UInt32(below(4))
        packet.defaulted = [.ttl, .tcpFlags]
        if below(10) == 0 { packet.unknown = [.mark] }
        if below(10) == 0 { packet.unknown.insert(.sourcePort) }
        if below(10) == 0 { packet.sourcePortChoices = PortRange(1000, 1001) }
        // As of a capture.
        if below(3) == 0, packet.unknown.isEmpty, packet.sourcePortChoices == nil {
            let bytes = packet.encoded()
            let mark = packet.mark
            packet = Packet(decoding: bytes.span) ?? packet
            packet.mark = mark
        }
        let origin = below(8) == 0 ? Origin.anyInterface : .interface(model.intern(pick(Self.interfaces)))
        return TraceRequest(packet: packet, origin: origin)
    }
}
