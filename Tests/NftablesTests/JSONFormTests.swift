import Foundation
import RuleModel
import SourceText
import Testing

@testable import Nftables

/// The JSON of nft means what its text means: `Fixtures/README.md` says where the files come from.
@Suite struct JSONFormTests {
    /// Each has a text beside it that was printed at the same moment.
    static let files = Fixture.all("json-").filter { $0.name.hasSuffix(".json") }

    @Test("there are such files") func areThere() {
        #expect(JSONFormTests.files.count == 8)
    }

    @Test("two readers, one meaning", arguments: files)
    func isEqual(_ fixture: Fixture) throws {
        var names = NameTable()
        let text = try Fixture(name: fixture.name.replacing(".json", with: ".txt")).bytes()
        let json = try fixture.bytes()
        let wanted = readNftables(text, file: FileID(0), names: &names)
        let found = readNftablesJSON(json, file: FileID(0), names: &names)
        let file = SourceFile(path: fixture.name, bytes: json)
        #expect(found.diagnostics.filter { $0.severity > .note }.map { $0.rendered(in: file) } == [])
        #expect(found.tables.count == wanted.tables.count)
        for (wanted, found) in zip(wanted.tables, found.tables) {
            let hasHandles = wanted.chains.contains { $0.rules.contains { $0.handle != 0 } }
            compare(wanted.comparable(hasHandles), found.comparable(hasHandles), names)
        }
    }

    private func compare(_ wanted: Table, _ found: Table, _ names: NameTable) {
        let name = names.text(wanted.name)
        #expect(found.sets.count == wanted.sets.count)
        for (wanted, found) in zip(wanted.sets, found.sets) where wanted != found {
            Issue.record("table \(name), set \(names.text(wanted.name)):\n\(found)\nand not\n\(wanted)")
        }
        #expect(found.chains.count == wanted.chains.count)
        for (wanted, found) in zip(wanted.chains, found.chains) {
            #expect(found.rules.count == wanted.rules.count)
            for (wanted, found) in zip(wanted.rules, found.rules) where wanted != found {
                Issue.record("table \(name), rule \(wanted.handle):\n\(found)\nand not\n\(wanted)")
            }
            #expect(found.base == wanted.base)
            #expect(found.ruleCounters == wanted.ruleCounters)
        }
        #expect(found.objects == wanted.objects)
        var (wanted, found) = (wanted, found)
        (wanted.sets, wanted.chains) = ([], [])
        (found.sets, found.chains) = ([], [])
        #expect(found == wanted)
    }
}

extension Table {
    /// Without places, and without what one of the forms of nft 1.0.6 does not tell.
    fileprivate func comparable(_ hasHandles: Bool) -> Table {
        var made = self
        made.place = .none
        made.comment = .empty
        for index in made.chains.indices {
            made.chains[index].place = .none
            made.chains[index].comment = .empty
            made.chains[index].devices = []
            for rule in made.chains[index].rules.indices {
                made.chains[index].rules[rule].place = .none
                if !hasHandles { made.chains[index].rules[rule].handle = 0 }
            }
        }
        for index in made.objects.indices { made.objects[index].place = .none }
        for index in made.flowtables.indices { made.flowtables[index].place = .none }
        for index in made.sets.indices {
            made.sets[index].place = .none
            made.sets[index].typeOf = .empty
            made.sets[index].flags.subtract([.autoMerge, .dynamic])
            made.sets[index].elements = made.sets[index].elements.inSeconds()
        }
        return made
    }
}

extension NativeElements {
    /// JSON has whole seconds.
    fileprivate func inSeconds() -> NativeElements {
        var made = NativeElements(widths: widths)
        for index in 0..<count {
            var extra = extra(index)
            if let known = extra {
                extra?.timeout = known.timeout.map { $0 / 1000 * 1000 }
                extra?.expires = known.expires.map { $0 / 1000 * 1000 }
            }
            made.append(Array(low(index)), Array(high(index)), value(index), extra)
        }
        return made
    }
}
