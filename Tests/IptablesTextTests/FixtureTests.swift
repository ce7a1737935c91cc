import Foundation
import RuleModel
import SourceText
import Testing

@testable import IptablesText

/// A file of `Fixtures`, with what its name tells.
struct Fixture: Sendable, CustomTestStringConvertible {
    var name: String

    var testDescription: String { name }

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")

    /// Every file whose name begins with `prefix`, by name.
    static func all(_ prefix: String) -> [Fixture] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path(percentEncoded: false))) ?? []
        return names.filter { $0.hasPrefix(prefix) && $0.hasSuffix(".txt") }.sorted().map { Fixture(name: $0) }
    }

    func bytes() throws -> [UInt8] { [UInt8](try Data(contentsOf: Fixture.folder.appending(path: name))) }

    var hints: IptablesHints {
        IptablesHints(
            family: name.contains("-v6-") || name.contains("ip6tables") ? .ip6 : .ip,
            backend: name.contains("-legacy") ? .legacy : .nfTables)
    }

    func read(_ names: inout NameTable) throws -> IptablesReading {
        let bytes = try bytes()
        return readIptablesSave(bytes.span, file: FileID(0), names: &names, hints: hints)
    }
}

@Suite struct FixtureTests {
    /// Rules of all modules, each saved by iptables-save 1.8.9.
    static let saved = Fixture.all("saved-")

    @Test("rules that iptables-save 1.8.9 wrote come back byte for byte", arguments: saved)
    func comesBack(_ fixture: Fixture) throws {
        var names = NameTable()
        let bytes = try fixture.bytes()
        let reading = try fixture.read(&names)
        let file = SourceFile(path: fixture.name, bytes: bytes)
        var differences: [String] = reading.diagnostics.map { $0.rendered(in: file) }
        for table in reading.tables {
            for chain in table.chains {
                for rule in chain.rules {
                    let saved = file.text(rule.place)
                    let written = ruleText(rule, in: table, chain: chain, names: names)
                    if written != saved { differences.append("- \(saved)\n+ \(written)") }
                }
            }
        }
        #expect(differences == [])
    }

    @Test func everyMatchHasASavedRule() throws {
        var seen: Set<MatchKind> = []
        for fixture in FixtureTests.saved {
            var names = NameTable()
            for case .match(let match) in try fixture.read(&names).statements { seen.insert(MatchKind(match)) }
        }
        // No iptables has an extension for udplite, though the kernel has the match.
        #expect(MatchKind.allCases.filter { !seen.contains($0) } == [.udplite, .native, .unknown])
    }

    @Test func everyTargetHasASavedRule() throws {
        var seen: Set<TargetKind> = []
        for fixture in FixtureTests.saved {
            var names = NameTable()
            for case .target(let target) in try fixture.read(&names).statements { seen.insert(TargetKind(target)) }
        }
        #expect(TargetKind.allCases.filter { !seen.contains($0) } == [.native, .unknown])
    }
}

extension IptablesReading {
    /// All statements of all rules, in order.
    var statements: [Statement] {
        var result: [Statement] = []
        for table in tables {
            for chain in table.chains {
                for rule in chain.rules { result += rule.statements }
            }
        }
        return result
    }
}
