import RuleModel
import SourceText
import Testing

@testable import IptablesText

/// Dumps that end too early.
@Suite struct CutOffTests {
    static let whole = """
        *filter
        :INPUT DROP [0:0]
        :foo - [0:0]
        -A INPUT -s 10.0.0.0/24 -p tcp -m tcp --dport 8080 -j foo
        -A INPUT -j ACCEPT
        COMMIT

        """

    @Test func aMissingCommitIsToldAndKept() {
        let dump = DumpText(String(CutOffTests.whole.dropLast("COMMIT\n".count)))
        #expect(dump.codes == ["cut-off"])
        #expect(dump.reading.diagnostics.first?.place.line == 1)
        #expect(dump.tables.map(\.isCutOff) == [true])
        #expect(dump.rules().count == 2)
        #expect(!dump.reading.statements.contains { $0.isUnknown })
    }

    @Test func theNextTableEndsOneWithoutCommit() {
        let dump = DumpText("*filter\n:INPUT DROP [0:0]\n*nat\n:INPUT ACCEPT [0:0]\nCOMMIT\n")
        #expect(dump.tables.map(\.isCutOff) == [true, false])
    }

    @Test func aCutDumpIsWrittenWithoutCommit() {
        let cut = String(CutOffTests.whole.dropLast("COMMIT\n".count))
        #expect(DumpText(cut).written == cut)
    }

    static let lines: [(cut: String, unknown: String)] = [
        // The last word may go on; and what follows it is not there.
        ("-A INPUT -s 10.0.0.0/2", "-s 10.0.0.0/2"),
        ("-A INPUT -s 10.0.0.0/24 -p tcp -m tcp --dport 80", "-m tcp --dport 80"),
        ("-A INPUT -s 10.0.0.0/24 -p tcp -m tc", "-m tc"),
        ("-A INPUT -s 10.0.0.0/24 -j ACCE", "-j ACCE"),
        ("-A INPUT -i eth0 -m comment --comment \"a b", "-m comment --comment \"a b"),
    ]

    @Test("of a rule that the end cuts, the last part is not believed", arguments: lines)
    func cutRule(_ example: (cut: String, unknown: String)) throws {
        let dump = DumpText("*filter\n:INPUT DROP [0:0]\n\(example.cut)")
        #expect(dump.codes.contains("cut-line"))
        #expect(dump.tables.first?.isCutOff == true)
        let rule = try #require(dump.chain("INPUT")?.rules.first)
        let target = try #require(rule.target)
        #expect(Statement.target(target).isUnknown)
        #expect(dump.rules().first == example.cut)
        #expect(dump.rules().first?.hasSuffix(example.unknown) == true)
        for statement in rule.statements {
            if case .match(.sourceV4(let address)) = statement { #expect(address.mask == 0xffff_ff00) }
            if case .match(.tcp) = statement { Issue.record("a port that may go on was believed") }
        }
    }

    @Test func aListingMayEndWithoutANewline() {
        let dump = DumpText("-P INPUT DROP\n-A INPUT -i lo -j ACCEPT")
        #expect(dump.codes.isEmpty)
        #expect(!dump.reading.statements.contains { $0.isUnknown })
    }

    @Test func everyPrefixOfADumpIsReadAndKeepsItsWholeRules() {
        let bytes = Array(CutOffTests.whole.utf8)
        for length in 0...bytes.count {
            let dump = DumpText(bytes: Array(bytes.prefix(length)))
            let rules = dump.tables.flatMap(\.chains).flatMap(\.rules)
            let newlines = bytes.prefix(length).filter { $0 == UInt8(ascii: "\n") }.count
            #expect(rules.count >= min(2, max(0, newlines - 3)))
            #expect(dump.tables.allSatisfy { $0.isCutOff } || length >= bytes.count - 1)
        }
    }
}
