import RuleModel
import SourceText
import Testing

@testable import IptablesText

/// A rule as a person or an older program writes it, and as iptables-save 1.8.9 writes it then.
struct TypedRule: Sendable, CustomTestStringConvertible {
    var typed: SavedRule
    var saved: String

    var testDescription: String { typed.testDescription }

    /// Pairs of lines `< typed` and `> saved` under a `*table`.
    static func all(_ fixture: Fixture) throws -> [TypedRule] {
        var result: [TypedRule] = []
        var table = ""
        var typed = ""
        for line in String(decoding: try fixture.bytes(), as: UTF8.self).split(separator: "\n") {
            switch line.first {
            case "*": table = String(line.dropFirst())
            case "<": typed = "-A FORWARD " + line.dropFirst(2)
            default:
                let rule = SavedRule(typed, table: table, family: fixture.hints.family ?? .ip)
                result.append(TypedRule(typed: rule, saved: "-A FORWARD " + line.dropFirst(2)))
            }
        }
        return result
    }
}

@Suite struct TypedTests {
    @Test("a rule typed by hand is written as iptables-save 1.8.9 writes it", arguments: Fixture.all("typed-"))
    func isWrittenAsSaved(_ fixture: Fixture) throws {
        let rules = try TypedRule.all(fixture)
        #expect(rules.count > 20)
        for rule in rules {
            let single = SingleRule(rule.typed)
            #expect(single.problems.map(\.message) == [], "\(rule.typed.line)")
            #expect(single.text == rule.saved)
        }
    }
}
