import Foundation
import RuleModel
import SourceText
import Testing

@testable import Nftables

/// What is read is written so that it means the same: to this reader, and to nft and the kernel.
@Suite struct RoundTripTests {
    static let files = Fixture.all("real-") + Fixture.all("forms-").filter { $0.name.hasSuffix(".nft") }

    @Test("what is written of a file is read as the same", arguments: files)
    func file(_ fixture: Fixture) throws {
        var read = Read(try fixture.bytes(), path: fixture.name)
        #expect(read.rendered == [])
        let (_, again) = readAgain(read.reading.tables, names: &read.names)
        #expect(again.diagnostics.isEmpty)
        #expect(again.tables.map(\.placeless) == read.reading.tables.map(\.placeless))
    }

    /// What was read from the kernel is known to compare field by field, which a text of nft's leaves open.
    @Test func howFieldsSideBySideAreComparedIsWrittenWhereItIsKnown() {
        var read = Read("table ip t {\n\tchain c {\n\t\ttcp sport != 1 tcp dport != 2\n\t}\n}\n")
        #expect(read.reading.tables.map(\.mayJoinComparisons) == [true])
        var tables = read.reading.tables
        tables[0].mayJoinComparisons = false
        let (text, again) = readAgain(tables, names: &read.names)
        #expect(text.starts(with: "# Each field is compared by itself\ntable ip t {\n".utf8))
        #expect(again.tables.map(\.mayJoinComparisons) == [false])
    }

    @Test func handlesAreWrittenWhereTheyAreAskedFor() {
        let text = "table ip t {\n\tchain c {\n\t\ttcp dport 22 accept # handle 7\n\t\tcounter\n\t}\n}\n"
        let read = Read(text)
        let tables = read.reading.tables
        let settings = NftablesSettings(hasHandles: true)
        #expect(String(decoding: writeNftables(tables, names: read.names, settings: settings), as: UTF8.self) == text)
        let plain = String(decoding: writeNftables(tables, names: read.names), as: UTF8.self)
        #expect(plain == text.replacing(" # handle 7", with: ""))
    }

    /// Known to nft's text, but not to this model: kept as they are written.
    static let keptAsText = ["rt0 addr", "osf version", "ipsec "]

    @Test func everyFormOfARuleIsReadAndWrittenAsTheSame() throws {
        let objects = String(decoding: try Fixture(name: "forms-objects.txt").bytes(), as: UTF8.self)
        let forms = try Form.all()
        #expect(forms.count > 480)
        for form in forms {
            var read = Read(form.ruleset(objects: objects))
            #expect(read.rendered == [], "\(form)")
            if !RoundTripTests.keptAsText.contains(where: { form.rule.hasPrefix($0) }) {
                #expect(read.unknowns == [], "\(form)")
            }
            let (text, again) = readAgain(read.reading.tables, names: &read.names)
            #expect(again.diagnostics.isEmpty, "\(form): \(String(decoding: text, as: UTF8.self))")
            #expect(again.tables.map(\.placeless) == read.reading.tables.map(\.placeless), "\(form)")
        }
    }

    /// nft writes a meter's set out when a rule only updates it.
    static let shownOtherwise = ["meter m1"]

    /// Each rule is loaded as it stands in the file, and as it is written here: nft must show the same of both. Rules
    /// that this kernel or this nft does not take are left out.
    @Test("the kernel holds the same rules of what is written", .enabled(if: Kernel.isThere, "needs root and nft"))
    func kernelHoldsTheSame() throws {
        let objects = String(decoding: try Fixture(name: "forms-objects.txt").bytes(), as: UTF8.self)
        let forms = try Form.all()
        var takenCount = 0
        try Kernel.withFolder { folder in
            for (index, form) in forms.enumerated() {
                let text = form.ruleset(objects: objects)
                let read = Read(text)
                let written = writeNftables(
                    read.reading.tables, names: read.names, settings: NftablesSettings(hasCounters: true))
                try Data(text.utf8).write(to: folder.appendingPathComponent("given-\(index)"))
                try Data(written).write(to: folder.appendingPathComponent("written-\(index)"))
            }
            let script = """
                for given in given-*; do
                    n=${given#given-}
                    nft flush ruleset
                    if nft -f $given; then
                        nft list ruleset > shown-$n
                        nft flush ruleset
                        nft -f written-$n
                        nft list ruleset > again-$n
                    fi
                done
                true
                """
            _ = Kernel.run(script, in: folder)
            for (index, form) in forms.enumerated() {
                guard let shown = try? Data(contentsOf: folder.appendingPathComponent("shown-\(index)")) else {
                    continue
                }
                takenCount += 1
                if RoundTripTests.shownOtherwise.contains(where: { form.rule.hasPrefix($0) }) { continue }
                let again = (try? Data(contentsOf: folder.appendingPathComponent("again-\(index)"))) ?? Data()
                #expect(
                    String(decoding: again, as: UTF8.self) == String(decoding: shown, as: UTF8.self), "\(form)")
                // What nft shows is read too, and stays the same.
                var listed = Read([UInt8](shown))
                #expect(listed.rendered == [], "\(form)")
                let (_, twice) = readAgain(listed.reading.tables, names: &listed.names)
                #expect(twice.tables.map(\.placeless) == listed.reading.tables.map(\.placeless), "\(form)")
            }
        }
        #expect(takenCount > 400)
    }

    @Test(
        "the kernel holds the same tables of what is written", .enabled(if: Kernel.isThere, "needs root and nft"),
        arguments: Fixture.all("forms-").filter { $0.name.hasSuffix(".nft") }
            + Fixture.all("real-").filter {
                // Extensions of x_tables can't be loaded with nft.
                !$0.name.contains("ufw")
            })
    func kernelHoldsTheSameTables(_ fixture: Fixture) throws {
        let read = Read(try fixture.bytes())
        try Kernel.withFolder { folder in
            try Data(try fixture.bytes()).write(to: folder.appendingPathComponent("given"))
            let written = writeNftables(
                read.reading.tables, names: read.names, settings: NftablesSettings(hasCounters: true))
            try Data(written).write(to: folder.appendingPathComponent("written"))
            for options in ["", "-a", "-n", "-s", "-y"] {
                let shown = try #require(Kernel.run("nft -f given && nft \(options) list ruleset", in: folder))
                let again = try #require(Kernel.run("nft -f written && nft \(options) list ruleset", in: folder))
                #expect(RoundTripTests.timeless(again) == RoundTripTests.timeless(shown))
                #expect(Read(shown).rendered == [])
            }
        }
    }

    /// Without what is left of an element's time, and without handles, which count what was there and is gone.
    private static func timeless(_ text: String) -> String {
        text.split(separator: "\n").map { line in
            var words: [Substring] = []
            for word in line.split(separator: " ") {
                if word == "#" { break }
                if words.last == "expires" { words[words.count - 1] = "" } else { words.append(word) }
            }
            return words.joined(separator: " ")
        }.joined(separator: "\n")
    }
}
