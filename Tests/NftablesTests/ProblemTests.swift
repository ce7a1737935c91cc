import RuleModel
import SourceText
import Testing

@testable import Nftables

/// What can't be read is told with its place, kept where it stands, and costs nothing else.
@Suite struct ProblemTests {
    /// A rule with `⟦…⟧` around what is told, the code, and how many statements are read before it.
    static let rules: [(rule: String, code: String, before: Int)] = [
        ("ip saddr ⟦300.1.1.1⟧ drop", "bad-value", 0),
        ("tcp dport 80 ip saddr ⟦fe80::1⟧ drop", "bad-value", 1),
        ("tcp dport ⟦70000⟧", "bad-number", 0),
        ("tcp dport ⟦90-80⟧", "bad-range", 0),
        ("ip saddr ⟦10.0.0.0/33⟧", "bad-prefix", 0),
        ("tcp dport ⟦nosuchservice⟧ accept", "bad-value", 0),
        ("tcp flags ⟦sin⟧", "bad-value", 0),
        ("meta l4proto ⟦tpc⟧", "bad-value", 0),
        ("tcp dport ⟦80, 443⟧ accept", "bad-value", 0),
        ("ip saddr . tcp dport { ⟦10.0.0.1⟧ }", "bad-value", 0),
        ("tcp ⟦dprt⟧ 80", "unexpected-word", 0),
        ("⟦frobnicate⟧", "unknown-expression", 0),
        ("meta ⟦nosuch⟧ 5", "unexpected-word", 0),
        ("ct ⟦stat⟧ new", "unexpected-word", 0),
        ("accept ⟦5⟧", "unknown-expression", 1),
        ("ip saddr ⟦$nosuch⟧ drop", "unknown-variable", 0),
        ("limit rate ⟦fast⟧", "unexpected-word", 0),
        ("limit rate 5/⟦fortnight⟧", "unexpected-word", 0),
        ("counter reject with ⟦nothing⟧", "unexpected-word", 1),
        ("log level ⟦loud⟧", "unexpected-word", 0),
        ("fib ⟦nothing⟧ oif", "unexpected-word", 0),
        ("numgen ⟦sometimes⟧ mod 2", "unexpected-word", 0),
        ("tcp dport vmap { 80 : ⟦5⟧ }", "missing-value", 0),
        ("meta mark set ⟦-⟧5", "unexpected-word", 0),
        ("iifname ⟦\"a-name-of-seventeen\"⟧", "bad-value", 0),
        ("meta skuid ⟦\"someone\"⟧", "bad-value", 0),
        ("drop comment ⟦\"without an end⟧", "unterminated-quote", 1),
        ("queue to ⟦100000⟧", "bad-number", 0),
        ("@th,16,⟦5000⟧ 1", "bad-number", 0),
        ("xt ⟦nothing⟧", "unexpected-word", 0),
    ]

    @Test(arguments: rules.indices)
    func aRuleThatCannotBeReadIsToldAndKept(_ index: Int) throws {
        let row = ProblemTests.rules[index]
        let plain = row.rule.filter { $0 != "⟦" && $0 != "⟧" }
        let lead = "table inet t {\n\tchain c {\n\t\tdrop\n\t\t"
        let read = Read(lead + plain + "\n\t\taccept\n\t}\n}\n")
        let problem = try #require(read.reading.diagnostics.first)
        #expect(problem.code == row.code)
        #expect(problem.severity == .error)
        let start = row.rule.prefix { $0 != "⟦" }.utf8.count
        let marked = row.rule.drop { $0 != "⟦" }.dropFirst().prefix { $0 != "⟧" }
        #expect(problem.place.line == 4)
        #expect(Int(problem.place.start) == lead.utf8.count + start, "\(problem.message)")
        if row.code != "unterminated-quote" {
            #expect(read.file.text(problem.place) == String(marked), "\(problem.message)")
            // The rules around it are there.
            #expect(read.rules.count == 3)
            #expect(read.rules.last?.statements == [.target(.accept)])
        }
        let rule = try #require(read.rules.count > 1 ? read.rules[1] : nil)
        guard rule.statements.count > row.before,
            case .target(.native(.unknown(let text))) = rule.statements[row.before]
        else {
            Issue.record("it is not kept")
            return
        }
        // A verdict behind it is the rule's all the same.
        let verdict: [Statement] =
            plain.hasSuffix(" accept") ? [.target(.accept)] : plain.hasSuffix(" drop") ? [.target(.drop)] : []
        #expect(Array(rule.statements[(row.before + 1)...]) == verdict)
        let ending = verdict.isEmpty ? "" : plain.hasSuffix(" drop") ? " drop" : " accept"
        #expect(plain.hasSuffix(read.names.text(text) + ending) || row.code == "unterminated-quote")
    }

    /// What only statements begin with goes on behind what can't be read; a field's name may be of a packet inside.
    @Test func statementsBehindWhatCanNotBeReadAreRead() {
        let read = Read(
            "table inet t {\n\tchain c {\n\t\tgre ip saddr 1.2.3.4 tcp dport 22 counter meta mark set 5 jump { drop }\n\t}\n}\n"
        )
        let kinds = read.rules.first?.statements.map { statement -> String in
            switch statement {
            case .target(.native(.unknown(let text))): read.names.text(text)
            case .target(.native(.counter)): "counter"
            case .target(.native(.assign)): "set"
            case .target(.jump): "jump"
            default: "other"
            }
        }
        #expect(kinds == ["gre ip saddr 1.2.3.4 tcp dport 22", "counter", "set", "jump"])
    }

    /// Blocks within blocks that never end are read once each, and no deeper than others.
    @Test(arguments: ["jump { ) ", "jump { ", "jump { ( goto { "]) func hostileBlocksEnd(_ piece: String) {
        for count in [40, 20_000] {
            let read = Read("table ip t {\n chain c {\n" + String(repeating: piece, count: count))
            #expect(!read.reading.diagnostics.isEmpty)
        }
    }

    /// The name of a chain without one is nobody's.
    @Test func aNamelessChainIsNoOther() throws {
        let read = Read(
            "table ip t {\n chain __chain1 { drop; }\n chain __chain2 { drop; }\n chain c { jump { accept }\n jump { return }\n }\n}\n"
        )
        let chains = try #require(read.reading.tables.first?.chains)
        #expect(chains.map { $0.rules.count } == [1, 1, 2, 1, 1])
    }

    /// Values that are called like statements begin none.
    @Test func aValueBeginsNoStatement() {
        let read = Read("table ip t {\n chain c {\n  ip option frobnicate 3 icmp type redirect drop\n }\n}\n")
        #expect(read.rules.first?.statements.count == 2)
        #expect(read.rules.first?.statements.last == .target(.drop))
    }

    /// As nft lists a chain that one rule alone leads to.
    @Test func aChainWithoutANameIsTheRulesOwn() throws {
        let read = Read(
            "table inet t {\n\tchain c {\n\t\ttcp dport 80 jump {\n\t\t\tip saddr 10.0.0.5 accept\n\t\t}\n\t\tgoto { return; }\n\t\tdrop\n\t}\n}\n"
        )
        #expect(read.reading.diagnostics.isEmpty)
        let chains = try #require(read.reading.tables.first?.chains)
        #expect(chains.map { $0.rules.count } == [3, 1, 1])
        #expect(
            chains[0].rules.map { $0.statements.last } == [
                .target(.jump(chains[1].name)), .target(.goto(chains[2].name)), .target(.drop),
            ])
        #expect(chains[1].rules[0].statements.last == .target(.accept))
    }

    @Test func aProblemIsShownWithItsLine() {
        let read = Read("table inet t {\n chain c {\n  tcp dport ssj accept\n }\n}\n")
        #expect(
            read.rendered == [
                """
                test.nft:3:13: error: 'ssj' is not a value of type inet_service [bad-value]
                      tcp dport ssj accept
                                ^
                """
            ])
    }

    static let texts: [(text: String, code: String, line: UInt32)] = [
        ("table inet t {\n\tchain c {\n\t\taccept\n", "unexpected-end", 4),
        (
            "table inet t {\n\tset s {\n\t\telements = { 1.2.3.4 }\n\t}\n\tchain c {\n\t\tdrop\n\t}\n}\n",
            "unknown-type", 2
        ),
        ("table inet t {\n\tset s {\n\t\ttype nosuch\n\t}\n\tchain c {\n\t\tdrop\n\t}\n}\n", "unexpected-word", 3),
        ("table inet t {\n\tmap m {\n\t\ttype ipv4_addr\n\t}\n\tchain c {\n\t\tdrop\n\t}\n}\n", "unknown-type", 2),
        (
            "table inet t {\n\tset s {\n\t\ttype ipv4_addr\n\t\telements = { 1.2.3.4,\n\t\t\tx, 5.6.7.8 }\n\t}\n}\n",
            "bad-value", 5
        ),
        ("table inet t {\n\tchain c {\n\t\ttype filter hook nosuch priority 0;\n\t}\n}\n", "unexpected-word", 3),
        ("table inet t {\n\tchain c {\n\t\ttype filter hook input priority nosuch;\n\t}\n}\n", "bad-value", 3),
        ("table inet t {\n\tnosuch thing {\n\t}\n\tchain c {\n\t\tdrop\n\t}\n}\n", "unexpected-word", 2),
        ("table inet t {\n\tflowtable f {\n\t\tnosuch\n\t}\n}\n", "unexpected-word", 3),
        ("frobnicate\n", "unexpected-end", 1),
        ("add element ip t s { 1.2.3.4 }\n", "unknown-set", 1),
        ("include \"nosuch.nft\"\n", "missing-include", 1),
        ("list ruleset\n", "no-rules", 1),
    ]

    @Test(arguments: texts.indices)
    func whatTablesCannotHoldIsTold(_ index: Int) throws {
        let row = ProblemTests.texts[index]
        let read = Read(row.text)
        #expect(read.reading.diagnostics.map(\.code) == [row.code], "\(read.rendered)")
        #expect(read.reading.diagnostics.first?.place.line == row.line)
        // What stands behind it is read.
        if row.text.contains("\t\tdrop\n") { #expect(read.rules.count == 1) }
    }

    @Test func anElementThatCannotBeReadCostsNoOther() throws {
        let read = Read(
            "table inet t {\n\tset s {\n\t\ttype ipv4_addr\n\t\telements = { 1.2.3.4, x, 5.6.7.8 }\n\t}\n}\n")
        let set = try #require(read.reading.tables.first?.sets.first)
        #expect(set.elements.count == 2)
        #expect(set.isTerse)
    }

    @Test func filesThatIncludeEachOtherEnd() {
        let text = Array("include \"a.nft\"\n".utf8)
        let read = Read(
            "include \"a.nft\"\n", includes: [IncludableFile(path: "a.nft", file: FileID(1), bytes: text)])
        #expect(read.reading.diagnostics.map(\.code) == ["include-loop"])
    }

    @Test func deepTextsEnd() {
        for opening in ["(", "{ ", "ct mark & ("] {
            let text = "table inet t {\nchain c {\nmeta mark " + String(repeating: opening, count: 100_000)
            let read = Read(text)
            #expect(read.reading.diagnostics.isEmpty == false)
        }
    }

    /// Cuts and changes real texts: whatever comes of it, reading ends, places lie in the text, and what was read can
    /// be written.
    @Test(arguments: Fixture.all("real-") + Fixture.all("forms-").filter { $0.name.hasSuffix(".nft") })
    func brokenTextsAreReadToTheirEnd(_ fixture: Fixture) throws {
        let bytes = try fixture.bytes()
        var state: UInt64 = 0x9e37_79b9_7f4a_7c15
        func random(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: state >> 33) % max(1, limit)
        }
        let pieces: [[UInt8]] = ["{", "}", "\n", "\"", ";", ",", ":", "@", "$", "*", "0x", "-", "/", ".", "("]
            .map { Array($0.utf8) }
        for _ in 0..<60 {
            var text = bytes
            // A window, so that much of a text is met by few tries.
            let start = random(text.count)
            text = Array(text[start..<min(text.count, start + 3000)])
            for _ in 0..<1 + random(4) where !text.isEmpty {
                let place = random(text.count)
                switch random(4) {
                case 0: text[place] = UInt8(truncatingIfNeeded: random(256))
                case 1: text.insert(contentsOf: pieces[random(pieces.count)], at: place)
                case 2: text.removeSubrange(place..<min(text.count, place + random(20)))
                default: text.removeSubrange(place...)
                }
            }
            let whole = Array("table inet t {\nchain c {\n".utf8) + text
            var read = Read(whole)
            for diagnostic in read.reading.diagnostics {
                #expect(Int(diagnostic.place.end) <= whole.count)
                #expect(diagnostic.place.start <= diagnostic.place.end)
            }
            let (_, again) = readAgain(read.reading.tables, names: &read.names)
            #expect(again.tables.count <= read.reading.tables.count)
            for table in read.reading.tables {
                for chain in table.chains {
                    for rule in chain.rules {
                        let ranges = locateNativeStatements(whole, place: rule.place, family: table.family)
                        #expect(ranges.count <= rule.statements.count)
                    }
                }
            }
        }
    }
}
