import Questions
import Snapshot
import SourceText
import Testing

@Suite("Lint: what is silenced") struct SilenceTests {
    private static let twice = [
        "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT", "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
    ]

    @Test(
        "a comment allows the checks that it names",
        arguments: [
            ("hookline:allow=duplicate-rule", true),
            ("for now; hookline:allow=no-established,duplicate-rule; see #7", true),
            ("hookline:allow=unused-rule", false), ("allow=duplicate-rule", false), ("hookline:allow=", false),
        ])
    func comment(_ text: String, _ isSilenced: Bool) throws {
        let rules = saved(
            "filter", Self.twice[0],
            "-A INPUT -p tcp -m tcp --dport 22 -m comment --comment \"\(text)\" -j ACCEPT")
        #expect(try LintBench([rules], checks: ["duplicate-rule"]).results.isEmpty == isSilenced)
    }

    @Test func commentsOfChainsAndSetsOfNftAllowToo() throws {
        let text = """
            table ip t {
            \tset s {
            \t\ttype ipv4_addr
            \t\tcomment "hookline:allow=unused-set"
            \t}
            \tchain u {
            \t\tcomment "hookline:allow=unused-chain"
            \t\taccept
            \t}
            }

            """
        #expect(try LintBench([text]).results.isEmpty)
    }

    @Test(
        "a line of a file names a check, and where",
        arguments: [
            ("duplicate-rule", true), ("# nothing\n\n duplicate-rule file-0:7  # known", true),
            ("duplicate-rule filter/INPUT", true), ("duplicate-rule INPUT", true), ("duplicate-rule FORWARD", false),
            ("duplicate-rule file-0:99", false), ("contradicting-rule", false),
        ])
    func file(_ text: String, _ isSilenced: Bool) throws {
        let bench = try LintBench([saved("filter", Self.twice[0], Self.twice[1])], checks: ["duplicate-rule"])
        let silences = try Silences(Array(text.utf8))
        let (kept, used) = silences.applied(to: bench.results, files: bench.node.files)
        #expect(kept.isEmpty == isSilenced)
        #expect(used.isEmpty != isSilenced)
    }

    @Test(
        "what a file has wrong is told with its place",
        arguments: [
            ("duplicate-rule\n  no-such a", 2, 3), ("duplicate-rule a b", 1, 18),
        ])
    func badFile(_ text: String, _ line: Int, _ column: Int) {
        do {
            _ = try Silences(Array(text.utf8))
            Issue.record("accepted")
        } catch {
            #expect(error.line == line)
            #expect(error.column == column)
        }
    }

    @Test func theLinesConcernedAreQuoted() throws {
        let bench = try LintBench([saved("filter", Self.twice[0], "-A INPUT -p udp -j ACCEPT", Self.twice[1])])
        let found = try #require(bench.results.first)
        #expect(bench.quotes(found) == [Self.twice[1], Self.twice[0]])
        #expect(found.finding.citations.map(\.place.line) == [8, 6])
        #expect(found.finding.subjects == ["filter/INPUT"])
    }

    @Test func theGravestIsToldFirst() throws {
        let bench = try LintBench([saved("filter", Self.twice[0], Self.twice[1], "-A INPUT -o eth0 -j DROP")])
        #expect(bench.results.map(\.check) == ["refused-interface", "duplicate-rule"])
    }
}
