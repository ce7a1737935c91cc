import HostText
import IptablesText
import NetTypes
import RuleModel
import SourceText

/// Collects the tables of all iptables dumps of one node.
struct IptablesInput {
    let latest: Bool
    private(set) var ruleset = Ruleset()
    private(set) var inputs: [RecognisedInput] = []
    /// When the dump that each table came from was written, as its header says; `nil` where it does not.
    private var times: [Int64?] = []
    private var index: [TableKey: Int] = [:]

    private struct TableKey: Hashable {
        var family: TableFamily
        var backend: Backend
        var name: Symbol
    }

    init(latest: Bool) { self.latest = latest }

    /// Reads one listing, which may hold several dumps, each with its own header.
    mutating func read(
        _ text: Span<UInt8>, _ listing: Listing, files: [SourceFile], names: inout NameTable,
        _ diagnostics: inout [Diagnostic]
    ) throws(SnapshotFailure) {
        for dump in iptablesDumps(text, listing.excerpt) {
            let origin = DumpOrigin(text, dump, listing.hint, path: path(dump, files))
            let place = firstLine(of: dump, text)
            for note in origin.notes { diagnostics.append(Diagnostic(.note, note.code, note.message, at: place)) }
            let tables = readTables(text, dump, origin, &names, &diagnostics)
            var ruleCount = 0
            for table in tables {
                for chain in table.chains { ruleCount += chain.rules.count }
                try add(table, origin.time, files: files, names: names, &diagnostics)
            }
            let version = origin.version.isEmpty ? "" : " v" + origin.version
            let counts = "\(count(tables.count, "table")), \(count(ruleCount, "rule"))"
            inputs.append(
                RecognisedInput(
                    kind: .iptablesSave, place: place, lastLine: lastLine(of: dump, text),
                    summary: "iptables-save\(version) \(origin.backend.name): \(origin.family.name), \(counts)"))
        }
    }

    private func path(_ dump: Excerpt, _ files: [SourceFile]) -> String {
        let position = Int(dump.file.index)
        return files.indices.contains(position) ? files[position].path : "-"
    }

    private func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    private mutating func add(
        _ table: Table, _ time: Int64?, files: [SourceFile], names: NameTable, _ diagnostics: inout [Diagnostic]
    ) throws(SnapshotFailure) {
        let key = TableKey(family: table.family, backend: table.backend, name: table.name)
        guard let known = index[key] else {
            index[key] = ruleset.tables.count
            ruleset.tables.append(table)
            times.append(time)
            return
        }
        let old = ruleset.tables[known].place
        func spot(_ place: Place) -> String {
            let position = Int(place.file.index)
            let path = files.indices.contains(position) ? files[position].path : "-"
            return "\(path):\(place.line)"
        }
        let name = "table '\(names.text(table.name))' (\(table.family.name), \(table.backend.name))"
        guard latest else {
            let message = "\(name) is dumped twice: \(spot(old)) and \(spot(table.place)); --latest takes the later one"
            let position = Int(table.place.file.index)
            guard files.indices.contains(position) else {
                throw SnapshotFailure(.tableTwice, path: "-", message: message)
            }
            throw SnapshotFailure(.tableTwice, file: files[position], place: table.place, message: message)
        }
        // Without a time in both headers the order of reading decides.
        var isLater = true
        if let time, let oldTime = times[known], time < oldTime { isLater = false }
        let (kept, left) = isLater ? (table.place, old) : (old, table.place)
        diagnostics.append(
            Diagnostic(.note, "later-table", "\(name) of \(spot(left)) is older and left out", at: kept))
        if isLater {
            ruleset.tables[known] = table
            times[known] = time
        }
    }
}
