import HostText
import IptablesText
import RuleModel
import SourceText

/// Collects the tables of all dumps of one node.
struct IptablesInput {
    let latest: Bool
    private(set) var ruleset = Ruleset()
    private(set) var inputs: [RecognisedInput] = []
    /// What dumps say is there beside what they show.
    private(set) var unshown: [UnshownRules] = []
    /// When each table was dumped, as its header says; `nil` where there is none.
    private var times: [Int64?] = []
    private var index: [TableKey: Int] = [:]

    private struct TableKey: Hashable {
        var family: TableFamily
        var backend: Backend
        var name: Symbol
    }

    init(latest: Bool) { self.latest = latest }

    /// Reads one listing, which may hold several dumps.
    mutating func read(
        _ text: Span<UInt8>, _ listing: Listing, files: [SourceFile], names: inout NameTable,
        _ diagnostics: inout [Diagnostic]
    ) throws(SnapshotFailure) {
        let excerpt = listing.excerpt
        var hints = IptablesHints()
        hints.table = listing.hint.table
        if listing.hint.isLegacy { hints.backend = .legacy }
        if listing.hint.isNFTables { hints.backend = .nfTables }
        var result = readExcerpt(text, excerpt, hints, &names)
        var isNamed = false
        if result.origins.contains(where: { $0.family == .assumed }) {
            // Tables of one dump are of one family, also those that hold nothing to tell it.
            hints.family = commonFamily(result)
            if hints.family == nil, let isV6 = listing.hint.isV6 {
                hints.family = isV6 ? .ip6 : .ip
                isNamed = true
            }
            if hints.family != nil { result = readExcerpt(text, excerpt, hints, &names) }
        }
        diagnostics += result.diagnostics
        unshown += result.unshown
        tellOrigins(result, hints, listing.hint, familyIsNamed: isNamed, &diagnostics)
        for table in result.tables {
            try add(table, headerTime(text, above: table.place), files: files, names: names, &diagnostics)
        }
        report(result, excerpt, names)
    }

    /// Reads a part of a file. The reader takes whole texts; what it says of places is moved to where they are.
    private func readExcerpt(
        _ text: Span<UInt8>, _ excerpt: Excerpt, _ hints: IptablesHints, _ names: inout NameTable
    ) -> IptablesReading {
        let part = text.extracting(excerpt.start..<min(excerpt.end, text.count))
        var result = readIptablesSave(part, file: excerpt.file, names: &names, hints: hints)
        if excerpt.start > 0 { result.move(by: excerpt.start, lines: excerpt.firstLine - 1) }
        return result
    }

    /// The one family of all tables that tell theirs.
    private func commonFamily(_ result: IptablesReading) -> TableFamily? {
        var family: TableFamily?
        for (table, origin) in zip(result.tables, result.origins) where origin.family != .assumed {
            if let known = family, known != table.family { return nil }
            family = table.family
        }
        return family
    }

    /// Says what was told by less than a header or the rules themselves.
    private func tellOrigins(
        _ result: IptablesReading, _ hints: IptablesHints, _ hint: ListingHint, familyIsNamed: Bool,
        _ diagnostics: inout [Diagnostic]
    ) {
        guard let first = result.tables.first else { return }
        let source = hint.isCommand ? "the command line above it" : "the file's name"
        if familyIsNamed {
            diagnostics.append(
                Diagnostic(
                    .note, "family-by-name",
                    "nothing in this dump tells its family; \(first.family.name) is told by \(source)", at: first.place)
            )
        } else if hints.family == nil, result.origins.contains(where: { $0.family == .assumed }) {
            diagnostics.append(
                Diagnostic(
                    .note, "assumed-family",
                    "nothing tells whether this dump is of ip or ip6; \(first.family.name) is assumed", at: first.place)
            )
        }
        if let origin = result.origins.first, origin.backend != .told {
            let isNamed = hints.backend != nil
            diagnostics.append(
                Diagnostic(
                    .note, isNamed ? "backend-by-name" : "assumed-backend",
                    isNamed
                        ? "the backend of this dump, \(first.backend.name), is told by \(source)"
                        : "nothing tells whether this dump is of legacy or nf_tables; \(first.backend.name) is assumed",
                    at: first.place))
        }
    }

    /// One line of the report for each run of tables of one program.
    private mutating func report(
        _ result: IptablesReading, _ excerpt: Excerpt, _ names: NameTable
    ) {
        var position = 0
        while position < result.tables.count {
            let first = result.tables[position]
            let origin = result.origins[position]
            var ruleCount = 0
            var end = position
            var seen: Set<Symbol> = []
            while end < result.tables.count, result.tables[end].family == first.family,
                result.tables[end].backend == first.backend, result.origins[end].version == origin.version,
                seen.insert(result.tables[end].name).inserted
            {
                for chain in result.tables[end].chains { ruleCount += chain.rules.count }
                end += 1
            }
            let version = origin.version == .empty ? "" : " v" + names.text(origin.version)
            let program = origin.isListing ? "iptables -S" : "iptables-save"
            let last =
                end < result.tables.count
                ? Int(result.tables[end].place.line) - 1 : excerpt.firstLine + result.lineCount - 1
            inputs.append(
                RecognisedInput(
                    kind: origin.isListing ? .iptablesRules : .iptablesSave, place: first.place, lastLine: last,
                    summary: "\(program)\(version) \(first.backend.name): \(first.family.name), "
                        + "\(count(end - position, "table")), \(count(ruleCount, "rule"))"))
            position = end
        }
    }

    private func path(_ file: FileID, _ files: [SourceFile]) -> String {
        let position = Int(file.index)
        return files.indices.contains(position) ? files[position].path : "-"
    }

    private func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    /// Adds a table that nft showed.
    mutating func add(
        native table: Table, files: [SourceFile], names: NameTable, _ diagnostics: inout [Diagnostic]
    ) throws(SnapshotFailure) {
        try add(table, nil, files: files, names: names, &diagnostics)
    }

    mutating func setHandle(_ handle: UInt32, table: Int, chain: Int, rule: Int) {
        ruleset.tables[table].chains[chain].rules[rule].handle = handle
    }

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
        func spot(_ place: Place) -> String { "\(path(place.file, files)):\(place.line)" }
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
        diagnostics.append(Diagnostic(.note, "later-table", "\(name) of \(spot(left)) is older and left out", at: kept))
        if isLater {
            ruleset.tables[known] = table
            times[known] = time
        }
    }
}

/// The time in the header right above a table, in seconds that are fit for comparing only; `nil` without one.
func headerTime(_ text: Span<UInt8>, above place: Place) -> Int64? {
    var end = min(Int(place.start), text.count)
    while end > 0 {
        var start = end - 1
        while start > 0, text[start - 1] != UInt8(ascii: "\n") { start -= 1 }
        let line = text.extracting(start..<end)
        if line.starts(with: "# Generated by ") { return headerTime(line.text) }
        // Remarks may stand between the two; a rule or the end of another table may not.
        guard line.starts(with: "#") || line.starts(with: "\n") || line.starts(with: "\r") else { return nil }
        end = start
    }
    return nil
}

/// The time of `# Generated by iptables-save v1.8.9 on Fri Nov 20 15:46:39 2026`.
private func headerTime(_ header: String) -> Int64? {
    let words = header.split { $0 == " " || $0 == "\r" || $0 == "\n" || $0 == "\r\n" }
    guard let on = words.firstIndex(of: "on"), words.count >= on + 6 else { return nil }
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let clock = words[on + 4].split(separator: ":").compactMap { UInt16($0).map { Int64($0) } }
    guard let month = months.firstIndex(of: String(words[on + 2])), let day = UInt8(words[on + 3]),
        let year = UInt16(words[on + 5]), clock.count == 3
    else { return nil }
    // Only the order counts: every month may have 31 days.
    let days = (Int64(year) * 12 + Int64(month)) * 31 + Int64(day)
    return ((days * 24 + clock[0]) * 60 + clock[1]) * 60 + clock[2]
}

extension IptablesReading {
    /// Moves every place, for a text that began so many bytes and lines into its file.
    fileprivate mutating func move(by bytes: Int, lines: Int) {
        func moved(_ place: Place) -> Place {
            guard !place.isNone else { return place }
            return Place(
                file: place.file, line: Int(place.line) + lines, start: Int(place.start) + bytes,
                end: Int(place.end) + bytes)
        }
        for table in tables.indices {
            tables[table].place = moved(tables[table].place)
            for chain in tables[table].chains.indices {
                tables[table].chains[chain].place = moved(tables[table].chains[chain].place)
                for rule in tables[table].chains[chain].rules.indices {
                    let place = tables[table].chains[chain].rules[rule].place
                    tables[table].chains[chain].rules[rule].place = moved(place)
                }
            }
        }
        for index in unshown.indices { unshown[index].place = moved(unshown[index].place) }
        diagnostics = diagnostics.map { Diagnostic($0.severity, $0.code, $0.message, at: moved($0.place)) }
    }
}
