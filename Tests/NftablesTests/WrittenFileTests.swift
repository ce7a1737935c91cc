import RuleModel
import SourceText
import Testing

@testable import Nftables

/// Texts as they are written for `nft -f`: commands that change what was read before, files within blocks, and what nft 1.0.6
/// makes of constants. Observed with nft 1.0.6 on Linux 6.18 unless a source is named.
@Suite struct WrittenFileTests {
    private func chain(_ rules: String, table: String = "") -> String {
        "table inet t {\n\(table)\n\tchain c {\n\t\t\(rules)\n\t}\n}\n"
    }

    private func writtenAgain(_ rule: String) -> (text: String, codes: [String]) {
        var read = Read(chain(rule))
        let text = writeNftables(read.reading.tables, names: read.names)
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n").map { $0.drop { $0 == "\t" } }
        read.reading.tables = []
        return (lines.dropFirst(2).first.map(String.init) ?? "", read.reading.diagnostics.map(\.code))
    }

    @Test(arguments: [
        ("tcp dport 026", "tcp dport 22"), ("meta mark set 010", "meta mark set 0x00000008"),
        ("tcp dport { 010, 090 }", "tcp dport { 8, 90 }"), ("ip ttl \"010\"", "ip ttl 8"),
        ("ip saddr 10.0.0.0/024", "ip saddr 10.0.0.0/20"), ("limit rate 010/second", "limit rate 8/second"),
        ("ip saddr 010.0.0.1", "ip saddr 8.0.0.1"), ("@th,010,16 5", "@th,8,16 5"), ("tcp dport 0x10", "tcp dport 16"),
        ("ct expiration 010s", "ct expiration 10s"),
    ])
    func aZeroBeforeANumberMakesItOctal(rule: String, meant: String) {
        #expect(writtenAgain(rule).text.hasPrefix(meant), "\(writtenAgain(rule))")
    }

    @Test(arguments: ["meta mark set 08", "ip ttl 08", "limit rate 08/second", "ip saddr 10.0.0.0/08"])
    func anOctalNumberHasNoEight(rule: String) { #expect(!writtenAgain(rule).codes.isEmpty) }

    @Test(arguments: [
        ("table inet t {\n flags dormant\n}\ntable inet t {\n}\n", false),
        ("table inet t {\n flags dormant\n}\nadd table inet t\n", false),
        ("table inet t {\n flags dormant\n}\nadd table inet t { flags dormant; }\n", true),
        ("table inet t {\n flags dormant\n}\nadd rule inet t c accept\n", true),
    ])
    func whoNamesATableWithoutTheFlagWakesIt(text: String, isDormant: Bool) {
        #expect(Read(text).reading.tables.map(\.isDormant) == [isDormant])
    }

    @Test func elementsThatAreTakenOutAreGone() throws {
        let set = "table ip t { set s { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 }; }; }\n"
        let one = Read(set + "delete element ip t s { 10.0.0.2 }\n")
        let left = try #require(one.reading.tables.first?.sets.first)
        #expect(left.elements.count == 1 && !left.isTerse && one.reading.diagnostics.isEmpty)
        #expect(Array(left.elements.low(0)) == [10, 0, 0, 1])
        // Which it has is not known, where it has another than was read.
        let other = Read(set + "delete element ip t s { 10.0.0.3 }\n")
        #expect(other.reading.tables.first?.sets.first?.isTerse == true)
        #expect(other.reading.diagnostics.map(\.code) == ["not-followed"])
    }

    /// nft 1.0.6 leaves elements in a set with ranges that the same file declares.
    @Test func elementsThatAreTakenOutOfRangesAreInDoubt() throws {
        let read = Read(
            "table ip t { map m { type ipv4_addr : verdict; flags interval; elements = { 10.0.0.0/8 : drop, 192.0.2.0/24 : drop }; }; }\n"
                + "delete element ip t m { 10.0.0.0/8 }\n")
        let set = try #require(read.reading.tables.first?.sets.first)
        #expect(set.elements.count == 1 && set.isTerse)
        #expect(read.reading.diagnostics.map(\.code) == ["not-followed"])
    }

    @Test func elementsAreTakenOutByJSON() throws {
        var names = NameTable()
        let text = """
            {"nftables": [{"add": {"table": {"family": "ip", "name": "t"}}},
            {"add": {"set": {"family": "ip", "table": "t", "name": "s", "type": "inet_service", "elem": [22, 23]}}},
            {"delete": {"element": {"family": "ip", "table": "t", "name": "s", "elem": [22]}}}]}
            """
        let reading = readNftablesJSON(Array(text.utf8), file: FileID(0), names: &names)
        let set = try #require(reading.tables.first?.sets.first)
        #expect(set.elements.count == 1 && !set.isTerse && reading.diagnostics.isEmpty)
    }

    /// The kernel's numbers of rules are not known of a file that was not loaded.
    @Test(arguments: [
        ("delete rule inet t c handle 2", "unknown-handle"), ("replace rule inet t c handle 2 drop", "unknown-handle"),
        ("insert rule inet t c position 2 drop", "unknown-handle"),
        ("add rule inet t c handle 2 drop", "unknown-handle"),
        ("delete table inet handle 7", "unknown-handle"), ("delete chain inet t handle 7", "unknown-handle"),
        ("rename chain inet t c d", "not-followed"),
    ])
    func whatANumberOfTheKernelsMeansIsInDoubt(command: String, code: String) {
        let read = Read(chain("accept") + command + "\n")
        #expect(read.reading.tables.first?.isInDoubt == true)
        #expect(read.reading.diagnostics.map(\.code) == [code])
    }

    @Test func aRuleWithANumberIsFound() {
        let read = Read(
            "table ip t {\n\tchain c {\n\t\taccept # handle 2\n\t\tdrop # handle 3\n\t}\n}\ndelete rule ip t c handle 2\n"
                + "insert rule ip t c position 3 return\n")
        #expect(read.rules.map(\.statements) == [[.target(.return)], [.target(.drop)]])
        #expect(read.reading.tables.first?.isInDoubt == false && read.reading.diagnostics.isEmpty)
    }

    @Test func aFileIsReadWithinTheBlockThatIncludesIt() throws {
        func file(_ name: String, _ number: Int, _ text: String) -> IncludableFile {
            IncludableFile(path: name, file: FileID(number), bytes: Array(text.utf8))
        }
        let read = Read(
            "table inet t {\n\tinclude \"parts/sets\"\n\tchain c {\n\t\taccept\n\t\tinclude \"parts/rules\"\n\t\treturn\n\t}\n}\n",
            includes: [
                file("parts/sets", 1, "set s { type ipv4_addr; }\nchain d { drop; }\n"),
                file("parts/rules", 2, "define port = 22\ntcp dport $port drop\njump d"),
            ])
        #expect(read.reading.diagnostics.isEmpty, "\(read.rendered)")
        let table = try #require(read.reading.tables.first)
        #expect(table.sets.count == 1 && table.chains.map(\.rules.count) == [1, 4])
        #expect(table.chains.last?.rules.map(\.place.file.index) == [0, 2, 2, 0])
        #expect(!table.isPartial && read.reading.includedFiles == [FileID(1), FileID(2)])
    }

    /// Of a block that lacks a file rules may be missing.
    @Test(arguments: [
        "table inet t {\n\tchain c {\n\t\tinclude \"nosuch\"\n\t\tdrop\n\t}\n}\n",
        "table inet t {\n\tinclude \"nosuch\"\n\tchain c {\n\t\tdrop\n\t}\n}\n",
        "table inet t {\n\tchain c {\n\t\tinclude \"brace\"\n\t\tdrop\n\t}\n}\n",
        "table inet t {\n\tinclude \"open\"\n\tchain c {\n\t\tdrop\n\t}\n}\n",
    ])
    func aBlockWithoutItsFileIsIncomplete(text: String) {
        let read = Read(
            text,
            includes: [
                IncludableFile(path: "brace", file: FileID(1), bytes: Array("accept\n}\n".utf8)),
                IncludableFile(path: "open", file: FileID(2), bytes: Array("chain d {\n accept\n".utf8)),
            ])
        #expect(read.reading.tables.first?.isPartial == true)
        #expect(read.reading.diagnostics.count == 1)
        #expect(read.rules.contains { $0.statements == [.target(.drop)] })
    }

    /// Base chains are hung up as they are met, whatever tables they are of.
    @Test func theOrderOfBaseChainsOfSeveralTablesIsKept() {
        let hook = "{ type filter hook input priority 0; }"
        let read = Read("add table ip a\nadd table ip b\nadd chain ip b y \(hook)\nadd chain ip a x \(hook)\n")
        #expect(read.reading.tables.flatMap { $0.chains.map(\.registration) } == [1, 0])
        let listed = Read("table ip a {\n chain x \(hook)\n}\ntable ip b {\n chain y \(hook)\n}\n")
        #expect(listed.reading.tables.flatMap { $0.chains.map(\.registration) } == [nil, nil])
    }

    /// nft 1.0.6 prints such a block in JSON as text of its own.
    @Test func aBlockInJSONHasAllItsRules() throws {
        var names = NameTable()
        let text = """
            {"nftables": [{"table": {"family": "ip", "name": "t"}}, {"chain": {"family": "ip", "table": "t", "name": "c"}},
            {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": [{"counter": null},
            "jump {\\n\\t\\t\\tip saddr { 10.0.0.1,\\n10.0.0.2 } accept\\n\\t\\t\\tgoto {\\n\\t\\t\\tdrop\\n\\t\\t}\\n\\t\\t}"]}}]}
            """
        let reading = readNftablesJSON(Array(text.utf8), file: FileID(0), names: &names)
        #expect(reading.diagnostics.isEmpty, "\(reading.diagnostics.map(\.message))")
        #expect(reading.tables.first?.chains.map(\.rules.count) == [1, 2, 1])
    }

    // MARK: What nft 1.0.6 lists otherwise than it was written

    @Test(arguments: [
        ("ip saddr . ip dscp >> 2 { 198.51.100.7 . ef } accept", "ip saddr . ip dscp { 198.51.100.7 . ef } accept"),
        ("meta mark set ip saddr . ip dscp >> 2 map { 198.51.100.7 . ef : 5 }", "meta mark set ip saddr . ip dscp map"),
        ("meta mark set jhash ip dscp >> 2 . ip saddr mod 2 seed 5", "meta mark set jhash ip dscp . ip saddr mod 2"),
        // What is shifted has two of them.
        ("ip saddr . ip dscp >> 2 >> 2 vmap @m", "ip saddr . ip dscp >> 2 vmap @m"),
    ])
    func aFieldOfAKeyIsReadWithoutTheShiftThatIsListed(listed: String, meant: String) {
        let (text, codes) = writtenAgain(listed)
        #expect(text.hasPrefix(meant), "\(text)")
        #expect(codes == ["listed-shift"])
    }

    /// `ip version . tcp dport { 4 . 22 }` is listed as `ip version >> 4 . tcp dport { 0 . 1024 }`.
    @Test func constantsBesideAShiftedNumberAreNotKnown() throws {
        for (key, isTerse) in [("ip version >> 4 . tcp dport", true), ("ip dscp >> 2 . tcp dport", false)] {
            let read = Read(chain("\(key) { 0 . 1024 } accept"))
            let set = try #require(read.reading.tables.first?.sets.first)
            #expect(set.isTerse == isTerse && set.elements.count == (isTerse ? 0 : 1))
        }
    }

    /// nft 1.0.6 loads two bytes and takes the wrong one: seen with `nft --debug=netlink`, and packets on Linux 6.18.
    @Test(arguments: [
        ("ip6 dscp @s", true), ("ip6 dscp vmap @m", true), ("meta mark set ip6 dscp map @m", true),
        ("ip6 dscp . ip6 saddr @s", true), ("ip6 dscp & 0x38 == 0x28", true), ("ip6 dscp ef", false),
        ("frag frag-off @s", true), ("frag frag-off . ip6 hoplimit @s", true), ("frag frag-off 1", false),
        ("(@nh,0,16 & 0xfc0) >> 6 == 5", true), ("(@nh,8,8 & 0xfc) >> 2 == 5", false),
        ("ip6 dscp { ef, cs0 }", false), ("ip6 dscp vmap { ef : drop }", false), ("ip dscp @s", false),
    ])
    func theWrongBitsOfIP6DSCPAreNotTaken(rule: String, isOpen: Bool) throws {
        let read = Read(chain(rule))
        let statement = try #require(read.rules.first?.statements.first)
        var expressions: [Expression] = []
        switch statement {
        case .match(.native(let comparison)): expressions = comparison.expressions
        case .target(.native(let native)): expressions = native.expressions
        default: break
        }
        let isUnknown = expressions.contains { $0.contains { if case .unknown = $0 { true } else { false } } }
        #expect(isUnknown == isOpen)
    }

    /// `typeof ip ttl` is a type of no size in JSON, and so it is written of the kernel's sets.
    @Test func plainNumbersOfASetAreRead() throws {
        let read = Read(
            "table ip t {\n set s {\n type integer . ipv4_addr\n flags interval\n elements = { 40-60 . 10.0.0.1 }\n }\n"
                + " map m {\n type integer : integer\n elements = { 5 : 6 }\n }\n}\n")
        #expect(read.reading.diagnostics.isEmpty, "\(read.rendered)")
        let sets = try #require(read.reading.tables.first?.sets)
        #expect(sets.map(\.elements.count) == [1, 1] && sets.allSatisfy { !$0.isTerse })
    }

    @Test func aStarOfANameIsNoPattern() {
        let rule = #"iifname "eth\*" accept"#
        #expect(writtenAgain(rule).text == rule)
        #expect(writtenAgain("iifname \"eth*\"").text == "iifname \"eth*\"")
    }

    /// Which of two interfaces comes first their names do not tell.
    @Test func aRangeOfInterfacesIsNoRangeOfNames() {
        for rule in ["iif \"lo\"-\"eth0\"", "iif 1-2", "iif != 1-\"eth0\"", "iif { \"lo\"-\"eth0\", 5 }"] {
            #expect(writtenAgain(rule) == (rule, []))
        }
    }
}
