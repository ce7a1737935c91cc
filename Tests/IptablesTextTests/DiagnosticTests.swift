import RuleModel
import SourceText
import Testing

@testable import IptablesText

@Suite struct DiagnosticTests {
    /// A line in which ⟦…⟧ encloses what the finding must point at.
    struct Marked: Sendable, CustomTestStringConvertible {
        var line: String
        var code: String
        /// The rule as it is written back: nothing of it is lost.
        var text: String?
        var testDescription: String { line }

        init(_ line: String, _ code: String, text: String? = nil) {
            self.line = line
            self.code = code
            self.text = text
        }
    }

    static let rules: [Marked] = [
        Marked("-A FORWARD -s ⟦300.1.1.1⟧ -j DROP", "bad-address", text: "-A FORWARD -s 300.1.1.1 -j DROP"),
        Marked("-A FORWARD -s ⟦10.0.0.0/33⟧ -j DROP", "bad-address"),
        Marked("-A FORWARD -s ⟦x.x.x.x/24⟧ -j DROP", "bad-address"),
        Marked("-A FORWARD -d ⟦fe80::1⟧ -j DROP", "bad-address"),
        Marked("-A FORWARD -s ⟦1.2.3.4,5.6.256⟧ -j DROP", "bad-address"),
        Marked("-A FORWARD -p ⟦tcpp⟧ -j DROP", "bad-name"),
        Marked("-A FORWARD -p tcp -m tcp --dport ⟦80x⟧ -j DROP", "bad-port"),
        Marked("-A FORWARD -p tcp -m tcp --dport ⟦65536⟧ -j DROP", "bad-port"),
        Marked("-A FORWARD -p tcp -m tcp --dport ⟦90:80⟧ -j DROP", "bad-port"),
        Marked("-A FORWARD -p tcp -m tcp --dport ⟦\"8 0\"⟧ -j DROP", "bad-port"),
        Marked("-A FORWARD -p tcp -m tcp --dport ⟦-j⟧ DROP", "bad-port"),
        Marked("-A FORWARD -m mark --mark ⟦0x1g⟧ -j DROP", "bad-number"),
        Marked("-A FORWARD -m mark --mark ⟦0x100000000⟧ -j DROP", "bad-number"),
        Marked("-A FORWARD -m mark ⟦--mark⟧", "missing-value"),
        Marked("-A FORWARD -m ⟦mark⟧ -j DROP", "missing-option", text: "-A FORWARD -m mark -j DROP"),
        Marked("-A FORWARD -m limit ! ⟦--limit⟧ 5/sec -j DROP", "cannot-negate"),
        Marked("-A FORWARD ! ⟦-j⟧ DROP", "cannot-negate"),
        Marked("-A FORWARD -m limit --limit ⟦5/week⟧ -j DROP", "bad-value"),
        Marked("-A FORWARD -m limit --limit ⟦0/sec⟧ -j DROP", "bad-value"),
        Marked("-A FORWARD -m conntrack --ctstate ⟦NEW,OLD⟧ -j DROP", "bad-value"),
        Marked("-A FORWARD -m conntrack --ctstate ⟦NEW,⟧ -j DROP", "bad-value"),
        Marked("-A FORWARD -m mark --mark 1 ⟦--mark⟧ 2 -j DROP", "repeated-option"),
        Marked("-A FORWARD -p tcp ⟦-p⟧ udp -j DROP", "repeated-option"),
        Marked(
            "-A FORWARD -j DROP -s 1.2.3.4/32 ⟦-j⟧ ACCEPT", "repeated-option",
            text: "-A FORWARD -s 1.2.3.4/32 -j DROP -j ACCEPT"),
        Marked(
            "-A FORWARD -m mark --mark 0x1 ⟦--colour⟧ red -j DROP", "unknown-option",
            text: "-A FORWARD -m mark --mark 0x1 --colour red -j DROP"),
        Marked(
            "-A FORWARD -m mark --mark 0x1 ! ⟦--colour⟧ red -m comment --comment x -j DROP", "unknown-option",
            text: "-A FORWARD -m mark --mark 0x1 ! --colour red -m comment --comment x -j DROP"),
        Marked("-A FORWARD -p icmp ⟦--colour⟧ red -j DROP", "unknown-option"),
        Marked("-A FORWARD ⟦--dport⟧ 80 -j DROP", "unknown-option", text: "-A FORWARD --dport 80 -j DROP"),
        Marked(
            "-A FORWARD -m ⟦geoip⟧ ! --source-country CN,RU -s 1.2.3.4/32 -j DROP", "unknown-match",
            text: "-A FORWARD -s 1.2.3.4/32 -m geoip ! --source-country CN,RU -j DROP"),
        Marked(
            "-A FORWARD -j ⟦FANCY⟧ --set 1 --other 2", "unknown-target", text: "-A FORWARD -j FANCY --set 1 --other 2"),
        Marked("-A FORWARD -p tcp ⟦http⟧ -j DROP", "unexpected-word", text: "-A FORWARD -p tcp http -j DROP"),
        Marked("-A FORWARD -j DROP ⟦!⟧", "unexpected-word"),
        Marked("-A FORWARD -m comment --comment ⟦\"never ends -j DROP⟧", "unterminated-quote"),
    ]

    @Test("a finding points at the offending word, and the rest of the rule is read", arguments: rules)
    func pointsAtTheWord(_ marked: Marked) throws {
        let plain = marked.line.filter { $0 != "⟦" && $0 != "⟧" }
        let parts = marked.line.split(omittingEmptySubsequences: false, whereSeparator: { $0 == "⟦" || $0 == "⟧" })
        let single = SingleRule(SavedRule(plain))
        #expect(single.problems.count == 1)
        let problem = try #require(single.problems.first)
        #expect(problem.code == marked.code)
        let rule = try #require(single.rule)
        #expect(problem.place.line == rule.place.line)
        #expect(Int(problem.place.start) == Int(rule.place.start) + parts[0].utf8.count)
        #expect(Int(problem.place.end - problem.place.start) == parts[1].utf8.count)
        #expect(rule.statements.contains { $0.isUnknown })
        if let text = marked.text { #expect(single.text == text) }
        // Every word stays: in a typed value, or in the unknown text.
        for word in ["FORWARD", "-j"] where plain.contains(word) { #expect(single.text.contains(word)) }
    }

    @Test func unknownPartsHaveTheModulesName() {
        let single = SingleRule(SavedRule("-A FORWARD -m geoip --source-country CN -j FANCY --set 1"))
        guard case .match(.unknown(let module, _))? = single.rule?.statements.first else {
            Issue.record("no unknown match")
            return
        }
        #expect(single.names.text(module) == "geoip")
        guard case .target(.unknown(let name, let text))? = single.rule?.statements.last else {
            Issue.record("no unknown target")
            return
        }
        #expect(single.names.text(name) == "FANCY")
        #expect(single.names.text(text) == "-j FANCY --set 1")
    }

    @Test func ofManyTargetsNoneIsLost() {
        let single = SingleRule(SavedRule("-A FORWARD -j DROP -j ACCEPT -p tcp -g foo"))
        #expect(single.problems.map(\.code) == ["repeated-option", "repeated-option"])
        #expect(single.text == "-A FORWARD -p tcp -j DROP -j ACCEPT -g foo")
        #expect(single.rule?.target.map { Statement.target($0).isUnknown } == true)
    }

    @Test func aJumpToNowhereIsNoFindingOfTheReader() {
        let single = SingleRule(SavedRule("-A FORWARD -j NOWHERE"))
        #expect(single.problems.isEmpty)
        guard case .jump? = single.rule?.target else {
            Issue.record("no jump")
            return
        }
    }

    @Test func aChainNamedLikeATargetIsJumpedTo() {
        var names = NameTable()
        let text = "*filter\n:INPUT ACCEPT [0:0]\n:LOG - [0:0]\n-A INPUT -j LOG\n-A INPUT -j MARK\nCOMMIT\n"
        let bytes = Array(text.utf8)
        let reading = readIptablesSave(bytes.span, file: FileID(0), names: &names)
        #expect(reading.tables[0].chains[0].rules[0].target == .jump(names.intern("LOG")))
        #expect(reading.tables[0].chains[0].rules[1].target != .jump(names.intern("MARK")))
    }

    @Test func longWordsAreCutInMessages() {
        let word = String(repeating: "x", count: 100_000)
        let single = SingleRule(SavedRule("-A FORWARD -s \(word) -j DROP"))
        #expect(single.problems.count == 1)
        #expect(single.problems.allSatisfy { $0.message.utf8.count < 200 })
        #expect(single.text == "-A FORWARD -s \(word) -j DROP")
    }
}
