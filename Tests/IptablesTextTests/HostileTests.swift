import RuleModel
import SourceText
import Testing

@testable import IptablesText

/// Input that nobody meant well. Each must be read in bounded time and memory, told, and not crash.
@Suite struct HostileTests {
    static let frame = (before: "*filter\n:INPUT ACCEPT [0:0]\n:foo - [0:0]\n", after: "\nCOMMIT\n")

    static let lines: [(name: String, line: String)] = [
        ("10,000 words", "-A INPUT " + String(repeating: "x ", count: 10_000)),
        ("10,000 options", "-A INPUT " + String(repeating: "--dport 80 ", count: 10_000)),
        ("10,000 options with =", "-A INPUT -p tcp " + String(repeating: "--dport=80 ", count: 10_000)),
        ("10,000 options of a match", "-A INPUT -p tcp -m tcp " + String(repeating: "--dport 80 ", count: 10_000)),
        ("10,000 matches", "-A INPUT " + String(repeating: "-m comment --comment x ", count: 10_000)),
        ("10,000 unknown matches", "-A INPUT " + String(repeating: "-m x --y ", count: 10_000)),
        (
            "10,000 matches, each with the option of the first",
            "-A INPUT -p tcp -m tcp "
                + String(repeating: "-m comment --comment x --sport 1 ", count: 10_000)
        ),
        ("10,000 addresses", "-A INPUT " + String(repeating: "-s 1.2.3.4 ", count: 10_000)),
        ("10,000 targets", "-A INPUT " + String(repeating: "-j foo ", count: 10_000)),
        ("10,000 negations", "-A INPUT " + String(repeating: "! ", count: 10_000)),
        ("10,000 negated options", "-A INPUT " + String(repeating: "! -m ", count: 10_000)),
        ("a long list of addresses", "-A INPUT -s " + String(repeating: "1.2.3.4,", count: 12_500)),
        ("a long list of states", "-A INPUT -m conntrack --ctstate " + String(repeating: "NEW,", count: 25_000)),
        ("a long list of flags", "-A INPUT -p tcp --tcp-flags " + String(repeating: "SYN,", count: 25_000) + "ACK ACK"),
        ("a long list of ports", "-A INPUT -p tcp -m multiport --dports " + String(repeating: "1,", count: 50_000)),
        ("a long program", "-A INPUT -m bpf --bytecode \"" + String(repeating: "1,", count: 50_000)),
        ("100,000 letters", "-A INPUT -m comment --comment " + String(repeating: "a", count: 100_000)),
        ("100,000 backslashes", "-A INPUT -m comment --comment \"" + String(repeating: "\\", count: 100_000)),
        ("100,000 quotes", "-A INPUT " + String(repeating: "\"", count: 100_000)),
        ("100,000 apostrophes", "-A INPUT " + String(repeating: "' ", count: 50_000)),
        ("100,000 commas", "-A INPUT -s " + String(repeating: ",", count: 100_000)),
        ("100,000 digits", "-A INPUT -m mark --mark 0x" + String(repeating: "1", count: 100_000)),
        ("100,000 colons", "-A INPUT -m length --length " + String(repeating: ":", count: 100_000)),
        ("NULs", "-A INPUT \0 -s \0 -m \0\0 --comment\0 x"),
        ("nothing behind -A", "-A"), ("nothing behind -A INPUT", "-A INPUT"), ("an empty chain", "-A \"\" -j DROP"),
        ("an empty jump", "-A INPUT -j \"\""), ("an empty match", "-A INPUT -m \"\" --x"),
        ("an empty interface", "-A INPUT -i \"\""), ("an empty address", "-A INPUT -s \"\" -j DROP"),
        ("an empty list", "-A INPUT -m conntrack --ctstate \"\" -j DROP"), ("a lone quote", "-A INPUT \""),
        ("a lone dash", "-A INPUT - -j DROP"), ("two dashes", "-A INPUT -- -j DROP"), ("a lone bang", "-A INPUT !"),
        ("a bang at the end of an option", "-A INPUT -p tcp --dport !"), ("a bracket", "[ -A INPUT -j DROP"),
        ("huge counters", "[99999999999999999999999:1] -A INPUT -j DROP"), ("a colon", ":"), ("a star", "*"),
        ("a negative place", "-I INPUT -1 -j DROP"), ("place 0", "-I INPUT 0 -j DROP"),
        ("a huge place", "-I INPUT 9223372036854775807 -j DROP"),
        ("a hidden newline", "-A INPUT -m comment --comment \"a\u{2028}b\" -j DROP"),
        ("the wrong encoding", "-A INPUT -m comment --comment \u{fffd}\u{80} -j DROP"),
    ]

    @Test("a hostile line is read, and its text kept", arguments: lines)
    func hostileLine(_ example: (name: String, line: String)) {
        let dump = DumpText(HostileTests.frame.before + example.line + HostileTests.frame.after)
        #expect(dump.tables.count >= 1)
        let written = dump.written
        let again = DumpText(written)
        // What was written is read as the same rules.
        #expect(again.written == written)
    }

    @Test func wordsOfAHostileRuleAreNotLost() {
        let line = "-A INPUT " + (0..<2_000).map { "-m m\($0) --o\($0) \($0)" }.joined(separator: " ")
        let dump = DumpText(HostileTests.frame.before + line + HostileTests.frame.after)
        #expect(dump.rules() == [line])
        #expect(dump.codes.count == 2_000)
    }

    @Test func problemsAreCountedBeyondALimit() {
        let text = HostileTests.frame.before + String(repeating: "rubbish\n", count: 20_000) + "COMMIT\n"
        let dump = DumpText(text)
        #expect(dump.codes.count == DumpReader.problemLimit + 1)
        #expect(dump.codes.last == "too-many-problems")
        #expect(dump.reading.diagnostics.last?.message.contains("10000") == true)
    }

    @Test func everyByteAloneIsRead() {
        for byte in UInt8.min...UInt8.max {
            _ = DumpText(bytes: [byte])
            _ = DumpText(bytes: [byte, byte, UInt8(ascii: "\n"), byte])
            _ = DumpText(bytes: Array(HostileTests.frame.before.utf8) + Array("-A INPUT -s ".utf8) + [byte])
        }
    }

    @Test func manyTablesAndChainsAreRead() {
        var text = ""
        for table in 0..<300 { text += "*t\(table)\n:INPUT ACCEPT [0:0]\nCOMMIT\n" }
        text += "*filter\n"
        for chain in 0..<20_000 { text += ":c\(chain) - [0:0]\n" }
        for chain in 0..<20_000 { text += "-A c\(chain) -j c\(chain / 2)\n" }
        let dump = DumpText(text + "COMMIT\n")
        #expect(dump.tables.count == 301)
        #expect(dump.tables.last?.chains.count == 20_000)
        #expect(dump.rules(in: 300).count == 20_000)
    }

    @Test func manyInsertsAreRead() {
        let text = HostileTests.frame.before + String(repeating: "-I INPUT -j DROP\n-I INPUT 2 -j foo\n", count: 5_000)
        let dump = DumpText(text + "COMMIT\n")
        #expect(dump.chain("INPUT")?.rules.count == 10_000)
    }

    /// Changes bytes of the fixtures at random, always the same way, and reads what comes out.
    @Test("changed bytes never stop the reader", arguments: Fixture.all("saved-"))
    func mutations(_ fixture: Fixture) throws {
        let original = try fixture.bytes()
        var random = SplitMix(state: UInt64(original.count))
        for _ in 0..<30 {
            var bytes = original
            for _ in 0..<Int(random.next() % 40 + 1) { random.change(&bytes) }
            let dump = DumpText(bytes: bytes, hints: fixture.hints)
            for table in dump.tables {
                for chain in table.chains {
                    for rule in chain.rules.prefix(5) {
                        #expect(Int(rule.place.end) <= bytes.count)
                        #expect(rule.place.start < rule.place.end)
                        let ranges = locateStatements(bytes.span, place: rule.place, family: table.family)
                        #expect(ranges.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= Int(rule.place.end) })
                    }
                }
            }
            for diagnostic in dump.reading.diagnostics {
                #expect(diagnostic.place.start <= diagnostic.place.end && Int(diagnostic.place.end) <= bytes.count)
            }
        }
    }
}

/// Random numbers that are the same in every run.
struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    mutating func below(_ limit: Int) -> Int { limit < 1 ? 0 : Int(next() % UInt64(limit)) }

    /// Sets, flips, removes, doubles or moves some bytes.
    mutating func change(_ bytes: inout [UInt8]) {
        guard bytes.count > 1 else { return }
        let place = below(bytes.count)
        let end = min(bytes.count, place + below(12) + 1)
        switch below(7) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: next())
        case 1: bytes[place] ^= 1 << UInt8(below(8))
        case 2: bytes.removeSubrange(place..<end)
        case 3: bytes.insert(contentsOf: bytes[place..<end], at: below(bytes.count))
        case 4: bytes.insert(Array("\" !\\-:,/\n\0".utf8)[below(10)], at: place)
        case 5: if below(20) == 0 { bytes.removeSubrange(place...) }
        default: bytes.swapAt(place, below(bytes.count))
        }
    }
}
