import Annotations
import PathModel
import Reports
import SourceText
import Testing

@Suite struct RulesetTests {
    private func tree(_ rules: String) throws -> String {
        let world = try World(rules)
        return text {
            writeRulesetTree(
                world.model, files: world.files, owners: AnnotatedRuleset(world.model.linked), TextStyle(), into: &$0)
        }
    }

    @Test func aChainStandsBelowTheRuleThatJumpsToIt() throws {
        let shown = try tree(filter("-A INPUT -i eth0 -j A", "-A INPUT -j A", "-A A -j DROP", chains: ["A"]))
        #expect(
            shown.hasPrefix(
                """
                INPUT IPv4
                  filter/INPUT  2 rules, policy ACCEPT, priority 0, ip nf_tables
                    1  -A INPUT -i eth0 -j A  rules:6
                      filter/A  1 rule
                        1  -A A -j DROP  rules:8
                    2  -A INPUT -j A  rules:7
                      A is shown above

                """))
    }

    @Test func loopsAndWhatNothingReachesAreTold() throws {
        let shown = try tree(filter("-A INPUT -j A", "-A A -j A", "-A INPUT -j GONE", chains: ["A", "B"]))
        #expect(shown.contains("Reached from no hook\n  filter/B"))
        #expect(shown.contains("- filter/INPUT:2 jumps to 'GONE', which is not in the table"))
        #expect(shown.contains("- a loop, which the kernel refuses: A -> A"))
        #expect(shown.contains("- nothing jumps to filter/B"))
    }

    @Test func tenThousandNestedJumpsAreShown() throws {
        let count = 10_000
        let names = (0..<count).map { "C\($0)" }
        var rules = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
        for name in names { rules += ":\(name) - [0:0]\n" }
        rules += "-A INPUT -j C0\n"
        for index in 1..<count { rules += "-A C\(index - 1) -j C\(index)\n" }
        rules += "COMMIT\n"
        let shown = try tree(rules)
        #expect(shown.contains("filter/C9999"))
    }

    @Test func jsonHasEveryRule() throws {
        let world = try World(
            filter("[3:180] -A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -j A", "[0:0] -A A -j DROP", chains: ["A"]))
        let bytes = written {
            writeRulesetJSON(
                world.model, files: world.files, owners: AnnotatedRuleset(world.model.linked), into: &$0)
        }
        let value = try readJSON(bytes.span)
        #expect(value["hookline"]?.number?.unsigned == 1)
        let table = try #require(value["tables"]?.array?.first)
        #expect(table["table"]?.string == "filter")
        let input = try #require(table["chains"]?.array?.first)
        #expect(input["hook"]?.string == "input")
        #expect(input["policy"]?.string == "accept")
        let rule = try #require(input["rules"]?.array?.first)
        #expect(rule["rule"]?.number?.unsigned == 1)
        #expect(rule["line"]?.number?.unsigned == 6)
        #expect(rule["file"]?.string == "rules")
        #expect(rule["matches"]?.array?.compactMap(\.string) == ["-s 10.0.0.0/8", "-p tcp", "-m tcp --dport 22"])
        #expect(rule["target"]?.string == "-j A")
        #expect(rule["counters"]?["packets"]?.number?.unsigned == 3)
    }
}
