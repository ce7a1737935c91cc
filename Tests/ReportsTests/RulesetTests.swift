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

    @Test func nothingIsToLeadToACanary() throws {
        let shown = try tree(
            filter("-A INPUT -j KUBE-FIREWALL", chains: ["KUBE-FIREWALL", "KUBE-KUBELET-CANARY", "KUBE-PROXY-CANARY"]))
        #expect(shown.contains("  filter/KUBE-PROXY-CANARY"))
        #expect(!shown.contains("nothing jumps to"))
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

    private static let calico = filter(
        "-A FORWARD -j cali-FORWARD", "-A FORWARD -j KUBE-FORWARD",
        "-A cali-FORWARD -j MARK --set-xmark 0x0/0x1a0000", "-A cali-FORWARD -i cali+ -j cali-from-wl-dispatch",
        "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP", "-A KUBE-FORWARD -j cali-cidr-block",
        chains: ["KUBE-FORWARD", "cali-FORWARD", "cali-from-wl-dispatch", "cali-cidr-block"])

    /// Who made a chain stands beside it; a rule's line says what its chain's and its target's lines do not.
    @Test func ownersStandBesideChainsAndRules() throws {
        let shown = try tree(Self.calico)
        #expect(
            shown.contains(
                """
                    1  -A FORWARD -j cali-FORWARD  rules:9
                      filter/cali-FORWARD  2 rules  Calico: its rules of filter at FORWARD
                        1  -A cali-FORWARD -j MARK --set-xmark 0x0/0x1a0000  rules:11  clears its own marks
                        2  -A cali-FORWARD -i cali+ -j cali-from-wl-dispatch  rules:12
                          filter/cali-from-wl-dispatch  0 rules  Calico: finds the workload that a packet comes from

                """), "\(shown)")
        // The chain is kube-proxy's, the rule Calico's.
        #expect(shown.contains("filter/KUBE-FORWARD  2 rules  kube-proxy: "))
        #expect(shown.contains("rules:13  drops what conntrack calls invalid\n"))
    }

    @Test func jsonHasOwners() throws {
        let world = try World(Self.calico)
        let bytes = written {
            writeRulesetJSON(
                world.model, files: world.files, owners: AnnotatedRuleset(world.model.linked), into: &$0)
        }
        let chains = try #require(try readJSON(bytes.span)["tables"]?.array?.first?["chains"]?.array)
        let forward = try #require(chains.first { $0["chain"]?.string == "FORWARD" })
        #expect(forward["maker"] == nil)
        let jump = try #require(forward["rules"]?.array?.first)
        #expect(jump["maker"]?.string == "Calico")
        #expect(jump["purpose"]?.string == "its rules of filter at FORWARD")
        let own = try #require(chains.first { $0["chain"]?.string == "cali-FORWARD" })
        #expect(own["maker"]?.string == "Calico")
        #expect(own["rules"]?.array?.first?["purpose"]?.string == "clears its own marks")
    }
}
