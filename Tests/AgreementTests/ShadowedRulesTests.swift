import ChainGraph
import HeaderSpace
import NetTypes
import PacketPath
import PathModel
import RuleModel
import Snapshot
import SourceText
import Testing

/// A host out of the text of its rules.
func host(_ rules: String, _ state: String = "") throws -> HostModel {
    var files = [SourceFile(path: "rules", text: rules)]
    if !state.isEmpty { files.append(SourceFile(path: "state", text: state)) }
    let node = try readSnapshot(files: files)
    return HostModel(node.ruleset, node.host, names: node.names)
}

private func filter(_ rules: String) throws -> HostModel {
    try host("*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\(rules)\nCOMMIT\n")
}

@Suite struct ShadowedRulesTests {
    private func shadowed(_ rules: String) throws -> [[Int]] {
        shadowedRules(try filter(rules), .v4).rules.map { [$0.rule.index + 1] + $0.takers.map { $0.index + 1 } }
    }

    @Test func twoHalvesTakeTheWhole() throws {
        #expect(
            try shadowed(
                """
                -A INPUT -s 10.0.0.0/9 -j DROP
                -A INPUT -s 10.128.0.0/9 -j ACCEPT
                -A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 80 -j ACCEPT
                """) == [[3, 1, 2]])
    }

    @Test func theRuleThatTakesAllByItselfIsTold() throws {
        let rules = shadowedRules(
            try filter(
                """
                -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
                -A INPUT -s 10.0.0.0/8 -j ACCEPT
                -A INPUT -s 10.1.0.0/16 -j DROP
                """), .v4
        ).rules
        #expect(rules.map { $0.takers.map { $0.index } } == [[0, 1]])
        #expect(rules.map { $0.soleTaker?.index } == [1])
    }

    @Test func aLaterFragmentHasNoPort() throws {
        // Both take every port of TCP, and yet a later fragment comes to the third.
        #expect(
            try shadowed(
                """
                -A INPUT -p tcp -m tcp --dport 0:1023 -j DROP
                -A INPUT -p tcp -m tcp --dport 1024:65535 -j DROP
                -A INPUT -p tcp -j ACCEPT
                """
            ).isEmpty)
    }

    @Test func anInterfaceThatNobodyKnowsMayCome() throws {
        #expect(
            try shadowed("-A INPUT -i eth0 -j DROP\n-A INPUT -i eth1 -j DROP\n-A INPUT -j ACCEPT").isEmpty)
        #expect(
            try shadowed("-A INPUT -i eth+ -j DROP\n-A INPUT -i eth1 -p udp -j ACCEPT") == [[2, 1]])
    }

    @Test func whatHangsOnChanceTakesNothing() throws {
        #expect(
            try shadowed("-A INPUT -m limit --limit 1/second -j DROP\n-A INPUT -p udp -j ACCEPT").isEmpty)
        #expect(
            try shadowed("-A INPUT -m mark --mark 0x1 -j DROP\n-A INPUT -m mark --mark 0x1 -p udp -j ACCEPT").isEmpty)
    }

    /// A chain without room is told, and the others are looked through nonetheless.
    @Test func aChainThatIsTooMuchIsTold() throws {
        let spread = (0..<400).map {
            "-A INPUT -s 10.\($0 % 251).\($0 * 7 % 256).1/32 -p tcp -m tcp --dport \(1000 + $0 * 13) -j ACCEPT\n"
        }
        let model = try filter(
            spread.joined() + "-A FORWARD -s 10.0.0.0/8 -j DROP\n-A FORWARD -s 10.1.0.0/16 -j ACCEPT")
        let all = shadowedRules(model, .v4)
        #expect(all.unfinished.isEmpty && all.rules.count == 1)
        let little = shadowedRules(model, .v4, limit: 5000)
        #expect(little.unfinished.map { model.linked.path(of: $0) } == ["filter/INPUT"])
        #expect(little.rules == all.rules)
    }

    @Test func whatAJumpTakesIsNotCounted() throws {
        #expect(try shadowed(":own - [0:0]\n-A INPUT -j own\n-A INPUT -p udp -j ACCEPT\n-A own -j LOG").isEmpty)
    }
}

@Suite struct PacketDifferenceTests {
    /// The one packet that both treat differently, or what there is instead.
    private func compared(_ a: String, _ b: String) throws -> [TreatedOtherwise] {
        let (first, second) = (try filter(a), try filter(b))
        var (named, other) = (first, second)
        _ = other.intern("wan0")
        let stranger = named.intern("wan0")
        let space = PacketSpace(.v4, for: [named, other], strangers: [stranger])
        return differences(analyze(named, .wire, in: space), analyze(other, .wire, in: space))
    }

    @Test func otherRulesForTheSamePackets() throws {
        #expect(
            try compared(
                "-A FORWARD -s 10.0.0.0/8 -j DROP",
                "-A FORWARD -s 10.0.0.0/9 -j DROP\n-A FORWARD -s 10.128.0.0/9 -j DROP"
            ).isEmpty)
    }

    @Test func onePortMore() throws {
        let found = try compared(
            "-A FORWARD -p tcp -m tcp --dport 80 -j DROP", "-A FORWARD -p tcp -m multiport --dports 80,81 -j DROP")
        #expect(!found.isEmpty)
        for one in found {
            #expect(one.after.outcome == .dropped)
            #expect(one.rulesAfter.map { $0.index } == [0])
        }
    }

    /// The two know other names by the same numbers.
    @Test func namesAreComparedAndNotTheirNumbers() throws {
        let found = try compared(
            "-A FORWARD -i eth0 -j DROP\n-A FORWARD -i eth1 -j ACCEPT",
            "-A FORWARD -i eth1 -j ACCEPT\n-A FORWARD -i eth0 -j DROP")
        #expect(found.isEmpty)
    }
}
