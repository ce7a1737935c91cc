import RuleModel
import SourceText
import Testing

@testable import IptablesText

@Suite struct LocateTests {
    /// Rules, and the text of each statement in the order of the statements: as the kernel tests them.
    static let rules: [(line: String, parts: [String])] = [
        ("-A FORWARD -j DROP", ["-j DROP"]),
        ("-A FORWARD", []),
        (
            "-A FORWARD -s 10.0.0.0/8 ! -i eth0 -p tcp -m tcp --dport 80 -g foo",
            ["-s 10.0.0.0/8", "! -i eth0", "-p tcp", "-m tcp --dport 80", "-g foo"]
        ),
        ("-A FORWARD -j ACCEPT -p udp -s 1.2.3.4", ["-s 1.2.3.4", "-p udp", "-j ACCEPT"]),
        (
            "-A FORWARD -m comment --comment \"a b\"  -m mark !  --mark 1 -j LOG --log-prefix \"x \"",
            ["-m comment --comment \"a b\"", "-m mark !  --mark 1", "-j LOG --log-prefix \"x \""]
        ),
        ("-A FORWARD -p tcp --dport=80 -j DROP", ["-p tcp", "--dport=80", "-j DROP"]),
        ("-A FORWARD -s ! 1.2.3.4 -j DROP", ["-s ! 1.2.3.4", "-j DROP"]),
        // The option lies apart from its `-m`.
        (
            "-A FORWARD -p tcp -m tcp -m comment --comment x --dport 80 -j DROP",
            ["-p tcp", "-m tcp", "-m comment --comment x", "-j DROP"]
        ),
        ("-A FORWARD -m geoip ! --source-country CN -j DROP", ["-m geoip ! --source-country CN", "-j DROP"]),
        ("-A FORWARD -m mark --mark 1 --colour red -j DROP", ["-m mark --mark 1 --colour red", "-j DROP"]),
        ("-I FORWARD 1 -s 1.2.3.4 -j DROP", ["-s 1.2.3.4", "-j DROP"]),
        ("-A FORWARD -s 1.2.3.4,5.6.7.8 -j DROP", ["-s 1.2.3.4,5.6.7.8", "-j DROP"]),
    ]

    @Test("each statement is found in the rule's line", arguments: rules)
    func finds(_ example: (line: String, parts: [String])) throws {
        let text = "*filter\n:FORWARD ACCEPT [0:0]\n:foo - [0:0]\n[1:2] \(example.line)\nCOMMIT\n"
        let dump = DumpText(text)
        let rule = try #require(dump.chain("FORWARD")?.rules.first)
        let ranges = locateStatements(dump.file.bytes.span, place: rule.place, family: .ip)
        let parts = ranges.map { String(decoding: dump.file.bytes[$0], as: UTF8.self) }
        #expect(parts == example.parts)
        #expect(parts.count == rule.statements.count)
    }

    @Test func aPlaceOutsideTheFileHasNoStatements() {
        let bytes = Array("-A FORWARD -j DROP".utf8)
        let place = Place(file: FileID(0), line: 1, start: 10_000, end: 20_000)
        #expect(locateStatements(bytes.span, place: place, family: .ip).isEmpty)
        #expect(locateStatements(bytes.span, place: .none, family: .ip).isEmpty)
    }
}
