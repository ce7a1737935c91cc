import Foundation
import IptablesText
import NetTypes
import RuleModel
import Snapshot
import SourceText
import Testing

@testable import KernelLab

@Suite struct RandomNodeTests {
    private static let nodes: [(topology: RandomTopology, rules: RandomRules)] = (UInt64(0)..<60).map { seed in
        let topology = RandomTopology(seed: seed / 4)
        return (topology, RandomRules(seed: seed, topology: topology))
    }

    @Test func numbersAreThoseOfSplitMix64() {
        // Source: the outputs for seed 1234567 that implementations are commonly checked with.
        var chance = Chance(seed: 1_234_567)
        #expect(
            (0..<3).map { _ in chance.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            ])
    }

    @Test func oneSeedIsOneHostWithItsRulesAndPackets() {
        for seed in UInt64(0)..<10 {
            let (one, two) = (RandomTopology(seed: seed), RandomTopology(seed: seed))
            #expect(one.files == two.files)
            let (rules, again) = (RandomRules(seed: seed, topology: one), RandomRules(seed: seed, topology: two))
            #expect(rules.files == again.files)
            var stream = RandomPackets(seed: seed, topology: one, rules: rules)
            var other = RandomPackets(seed: seed, topology: two, rules: again)
            for _ in 0..<50 { #expect(stream.single().packet == other.single().packet) }
            #expect(stream.conversation().count == other.conversation().count)
        }
        #expect(RandomTopology(seed: 1).files != RandomTopology(seed: 2).files)
    }

    @Test func everyTextIsReadWithoutAComplaint() throws {
        for (topology, rules) in Self.nodes {
            let files = (topology.files + rules.files).map { SourceFile(path: $0.name, text: $0.text) }
            let node = try readSnapshot(files: files)
            let complaints = node.diagnostics.filter { $0.code != "assumed-backend" }
            #expect(complaints.isEmpty, "seed \(rules.seed): \(complaints.first?.message ?? "")")
            #expect(node.unrecognised.isEmpty)
            #expect(node.host.interfaces.count == topology.interfaces.count + 1)
            #expect(node.host.listeners?.count == topology.sockets.count)
            #expect(node.host.routesKnownV4 == .allTables)
            #expect(node.host.routesKnownV6 == .allTables)
        }
    }

    /// Marks that have other bits beside those that a rule asks for go by another table, on most hosts.
    @Test func mostHostsRouteBySomeBitsOfTheMark() {
        let texts = (UInt64(0)..<40).map { seed in
            RandomTopology(seed: seed).files.first { $0.name == "ip-rule.txt" }?.text ?? ""
        }
        #expect(texts.count { $0.contains("50:\tfrom all fwmark 0x") } > 24)
    }

    @Test func mostHostsHaveTransparentSocketsAndOthers() {
        let hosts = (UInt64(0)..<40).map { RandomTopology(seed: $0).sockets }
        #expect(hosts.count { sockets in sockets.contains { $0.isTransparent } } > 30)
        #expect(hosts.count { sockets in sockets.contains { $0.address != nil && !$0.isTransparent } } > 30)
        #expect(hosts.count { sockets in sockets.contains { $0.address == nil } } > 24)
    }

    @Test func everyFeatureIsDrawn() {
        let texts =
            Self.nodes.map(\.rules)
            + (UInt64(1000)..<1300).map { seed in
                RandomRules(seed: seed, topology: RandomTopology(seed: seed / 8))
            }
        let four = texts.map(\.iptables).joined()
        let six = texts.map(\.ip6tables).joined()
        let sets = texts.map(\.ipset).joined()
        for feature in RandomFeatures.candidates {
            let words = feature.name.split(separator: " ").map(String.init)
            switch words[1] {
            // `NAT random` and `none` are no names of targets.
            case "target" where words[2] == "none": continue
            case "target" where words[2] == "NAT":
                #expect((words[0] == "ip" ? four : six).contains(" --random"), "\(feature.name)")
            case "target": #expect((words[0] == "ip" ? four : six).contains("-j \(words[2])"), "\(feature.name)")
            case "match": #expect((words[0] == "ip" ? four : six).contains("-m \(words[2])"), "\(feature.name)")
            default: #expect(sets.contains(" \(words[1]) "), "\(feature.name)")
            }
        }
    }

    @Test func whatAHostLacksIsLeftOutAndTold() {
        let lacking: Set<String> = ["ip match string", "ip6 target TEE", "set hash:net"]
        let available = Set(RandomFeatures.candidates.map(\.name)).subtracting(lacking)
        let features = RandomFeatures(available: available)
        #expect(Set(features.leftOut) == lacking)
        var six = ""
        for seed in UInt64(0)..<100 {
            let rules = RandomRules(seed: seed, topology: RandomTopology(seed: seed), features: features)
            #expect(!rules.iptables.contains("-m string"))
            #expect(!rules.ip6tables.contains("-j TEE"))
            #expect(!rules.ipset.contains("hash:net "))
            six += rules.ip6tables
        }
        #expect(six.contains("-m string"))
    }

    @Test func chainsFormNoLoopsAndStayShallow() {
        var deepest = 0
        for (_, rules) in Self.nodes {
            for dump in [rules.iptables, rules.ip6tables] {
                for table in dump.components(separatedBy: "COMMIT\n") {
                    deepest = max(deepest, depth(of: table))
                }
            }
        }
        // Base chains, and up to five below.
        #expect(deepest > 3 && deepest <= 6)
    }

    /// The most chains on a way through a table; 100 where it goes in circles.
    private func depth(of table: String) -> Int {
        var below: [String: [String]] = [:]
        for line in table.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            if line.hasPrefix(":") { below[String(words[0].dropFirst()), default: []] += [] }
            guard line.hasPrefix("-A"), let target = words.last, let option = words.dropLast().last else { continue }
            if option == "-g" || option == "-j", below[target] != nil { below[words[1], default: []].append(target) }
        }
        func depth(_ chain: String, _ soFar: Int) -> Int {
            guard soFar < 100 else { return 100 }
            return (below[chain] ?? []).map { depth($0, soFar + 1) }.max() ?? soFar
        }
        return below.keys.map { depth($0, 1) }.max() ?? 0
    }

    @Test func fewRuleSetsAreLeftToChance() {
        let rules = (UInt64(0)..<300).map { seed in RandomRules(seed: seed, topology: RandomTopology(seed: seed / 50)) }
        let undecided = rules.filter(\.hasUndecided).count
        #expect(undecided > 1 && undecided < 20)
        #expect(rules.filter(\.remembers).count < 30)
    }

    @Test func nativeTablesAreReadWithoutComplaint() throws {
        for seed in UInt64(0)..<40 {
            let rules = RandomRules(seed: seed, topology: RandomTopology(seed: seed / 4), nativeShare: 100)
            let node = try readSnapshot(files: [SourceFile(path: "nft.txt", text: rules.native)])
            #expect(node.diagnostics.filter { $0.severity != .note }.map(\.message) == [], "seed \(seed)")
            #expect(!node.ruleset.tables.isEmpty)
        }
    }
}
