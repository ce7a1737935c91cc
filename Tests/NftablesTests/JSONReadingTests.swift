import RuleModel
import SourceText
import Testing

@testable import Nftables

/// Parts of nft's JSON that no fixture holds, and JSON that is broken.
@Suite struct JSONReadingTests {
    /// What was read, with the names in it.
    struct Read {
        var names = NameTable()
        var reading = NftablesReading()
        let file: SourceFile

        init(_ bytes: [UInt8]) {
            file = SourceFile(path: "t.json", bytes: bytes)
            reading = readNftablesJSON(bytes, file: FileID(0), names: &names)
        }

        /// Objects of a listing.
        init(_ objects: String...) {
            self.init(Array("{\"nftables\": [\n\(objects.joined(separator: ",\n"))\n]}\n".utf8))
        }

        var codes: [String] { reading.diagnostics.map(\.code) }
        var rules: [Rule] { reading.tables.flatMap { $0.chains.flatMap(\.rules) } }
    }

    private static let table = "{\"table\": {\"family\": \"inet\", \"name\": \"t\"}}"

    private static func rule(_ statements: String) -> String {
        "{\"rule\": {\"family\": \"inet\", \"table\": \"t\", \"chain\": \"c\", \"expr\": [\(statements)]}}"
    }

    /// The rule that this text is in a chain of `table inet t`, and the JSON of the same.
    private func expectEqual(_ json: String, _ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
        var names = NameTable()
        let bytes = Array("{\"nftables\": [\(JSONReadingTests.rule(json))]}".utf8)
        let found = readNftablesJSON(bytes, file: FileID(0), names: &names)
        let wanted = readNftables(
            Array("table inet t {\n chain c {\n\(text)\n }\n}\n".utf8), file: FileID(0), names: &names)
        #expect(found.diagnostics.map(\.message) == [], sourceLocation: sourceLocation)
        #expect(wanted.diagnostics.map(\.message) == [], sourceLocation: sourceLocation)
        #expect(
            found.tables.first?.chains.first?.rules.map(\.statements)
                == wanted.tables.first?.chains.first?.rules.map(\.statements), sourceLocation: sourceLocation)
    }

    @Test(
        "a statement that this kernel did not take or nft 1.0.6 does not print is read as its text is",
        arguments: [
            ("{\"queue\": null}", "queue"),
            ("{\"queue\": {\"num\": 5}}", "queue to 5"),
            (
                "{\"queue\": {\"num\": {\"range\": [1, 3]}, \"flags\": [\"bypass\", \"fanout\"]}}",
                "queue flags bypass,fanout to 1-3"
            ),
            (
                "{\"queue\": {\"num\": {\"numgen\": {\"mode\": \"inc\", \"mod\": 4}}, \"flags\": \"bypass\"}}",
                "queue flags bypass to numgen inc mod 4"
            ),
            ("{\"flow\": {\"op\": \"add\", \"flowtable\": \"@f\"}}", "flow add @f"),
            ("{\"last\": null}", "last"),
            ("{\"secmark\": \"s\"}", "meta secmark set \"s\""),
            ("{\"xt\": {\"type\": \"match\", \"name\": \"recent\"}}", "xt match recent"),
            (
                "{\"match\": {\"op\": \"==\", \"left\": {\"ipsec\": {\"dir\": \"in\", \"spnum\": 1, "
                    + "\"family\": \"ip\", \"key\": \"saddr\"}}, "
                    + "\"right\": \"10.0.0.1\"}}", "ipsec in spnum 1 ip saddr 10.0.0.1"
            ),
            (
                "{\"match\": {\"op\": \"!=\", \"left\": {\"fib\": {\"flags\": [\"saddr\"], \"result\": \"oif\"}}, "
                    + "\"right\": false}}", "fib saddr oif exists"
            ),
            ("{\"match\": {\"op\": \"in\", \"left\": {\"ct\": {\"key\": \"label\"}}, \"right\": 3}}", "ct label 3"),
            (
                "{\"match\": {\"op\": \"==\", \"left\": {\"payload\": {\"base\": \"ih\", \"offset\": 8, \"len\": 16}}, "
                    + "\"right\": 3}}", "@ih,8,16 3"
            ),
            (
                "{\"match\": {\"op\": \"==\", \"left\": {\"tcp option\": {\"base\": 42, \"offset\": 8, \"len\": 16}}, "
                    + "\"right\": 3}}", "tcp option @42,8,16 3"
            ),
            (
                "{\"map\": {\"op\": \"update\", \"elem\": {\"payload\": {\"protocol\": \"ip\", \"field\": \"saddr\"}}, "
                    + "\"data\": 80, \"map\": \"@m\"}}", "update @m { ip saddr : 80 }"
            ),
            (
                "{\"snat\": {\"family\": \"ip\", \"type_flags\": \"concat\", \"addr\": {\"map\": {\"key\": "
                    + "{\"payload\": {\"protocol\": \"tcp\", \"field\": \"dport\"}}, \"data\": \"@m\"}}}}",
                "snat ip addr . port to tcp dport map @m"
            ),
        ])
    func isReadAsText(_ json: String, _ text: String) { expectEqual(json, text) }

    @Test("what no text of nft 1.0.6 tells: flags that are compared whole") func flagsAsAWhole() {
        expectEqual(
            "{\"match\": {\"op\": \"==\", \"left\": {\"ct\": {\"key\": \"status\"}}, \"right\": {\"|\": [\"snat\", "
                + "\"dnat\"]}}}", "ct status == snat | dnat")
    }

    @Test func aFlowtableIsRead() throws {
        let read = Read(
            JSONReadingTests.table,
            "{\"flowtable\": {\"family\": \"inet\", \"name\": \"f\", \"table\": \"t\", \"handle\": 3, "
                + "\"hook\": \"ingress\", \"prio\": -5, \"dev\": [\"eth0\", \"eth1\"]}}")
        #expect(read.codes == [])
        let table = try #require(read.reading.tables.first?.flowtables.first)
        #expect(table.priority == -5)
        #expect(table.devices.map(read.names.text) == ["eth0", "eth1"])
    }

    @Test func commandsAreFollowed() throws {
        let read = Read(
            "{\"metainfo\": {\"json_schema_version\": 1}}", "{\"flush\": {\"ruleset\": null}}",
            "{\"add\": \(JSONReadingTests.table)}",
            "{\"add\": {\"chain\": {\"family\": \"inet\", \"table\": \"t\", \"name\": \"c\"}}}",
            "{\"add\": {\"map\": {\"family\": \"inet\", \"table\": \"t\", \"name\": \"m\", \"type\": \"inet_service\", "
                + "\"map\": \"verdict\"}}}",
            "{\"add\": {\"element\": {\"family\": \"inet\", \"table\": \"t\", \"name\": \"m\", "
                + "\"elem\": [[22, {\"accept\": null}]]}}}",
            "{\"add\": \(JSONReadingTests.rule("{\"accept\": null}"))}",
            "{\"insert\": \(JSONReadingTests.rule("{\"drop\": null}"))}",
            "{\"add\": {\"chain\": {\"family\": \"inet\", \"table\": \"t\", \"name\": \"gone\"}}}",
            "{\"delete\": {\"chain\": {\"family\": \"inet\", \"table\": \"t\", \"name\": \"gone\"}}}")
        #expect(read.codes == [])
        let table = try #require(read.reading.tables.first)
        #expect(table.chains.map { read.names.text($0.name) } == ["c"])
        #expect(read.rules.map(\.statements) == [[.target(.drop)], [.target(.accept)]])
        #expect(table.sets.first?.elements.value(0) == .verdict(.accept))
    }

    @Test func aStatementThatIsNotKnownIsKeptAndTheRestIsRead() throws {
        let strange = "{\"sing\": {\"loud\": true}}"
        let read = Read(
            JSONReadingTests.table, JSONReadingTests.rule("{\"counter\": null}, \(strange), {\"drop\": null}"))
        #expect(read.codes == ["unknown-statement"])
        #expect(
            read.reading.diagnostics.first?.rendered(in: read.file).hasPrefix("t.json:3:85: error: statement 'sing'")
                == true)
        let statements = try #require(read.rules.first?.statements)
        #expect(statements.count == 3)
        guard case .target(.native(.unknown(let text))) = statements[1] else {
            Issue.record("\(statements[1])")
            return
        }
        #expect(read.names.text(text) == strange)
        #expect(statements[2] == .target(.drop))
    }

    @Test func anElementThatCannotBeReadCostsNoOther() throws {
        let read = Read(
            "{\"set\": {\"family\": \"inet\", \"table\": \"t\", \"name\": \"s\", \"type\": \"inet_service\", "
                + "\"elem\": [22, {\"what\": 1}, 23]}}")
        #expect(read.codes == ["unknown-expression"])
        let set = try #require(read.reading.tables.first?.sets.first)
        #expect(set.elements.count == 2)
        #expect(set.isTerse)
    }

    @Test func statementsAreFoundInTheJSON() throws {
        let statements = "{\"counter\": null}, \"update @m { ip saddr : 80 }\" ,\n {\"accept\": null}"
        let text = "{\"nftables\": [\(JSONReadingTests.rule(statements))]}"
        let read = Read(Array(text.utf8))
        let place = try #require(read.rules.first?.place)
        let found = locateNativeStatements(Array(text.utf8), place: place, family: .inet)
        #expect(
            found.map { String(decoding: Array(text.utf8)[$0], as: UTF8.self) } == [
                "{\"counter\": null}", "\"update @m { ip saddr : 80 }\"", "{\"accept\": null}",
            ])
    }

    @Test("nft 1.0.6 prints another text in place of a table's flag") func aFlagThatIsNoneIsTold() {
        let read = Read("{\"table\": {\"family\": \"ip\", \"name\": \"z\", \"flags\": \"Lester Gooch #5\"}}")
        #expect(read.codes == ["table-flag-not-shown"])
        #expect(read.reading.tables.first?.isDormant == true)
        let owned = Read("{\"table\": {\"family\": \"ip\", \"name\": \"z\", \"flags\": [\"owner\", \"persist\"]}}")
        #expect(owned.codes == [])
        #expect(owned.reading.tables.first?.isOwned == true)
    }

    @Test func missingDevicesAreTold() {
        let read = Read(
            "{\"chain\": {\"family\": \"netdev\", \"table\": \"n\", \"name\": \"i\", \"type\": \"filter\", "
                + "\"hook\": \"ingress\", \"prio\": 0, \"policy\": \"accept\"}}")
        #expect(read.codes == ["devices-not-shown"])
    }

    @Test(
        "what is no rule set is told",
        arguments: [
            ("{\"nftables\": [{\"rule\": {\"family\": \"inet\", \"table\": \"t\"}}]}", "missing-value"),
            ("{\"nftables\": [{\"table\": {\"family\": \"ipx\", \"name\": \"t\"}}]}", "unknown-family"),
            (
                "{\"nftables\": [{\"quilt\": {\"family\": \"ip\", \"table\": \"t\", \"name\": \"q\"}}]}",
                "unknown-object"
            ),
            ("{\"nftables\": [5]}", "bad-value"),
            ("{\"nftables\": [{\"table\": {\"family\": \"ip\", \"name\": \"t\", \"new\": 1}}]}", "unknown-key"),
            ("{\"nftables\": [{\"metainfo\": {\"json_schema_version\": 2}}]}", "unknown-schema"),
            ("{\"nftables\": []", "bad-json"),
            ("{\"nftables\": [], \"x\": 1} y", "bad-json"),
            ("{\"x\": []}", "no-rules"),
            ("", "bad-json"),
        ])
    func isTold(_ text: String, _ code: String) { #expect(Read(Array(text.utf8)).codes == [code]) }

    @Test func setsThatRulesChangeAreDynamic() throws {
        let read = Read(try Fixture(name: "json-everything.json").bytes())
        let sets = read.reading.tables.flatMap(\.sets).filter { $0.flags.contains(.dynamic) }
        #expect(sets.map { read.names.text($0.name) } == ["timed", "counted", "limited", "dyn"])
    }

    @Test func whatStandsBeforeACutIsRead() throws {
        let whole = try Fixture(name: "json-everything.json").bytes()
        for share in 1...30 {
            let cut = Array(whole[..<(whole.count * share / 31)])
            let read = Read(cut)
            #expect(read.codes.contains("bad-json"))
            if share > 1 { #expect(read.reading.tables.last?.isCutOff == true) }
            if share > 15 { #expect(read.rules.count > 40) }
        }
    }

    @Test("a key or a byte that is changed ends nothing, and is told or means something") func mutations() throws {
        let whole = try Fixture(name: "json-everything.json").bytes()
        let clean = Read(whole)
        var seed: UInt64 = 1
        func next(_ limit: Int) -> Int {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(seed >> 33) % limit
        }
        // Any byte: read to the end without a crash; what was lost is told.
        for _ in 0..<40 {
            var changed = whole
            for _ in 0..<3 { changed[next(changed.count)] = UInt8(32 + next(95)) }
            let read = Read(changed)
            if read.rules.count < clean.rules.count { #expect(!read.codes.isEmpty) }
        }
        // A key that nothing is known of: always told.
        var keys: [Int] = []
        var opening = 0
        for index in 1..<whole.count - 1 where whole[index] == UInt8(ascii: "\"") {
            if whole[index + 1] == UInt8(ascii: ":") { keys.append(opening) }
            opening = index
        }
        for position in stride(from: 0, to: keys.count, by: 37) {
            var changed = whole
            changed.insert(UInt8(ascii: "~"), at: keys[position] + 1)
            let read = Read(changed)
            let isTold = read.codes.contains { $0 != "devices-not-shown" }
            #expect(isTold, "key at \(keys[position])")
        }
    }
}
