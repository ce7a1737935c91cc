import Annotations
import ChainGraph
import Foundation
import RuleModel
import Testing

@Suite struct CalicoIntegrityTests {
    /// All hashes of all rule sets come out again, but for what was really done to two of them: Calico's own test dumps,
    /// from which rules with sets were taken out, and in which a set was renamed without Felix.
    @Test(arguments: CalicoFixtures.all)
    func everyHashIsMadeAgain(_ path: String) throws {
        let annotated = try Annotated(fixture: path)
        let integrity = try #require(annotated.rules.calicoIntegrity())
        let hashes = try CalicoFixtures.text(path).components(separatedBy: "\"cali:").count - 1
        #expect(integrity.hashedCount == hashes)
        #expect(integrity.uncheckedCount == 0)
        #expect(!integrity.isRedacted)
        let told = integrity.findings.map {
            "\(annotated.linked.path(of: $0.rule.chain)) \($0.rule.index + 1) \($0.text)"
        }
        switch path {
        case CalicoFixtures.noPods:
            #expect(integrity.verifiedCount == hashes)
            #expect(
                told == [
                    "filter/cali-INPUT 1 follows a gap: Felix wrote `-m comment --comment \"Allow IPv4 VXLAN packets from"
                        + " allowed hosts\" -p 17 -m multiport --destination-ports 4789 -m set --match-set"
                        + " cali40all-vxlan-net src -m addrtype --dst-type LOCAL --jump ACCEPT` before it",
                    "filter/cali-OUTPUT 3 follows a gap: Felix wrote `-m comment --comment \"Allow IPv4 VXLAN packets to"
                        + " other allowed hosts\" -p 17 -m multiport --destination-ports 4789 -m addrtype --src-type"
                        + " LOCAL -m set --match-set cali40all-vxlan-net dst --jump ACCEPT` before it",
                ])
        case CalicoFixtures.native:
            #expect(integrity.verifiedCount == hashes - 1)
            #expect(
                told == [
                    "calico/nat-cali-nat-outgoing 1 was changed by hand: Felix wrote `ip saddr @cali40masq-ipam-pools ip"
                        + " daddr != @cali40all-ipam-pools counter masquerade fully-random`"
                ])
        default:
            #expect(integrity.verifiedCount == hashes)
            #expect(told == [])
        }
    }

    @Test(arguments: [
        ("v3.25", "v3.23 to v3.27"), ("v3.28.0", "v3.28 to v3.28.1"), ("v3.29", "v3.29"), ("v3.30", "v3.30"),
        ("v3.30-flowlogs", "v3.30"), ("v3.31", "v3.31"), ("v3.31-ipvs", "v3.31"), ("v3.32", "v3.32"),
        ("head-v3.33", "v3.33 or later"), ("head-v3.33-flowlogs", "v3.33 or later"),
    ])
    func theVersionIsTold(_ version: String, _ range: String) throws {
        let annotated = try Annotated(fixture: CalicoFixtures.version(version))
        let found = try #require(annotated.rules.calicoIntegrity()).version
        #expect(found.text == range)
        #expect(!found.isContradictory)
    }

    @Test func signsOfTwoVersionsContradict() throws {
        let text = try CalicoFixtures.text(CalicoFixtures.version("v3.31")).replacingOccurrences(
            of: "End of tier default. Drop if no", with: "Drop if no")
        let version = try #require(try Annotated(text).rules.calicoIntegrity()).version
        #expect(version.isContradictory)
        #expect(version.signs.contains { $0.text == "'Drop if no policies passed packet'" })
    }

    // MARK: What was done to a rule set

    /// The node's rules with `old` replaced, and what is found, without Felix's texts.
    private func findings(
        _ path: String = CalicoFixtures.node, _ edit: (inout [String]) throws -> Void
    ) throws -> (told: [String], integrity: CalicoIntegrity) {
        var lines = try CalicoFixtures.text(path).split(separator: "\n").map(String.init)
        try edit(&lines)
        let annotated = try Annotated(lines.joined(separator: "\n") + "\n")
        let integrity = try #require(annotated.rules.calicoIntegrity())
        return (
            integrity.findings.map { "\(annotated.linked.path(of: $0.rule.chain)) \($0.rule.index + 1) \(kind($0))" },
            integrity
        )
    }

    private func kind(_ finding: CalicoIntegrity.Finding) -> String {
        switch finding.kind {
        case .edited(let original): "edited: \(original)"
        case .missing(let original): "missing: \(original)"
        case .editedOrMissing: "edited or missing"
        case .notSpelled: "not spelled"
        case .foreign: "foreign"
        case .misplaced: "misplaced"
        case .copied: "copied"
        case .unreached(let hook): "unreached from \(hook)"
        }
    }

    private func place(_ lines: [String], _ part: String) throws -> Int {
        try #require(lines.firstIndex { $0.contains(part) }, "\(part)")
    }

    @Test func aRuleChangedByHandIsFound() throws {
        let found = try findings { lines in
            let place = try place(lines, "-A cali-wl-to-host -m comment --comment \"cali:nSZ")
            lines[place] = lines[place].replacingOccurrences(of: "-j ACCEPT", with: "-j DROP")
        }
        #expect(
            found.told == [
                "filter/cali-wl-to-host 2 edited: -m comment --comment \"Configured DefaultEndpointToHostAction\" --jump"
                    + " ACCEPT"
            ])
        #expect(found.integrity.uncheckedCount == 0)
        #expect(found.integrity.verifiedCount == found.integrity.hashedCount - 1)
    }

    @Test func aChangeWhoseOriginalNobodyKnowsIsFoundToo() throws {
        let found = try findings { lines in
            let place = try place(lines, "Policy security.block-smtp egress")
            lines[place] = lines[place].replacingOccurrences(of: "--dports 25", with: "--dports 26")
        }
        #expect(found.told == ["filter/cali-po-_GS_GXIgK01XC2Q-j_hG 1 edited or missing"])
        // The two below it can't be judged without the first one's hash.
        #expect(found.integrity.uncheckedCount == 3)
    }

    @Test func aRuleThatIsGoneIsNamed() throws {
        let found = try findings { lines in
            lines.remove(
                at: try place(lines, "-A cali-fw-cali44444444444 -m comment --comment \"cali:4_q3Geo3WhavynCM\""))
            lines.remove(
                at: try place(lines, "-A cali-tw-cali33333333333 -m comment --comment \"cali:ai0RsDws-50LGB26\""))
        }
        #expect(
            found.told == [
                "filter/cali-fw-cali44444444444 6 missing: --jump cali-pro-kns.noprof",
                "filter/cali-tw-cali33333333333 5 missing: -m mark --mark 0/0x20000 --jump cali-pi-_a8Tnfi9CcN2Hw2ASudn",
            ])
        #expect(found.integrity.verifiedCount == found.integrity.hashedCount)
    }

    @Test func aForeignRuleIsFound() throws {
        let found = try findings { lines in
            let place = try place(lines, "-A cali-FORWARD -i cali+")
            lines.insert("-A cali-FORWARD -s 203.0.113.9/32 -j ACCEPT", at: place)
        }
        #expect(found.told == ["filter/cali-FORWARD 3 foreign"])
    }

    @Test func aForeignRuleWithAHashIsFound() throws {
        let found = try findings { lines in
            let place = try place(lines, "-A cali-FORWARD -i cali+")
            lines.insert("-A cali-FORWARD -m comment --comment \"cali:AAAAAAAAAAAAAAAA\" -j ACCEPT", at: place)
        }
        #expect(found.told == ["filter/cali-FORWARD 3 foreign"])
    }

    @Test func rulesInAnotherOrderAreFound() throws {
        let found = try findings { lines in
            let place = try place(lines, "-A cali-FORWARD -i cali+")
            lines.swapAt(place, place + 1)
        }
        #expect(found.told == ["filter/cali-FORWARD 3 misplaced"])
        #expect(found.integrity.verifiedCount == found.integrity.hashedCount)
    }

    @Test func aCopyIsFound() throws {
        let found = try findings { lines in
            let place = try place(lines, "-A cali-FORWARD -i cali+")
            lines.insert(lines[place], at: place + 1)
        }
        #expect(found.told == ["filter/cali-FORWARD 4 copied"])
    }

    @Test func aHookThatNoLongerLeadsToCalicoIsFound() throws {
        let found = try findings { lines in
            lines.remove(at: try place(lines, "-j cali-FORWARD"))
        }
        #expect(found.told == ["filter/cali-FORWARD 1 unreached from FORWARD"])
    }

    @Test func replacedNamesAreNoEdits() throws {
        let found = try findings { lines in
            lines = lines.map {
                $0.replacingOccurrences(of: "cali11111111111", with: "caliaaaaaaaaaaa").replacingOccurrences(
                    of: "cali12222222222", with: "calibbbbbbbbbbb"
                ).replacingOccurrences(of: "cali33333333333", with: "caliccccccccccc").replacingOccurrences(
                    of: "cali44444444444", with: "calidddddddddddd".dropLast()
                ).replacingOccurrences(of: "kns.default", with: "kns.n1").replacingOccurrences(
                    of: "ksa.default.default", with: "ksa.n1.s1"
                ).replacingOccurrences(of: "eth0", with: "if1")
            }
        }
        #expect(found.integrity.isRedacted)
        #expect(found.told == [])
        #expect(found.integrity.uncheckedCount > 0)
    }

    /// Without the part that Felix can't have written the hash fits: somebody has added it.
    @Test func aPartThatFelixNeverWritesWasAdded() throws {
        let found = try findings { lines in
            let place = try place(lines, "Policy security.block-smtp egress")
            lines[place] = lines[place].replacingOccurrences(of: " -j MARK", with: " -m ttl --ttl-eq 3 -j MARK")
        }
        #expect(
            found.told == [
                "filter/cali-po-_GS_GXIgK01XC2Q-j_hG 1 edited: -m comment --comment \"Policy security.block-smtp egress\""
                    + " -p tcp -m multiport --destination-ports 25 --jump MARK --set-mark 0x40000/0x40000"
            ])
        #expect(found.integrity.uncheckedCount == 0)
    }

    @Test func aPartThatCantBeSpelledIsNotJudged() throws {
        let found = try findings { lines in
            let place = try place(lines, "Policy security.block-smtp egress")
            lines[place] = lines[place].replacingOccurrences(
                of: "-m multiport --dports 25", with: "-m ttl --ttl-eq 3")
        }
        #expect(found.told == ["filter/cali-po-_GS_GXIgK01XC2Q-j_hG 1 not spelled"])
        #expect(found.integrity.uncheckedCount == 3)
    }

    @Test func nftablesModeIsCheckedToo() throws {
        let found = try findings("AnnotationsTests/Fixtures/felix-options-nft-ip.txt") { lines in
            let wanted = "drop comment \"cali:"
            let place = try #require(
                lines.firstIndex { $0.contains("End of tier security.") && $0.contains(wanted) })
            lines.remove(at: place)
            let jump = try self.place(
                lines, "oifname \"cali*\" counter packets 0 bytes 0 jump filter-cali-to-wl-dispatch")
            lines.insert("\t\tip saddr 203.0.113.9 accept", at: jump)
        }
        #expect(found.told.contains("calico/filter-cali-FORWARD 4 foreign"))
        #expect(
            found.told.contains { $0.hasSuffix("missing: meta mark & 0x20000 == 0 counter drop") })
        #expect(found.integrity.uncheckedCount == 0)
    }

    @Test func withoutHashesThereIsNothingToCheck() throws {
        let rules = try Annotated("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n")
        #expect(rules.rules.calicoIntegrity() == nil)
    }
}
