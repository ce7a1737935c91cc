import ChainGraph
import Foundation
import PathModel
import Reports
import RuleModel
import SourceText
import Testing

@Suite struct ChainGraphTextTests {
    private func dot(_ rules: String) throws -> String {
        let world = try World(rules)
        return text { writeDot(world.model.linked, into: &$0) }
    }

    private func mermaid(_ rules: String) throws -> String {
        let world = try World(rules)
        return text { writeMermaid(world.model.linked, into: &$0) }
    }

    @Test func jumpsAreMergedAndCounted() throws {
        let rules = filter(
            "-A INPUT -s 10.0.0.1/32 -j ONE", "-A INPUT -s 10.0.0.2/32 -j ONE", "-A INPUT -g TWO",
            chains: ["ONE", "TWO"])
        let graph = try dot(rules)
        #expect(graph.contains("c0 -> c3 [label=\"2 rules\"];"))
        #expect(graph.contains("c0 -> c4 [style=dashed, label=\"goto\"];"))
        #expect(graph.contains("label=\"filter/INPUT\\n3 rules\\npriority 0, policy ACCEPT\""))
        let picture = try mermaid(rules)
        #expect(picture.contains("c0 -->|\"2 rules\"| c3"))
        #expect(picture.contains("c0 -.->|\"goto\"| c4"))
    }

    @Test func chainsOfAHookStandInTheOrderTheyRun() throws {
        let rules =
            "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
            + "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
            + "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n"
        let graph = try dot(rules)
        let raw = try #require(graph.range(of: "raw/PREROUTING"))
        let nat = try #require(graph.range(of: "nat/PREROUTING"))
        #expect(raw.lowerBound < nat.lowerBound)
        let first = try #require(graph.range(of: "PREROUTING (IPv4)"))
        let last = try #require(graph.range(of: "POSTROUTING (IPv4)"))
        #expect(first.lowerBound < last.lowerBound)
    }

    @Test func whatIsWrongIsSetOff() throws {
        let rules = filter(
            "-A INPUT -j A", "-A A -j B", "-A B -j A", "-A INPUT -j GONE", chains: ["A", "B", "LONELY"])
        let graph = try dot(rules)
        #expect(graph.contains("nothing jumps here"))
        #expect(graph.contains("filter/LONELY"))
        #expect(graph.contains("m0 [label=\"GONE\\nnot in the table\""))
        #expect(graph.contains("c0 -> m0"))
        #expect(graph.contains("color=red"))
        #expect(graph.contains("label=\"loop\""))
        let picture = try mermaid(rules)
        #expect(picture.contains(":::missing"))
        #expect(picture.contains(":::unreferenced"))
        #expect(picture.contains("|\"loop\"|"))
    }

    @Test func aPolicyThatDropsIsSetOff() throws {
        let rules = filter().replacing(":FORWARD ACCEPT", with: ":FORWARD DROP")
        #expect(try dot(rules).contains("policy DROP\", fillcolor=\"#f6c7c0\""))
        #expect(try mermaid(rules).contains(":::drops"))
    }

    @Test func namesAreNoMarkup() {
        var names = NameTable()
        var ruleset = Ruleset()
        var table = Table(family: .ip, backend: .legacy, name: names.intern("filter"), place: .none)
        table.chains = [Chain(name: names.intern("a\"]<b>;\\x|{}\n\u{1b}"), place: .none)]
        ruleset.tables = [table]
        let linked = LinkedRuleset(ruleset, names: names)
        let graph = text { writeDot(linked, into: &$0) }
        #expect(graph.contains("label=\"filter/a\\\"]<b>;\\\\x|{}\\\\x0a\\\\x1b\\n0 rules\""))
        let picture = text { writeMermaid(linked, into: &$0) }
        #expect(picture.contains("[\"filter/a#34;#93;#60;b#62;#59;#92;x#124;#123;#125;#92;x0a#92;x1b<br/>0 rules\"]"))
    }

    @Test func theSameRulesGiveTheSameBytes() throws {
        let rules = filter("-A INPUT -j A", "-A A -j B", "-A INPUT -j C", chains: ["A", "B", "C"])
        #expect(try dot(rules) == dot(rules))
        #expect(try mermaid(rules) == mermaid(rules))
    }
}
