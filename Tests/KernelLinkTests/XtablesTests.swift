import IptablesText
import KernelLink
import Nftables
import RuleModel
import SourceText
import Testing

/// Matches and targets of x_tables in the kernel's messages.
@Suite struct XtablesTests {
    @Test(
        "what the kernel sent of iptables-nft's tables is what iptables-save wrote",
        arguments: ["iptables-v4", "iptables-v6"])
    func recordingMeansTheText(_ name: String) throws {
        let text = try Fixtures.bytes("\(name).txt")
        let found = compareIptables(text, try Fixtures.recording("\(name).netlink"))
        #expect(found.differences.isEmpty, "\(found.differences.joined(separator: "\n"))")
        #expect(found.ruleCount > 360)
    }

    /// A structure, and what iptables-save calls it.
    struct Structure: Sendable, CustomTestStringConvertible {
        var isV6: Bool
        var isMatch: Bool
        var name: String
        var revision: UInt32
        var data: [UInt8]
        var text: String

        var testDescription: String { "\(name) \(revision) \(text)" }

        init?(_ line: Substring) {
            let words = line.split(separator: " ", maxSplits: 5)
            guard words.count == 6, let revision = UInt32(words[3]) else { return nil }
            let digits = words[4].compactMap(\.hexDigitValue)
            isV6 = words[0] == "ip6"
            isMatch = words[1] == "match"
            name = String(words[2])
            self.revision = revision
            data = stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
            text = String(words[5])
        }

        static func all() -> [Structure] {
            let text = (try? Fixtures.bytes("xtables-structs.txt")) ?? []
            return String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { Structure($0) }
        }
    }

    @Test func knowsTheStructuresOfTheFixture() { #expect(Structure.all().count == 55) }

    @Test("a structure of an older revision, or of an extension that is rare, is read", arguments: Structure.all())
    func readsAStructure(_ one: Structure) {
        let kind = one.isMatch ? "match" : "target"
        var dump = table(isV6: one.isV6)
        dump.ipsets = [3: Array("known".utf8)]
        dump.rules = [
            rule([(kind, extended(one.name, revision: one.revision, one.data)), counter], isV6: one.isV6)
        ]
        let found = shown(dump)
        #expect(found.text == "-A INPUT \(one.text)")
        #expect(found.codes.isEmpty)
    }

    @Test("a structure that is eight bytes short or long stays unknown", arguments: Structure.all())
    func keepsAStructureOfAnotherLength(_ one: Structure) {
        for data in [Array(one.data.dropLast(8)), one.data + [UInt8](repeating: 0, count: 8)]
        where data.count != one.data.count && !one.data.isEmpty {
            var dump = table(isV6: one.isV6)
            let kind = one.isMatch ? "match" : "target"
            dump.rules = [
                rule([(kind, extended(one.name, revision: one.revision, data)), counter], isV6: one.isV6)
            ]
            #expect(shown(dump).codes == ["unknown-expression"], "\(data.count) bytes")
        }
    }

    /// A message as the kernel sends it.
    private func message(isV6: Bool = false, _ fill: (inout NetlinkRequest) -> Void) -> [UInt8] {
        var request = NetlinkRequest(subsystem: 10, message: 0, family: isV6 ? 10 : 2)
        fill(&request)
        return Array(request.bytes.dropFirst(16))
    }

    /// The table `filter` with a chain INPUT.
    private func table(priority: Int32 = 0, chain: String = "INPUT", isV6: Bool = false) -> KernelDump {
        var dump = KernelDump()
        dump.tables = [message(isV6: isV6) { $0.put(1, text: "filter") }]
        dump.chains = [
            message(isV6: isV6) {
                $0.put(1, text: "filter")
                $0.put(3, text: chain)
                $0.nest(4) {
                    $0.put(1, bigEndian: UInt32(1))
                    $0.put(2, bigEndian: priority)
                }
                $0.put(5, bigEndian: UInt32(1))
                $0.put(7, text: "filter")
            }
        ]
        return dump
    }

    /// A rule of these expressions.
    private func rule(
        _ expressions: [(name: String, fill: (inout NetlinkRequest) -> Void)], isV6: Bool = false
    ) -> [UInt8] {
        message(isV6: isV6) {
            $0.put(1, text: "filter")
            $0.put(2, text: "INPUT")
            $0.nest(4) { list in
                for expression in expressions {
                    list.nest(1) {
                        $0.put(1, text: expression.name)
                        $0.nest(2, expression.fill)
                    }
                }
            }
        }
    }

    private func extended(_ name: String, revision: UInt32, _ data: [UInt8]) -> (inout NetlinkRequest) -> Void {
        {
            $0.put(1, text: name)
            $0.put(2, bigEndian: revision)
            $0.put(3, data)
        }
    }

    private let counter: (String, (inout NetlinkRequest) -> Void) = (
        "counter",
        {
            $0.put(1, bigEndian: UInt64(60))
            $0.put(2, bigEndian: UInt64(1))
        }
    )

    /// What hookline shows of the first rule, read again as it shows it.
    private func shown(_ dump: KernelDump) -> (text: String, statements: [Statement], codes: [String]) {
        var names = NameTable()
        let lifted = liftNftables(dump, names: &names)
        let text = writeIptablesSave(lifted.tables, names: names)
        let again = readIptablesSave(text.span, file: FileID(0), names: &names)
        let statements = lifted.tables[0].chains[0].rules[0].statements
        #expect(again.tables.first?.chains[0].rules[0].statements == statements)
        let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("-A") }
        return (String(line ?? ""), statements, lifted.diagnostics.map(\.code))
    }

    /// `struct xt_mark_mtinfo1` of `--mark 0x1/0xff`
    private let mark: [UInt8] = [1, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]

    @Test func readsAMatch() {
        var dump = table()
        dump.rules = [rule([("match", extended("mark", revision: 1, mark)), counter])]
        let found = shown(dump)
        #expect(found.text == "-A INPUT -m mark --mark 0x1/0xff")
        #expect(found.codes.isEmpty)
    }

    @Test(
        "a match of another length or revision than is known stays unknown", arguments: [0, 4, 8, 12, 15, 17, 24, 400])
    func keepsWhatDoesNotFit(_ count: Int) {
        var dump = table()
        let data = Array(mark.prefix(count)) + [UInt8](repeating: 0, count: max(0, count - mark.count))
        dump.rules = [rule([("match", extended("mark", revision: 1, data)), counter])]
        let found = shown(dump)
        #expect(found.text == "-A INPUT -m mark --xtables-revision 1")
        guard case .match(.unknown)? = found.statements.first else {
            Issue.record("\(found.statements)")
            return
        }
        #expect(found.codes == ["unknown-expression"])
    }

    @Test func keepsARevisionThatIsNotKnown() {
        var dump = table()
        dump.rules = [
            rule([("match", extended("mark", revision: 9, mark)), counter]),
            rule([counter, ("target", extended("DNAT", revision: 7, mark))]),
        ]
        let found = shown(dump)
        #expect(found.text == "-A INPUT -m mark --xtables-revision 9")
        #expect(found.codes == ["unknown-expression", "unknown-expression"])
    }

    @Test func keepsATargetThatIsNotKnown() {
        var dump = table()
        dump.rules = [rule([counter, ("target", extended("MASQUERADE", revision: 7, []))])]
        let found = shown(dump)
        #expect(found.text == "-A INPUT -j MASQUERADE --xtables-revision 7")
        guard case .target(.unknown)? = found.statements.last else {
            Issue.record("\(found.statements)")
            return
        }
    }

    @Test func keepsASetWhoseNameIsNotTold() {
        var dump = table()
        // struct xt_set_info_match_v1: number 3, one dimension, src.
        let set: [UInt8] = [3, 0, 1, 2, 0, 0, 0, 0]
        dump.rules = [rule([("match", extended("set", revision: 1, set)), counter])]
        #expect(shown(dump).text == "-A INPUT -m set --xtables-revision 1")
        dump.ipsets = [3: Array("known".utf8)]
        #expect(shown(dump).text == "-A INPUT -m set --match-set known src")
    }

    @Test func keepsAnExpressionOfNftInsideATableOfIptables() {
        var dump = table()
        dump.rules = [
            rule([
                ("match", extended("mark", revision: 1, mark)),
                ("numgen", { $0.put(1, bigEndian: UInt32(1)) }), counter,
            ])
        ]
        let found = shown(dump)
        #expect(found.text == "-A INPUT -m mark --mark 0x1/0xff -j nft --expression numgen")
        #expect(found.codes == ["unknown-expression"])
    }

    @Test func showsACommentOfTwoLinesOnOne() {
        var dump = table()
        let comment = Array("x\n-A INPUT -j ACCEPT".utf8)
        let data = comment + [UInt8](repeating: 0, count: 256 - comment.count)
        dump.rules = [rule([("match", extended("comment", revision: 0, data)), counter])]
        var names = NameTable()
        let text = writeIptablesSave(liftNftables(dump, names: &names).tables, names: names)
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("-A") }
        #expect(lines == [#"-A INPUT -m comment --comment "x?-A INPUT -j ACCEPT""#])
    }

    @Test(
        "data with changed bytes is read, shown and read again without harm", arguments: ["iptables-v4", "iptables-v6"])
    func anyDataMayCome(_ name: String) throws {
        let recording = try Fixtures.recording("\(name).netlink")
        var state: UInt64 = 7
        func next(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: state >> 33) % max(1, limit)
        }
        for _ in 0..<12 {
            var dump = recording
            dump.rules = recording.rules.map { message in
                var message = message
                for _ in 0..<3 {
                    // Behind the names of table and chain.
                    let offset = message.count / 4 + next(message.count * 3 / 4)
                    message[offset] = next(2) == 0 ? UInt8(next(256)) : message[offset] ^ 1 << UInt8(next(8))
                }
                return message
            }
            var names = NameTable()
            let lifted = liftNftables(dump, names: &names).tables.filter { $0.iptables != nil }
            #expect(!lifted.isEmpty)
            for table in lifted {
                let text = writeIptablesSave([table], names: names)
                let again = readIptablesSave(text.span, file: FileID(0), names: &names).tables
                #expect(again.first?.chains.map(\.rules.count) == table.chains.map(\.rules.count))
            }
        }
    }

    /// Expressions that this kernel lacks: `queue num 1-4 bypass`, `reject with icmpx admin-prohibited`.
    @Test(
        arguments: [
            (["queue": [1: [0, 1], 2: [0, 4], 3: [0, 1]]], "-j NFQUEUE --queue-balance 1:4 --queue-bypass"),
            (["queue": [1: [0, 3], 2: [0, 1]]], "-j NFQUEUE --queue-num 3"),
            (["reject": [1: [0, 0, 0, 2], 2: [3]]], "-j REJECT --reject-with icmp-admin-prohibited"),
            (["reject": [1: [0, 0, 0, 2], 2: [9]]], "-j nft --expression reject"),
        ] as [([String: [Int: [UInt8]]], String)])
    func readsAnswersAndQueuesOfNft(_ expression: [String: [Int: [UInt8]]], _ text: String) {
        var dump = table()
        for (name, attributes) in expression {
            let made: (String, (inout NetlinkRequest) -> Void) = (
                name, { for (type, value) in attributes.sorted(by: { $0.key < $1.key }) { $0.put(type, value) } }
            )
            dump.rules = [rule([("match", extended("mark", revision: 1, mark)), counter, made])]
        }
        #expect(shown(dump).text == "-A INPUT -m mark --mark 0x1/0xff \(text)")
    }

    @Test func leavesTablesOfNftAlone() {
        let names = NameTable()
        func isIptables(_ dump: KernelDump) -> Bool {
            var names = names
            return liftNftables(dump, names: &names).tables[0].iptables != nil
        }
        let verdict: (String, (inout NetlinkRequest) -> Void) = (
            "immediate",
            {
                $0.put(1, bigEndian: UInt32(0))
                $0.nest(2) { $0.nest(2) { $0.put(1, bigEndian: UInt32(1)) } }
            }
        )
        var dump = table()
        dump.rules = [rule([counter, verdict])]
        #expect(isIptables(dump))
        // iptables gives each rule a counter.
        dump.rules = [rule([verdict])]
        #expect(!isIptables(dump))
        dump.rules = [rule([("match", extended("mark", revision: 1, mark)), verdict])]
        #expect(isIptables(dump))
        #expect(!isIptables(table(priority: 10)))
        #expect(!isIptables(table(chain: "input")))
        dump.rules = [rule([counter, verdict])]
        dump.sets = [
            message {
                $0.put(1, text: "filter")
                $0.put(2, text: "s")
                $0.put(5, bigEndian: UInt32(4))
            }
        ]
        #expect(!isIptables(dump))
        dump.rules.append(rule([("match", extended("mark", revision: 1, mark)), counter]))
        #expect(isIptables(dump))
    }
}
