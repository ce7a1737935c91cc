import Foundation
import KernelLab
import NetTypes
import Reports
import RuleModel
import Snapshot
import SourceText
import Testing

@testable import Answers
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
            try compare(lines, on: node, roundTrip: round == 3, &counts)
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
        try compare(lines, on: node, roundTrip: false, &counts)
        #expect(counts.kept * 2 > counts.all, "\(counts)")
    }

    struct Counts {
        var all = 0
        var kept = 0
        var refuted = 0
    }

    private func compare(_ lines: [String], on node: NodeState, roundTrip: Bool, _ counts: inout Counts) throws {
        let model = node.makeModel()
        guard let classes = ValueClasses(model) else { return }
        var settings = TraceSettings()
        settings.roundTrip = roundTrip
        for detail in [Detail.path, .summary] {
            settings.detail = detail
            var plain = Tracer(node, model, settings)
            var keeping = Tracer(node, model, settings)
            keeping.keepAnswers(classes, mostBytes: 1 << 24)
            for (index, line) in lines.enumerated() {
                var own = JSONWriter(OutputBuffer(keeping: 1 << 12))
                var other = JSONWriter(OutputBuffer(keeping: 1 << 12))
                let bytes = Array(line.utf8)
                let followed = plain.answerLine(bytes, of: "p", number: index, files: node.files, into: &own)
                let told = keeping.answerLine(bytes, of: "p", number: index, files: node.files, into: &other)
                #expect(own.output.gathered == other.output.gathered, "\(line)")
                #expect(followed?.outcome == told?.outcome)
                counts.all += 1
                if told?.isKept == true { counts.kept += 1 }
            }
            counts.refuted += keeping.kept?.refutedCount ?? 0
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
