import Foundation
import RuleModel
import SourceText
import Testing

@testable import IptablesText

/// Dumps of real machines: `Fixtures/README.md` says where they come from.
@Suite struct RealDumpTests {
    static let dumps = Fixture.all("real-")

    /// Lines that iptables 1.8.9 writes in another way than the program that saved them; or that someone made
    /// unreadable before showing them.
    static let differences: [(file: String, saved: String, written: String)] = [
        // Saved by 1.6.0.
        (
            "real-openstack-neutron-ovs-iptables.txt", "-m mac --mac-source FA:16:3E:99:44:9E",
            "-m mac --mac-source fa:16:3e:99:44:9e"
        ),
        (
            "real-openstack-neutron-ovs-iptables.txt", "-m mac --mac-source FA:16:3E:80:E1:45",
            "-m mac --mac-source fa:16:3e:80:e1:45"
        ),
        // Written by hand into a dump of 1.8.3.
        (
            "real-kubeproxy1.16-docker-oldcalico-iptables.txt", "-A cali-old-chain -j REJECT",
            "-A cali-old-chain -j REJECT --reject-with icmp-port-unreachable"
        ),
    ]

    /// What is told about a dump; nothing about the others.
    static let findings: [String: [String]] = [
        // Words taken out, such as `-m comment "REDACTED_COMMENT"` and `-d IP4_1/32`.
        "real-docker28-libvirt-ufw-iptables-c.txt": [
            "missing-option", "missing-option", "bad-address", "bad-address",
        ],
        // The listing's first lines are missing.
        "real-tailscale-docker28-ufw-iptables-S-partial.txt": [String](repeating: "undeclared-chain", count: 16),
    ]

    @Test("a real dump is read, and its rules come back byte for byte", arguments: dumps)
    func comesBack(_ fixture: Fixture) throws {
        var names = NameTable()
        let file = SourceFile(path: fixture.name, bytes: try fixture.bytes())
        let reading = try fixture.read(&names)
        #expect(reading.diagnostics.map(\.code) == RealDumpTests.findings[fixture.name] ?? [])
        var count = 0
        for table in reading.tables {
            for chain in table.chains {
                for rule in chain.rules {
                    let text = ruleText(rule, in: table, chain: chain, names: names)
                    #expect(text == RealDumpTests.expected(file.text(rule.place), fixture))
                    count += 1
                }
            }
        }
        let lines = String(decoding: file.bytes, as: UTF8.self).split(separator: "\n")
        #expect(count == lines.filter { $0.hasPrefix("-A") || $0.hasPrefix("[") }.count)
    }

    /// The whole file: tables, chains with policies and counters, rules in their order.
    @Test("a real dump is written back as a whole", arguments: dumps)
    func wholeFile(_ fixture: Fixture) throws {
        var names = NameTable()
        let reading = try fixture.read(&names)
        let saved = String(decoding: try fixture.bytes(), as: UTF8.self)
        guard reading.origins.allSatisfy({ !$0.isListing }) else { return }
        let hasCounters = saved.contains("\n[")
        let settings = IptablesSaveSettings(hasCounters: hasCounters, hasHeaders: false)
        let written = writeIptablesSave(reading.tables, names: names, settings: settings)
        let expected = saved.split(separator: "\n").filter { !$0.hasPrefix("#") }.map {
            RealDumpTests.expected(String($0), fixture)
        }
        let lines = String(decoding: written, as: UTF8.self).split(separator: "\n").map(String.init)
        if fixture.name.contains("oldcalico") {
            // The rule added by hand does not stand where iptables-save would have put it.
            #expect(lines.sorted() == expected.sorted())
        } else {
            #expect(lines == expected)
        }
    }

    private static func expected(_ line: String, _ fixture: Fixture) -> String {
        for difference in differences where difference.file == fixture.name {
            if let range = line.range(of: difference.saved) {
                return line.replacingCharacters(in: range, with: difference.written)
            }
        }
        return line
    }

    /// The statement of each part of a rule lies where its words are.
    @Test("the parts of each rule of a real dump are found again in its line", arguments: dumps)
    func located(_ fixture: Fixture) throws {
        var names = NameTable()
        let file = SourceFile(path: fixture.name, bytes: try fixture.bytes())
        let reading = try fixture.read(&names)
        for table in reading.tables {
            for rule in table.chains.flatMap(\.rules) {
                let ranges = locateStatements(file.bytes.span, place: rule.place, family: table.family)
                #expect(ranges.count == rule.statements.count)
                for (range, statement) in zip(ranges, rule.statements) {
                    let place = Place(file: FileID(0), line: 1, start: range.lowerBound, end: range.upperBound)
                    let text = RealDumpTests.expected(file.text(place), fixture)
                    let written = statementText(statement, in: table, names: names)
                    // Of `-j REJECT` the difference names the chain too.
                    #expect(text == written || written.hasPrefix("-j REJECT"))
                }
            }
        }
    }
}
