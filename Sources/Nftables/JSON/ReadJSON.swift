internal import RuleModel
public import SourceText

/// Reads what `nft -j list ruleset` printed, or what is written for `nft -j -f`, into what `readNftables` makes of the
/// same tables in nft's text. Runs and opens nothing.
///
/// Never fails: what can't be read is kept as unknown where it stands, and told. What stands before a place where the
/// text is no JSON is read.
///
/// What nft 1.0.6 does not print in JSON: the devices of chains, comments of tables and chains, a table's flag, a
/// set's `auto-merge` and `typeof`, parts of a second; `dynamic` is taken from the rules that change a set. What its
/// text does not tell: whether `ct status snat | dnat` is `==`. See Docs/nft-forms.md.
/// - Parameters:
///   - range: the bytes to read; places count from the file's start.
///   - firstLine: the number of the line that `range` begins with.
public func readNftablesJSON(
    _ bytes: [UInt8], range: Range<Int>? = nil, firstLine: Int = 1, file: FileID, names: inout NameTable
) -> NftablesReading {
    let limits = range.map { max(0, $0.lowerBound)..<min(bytes.count, max(0, $0.upperBound)) } ?? 0..<bytes.count
    let lines = LineStarts(bytes, range: limits, firstLine: firstLine, file: file)
    var reader = JSONRulesetReader(Reader([], range: 0..<0, firstLine: firstLine, file: file), lines)
    swap(&reader.reader.names, &names)
    reader.read(bytes.span.extracting(..<limits.upperBound), from: limits.lowerBound)
    swap(&reader.reader.names, &names)
    return reader.reader.reading
}

/// The byte ranges of the statements of a rule in JSON, which stand from `start` on with commas between them.
func locateJSONStatements(_ text: Span<UInt8>, from start: Int) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var position = start
    while position < text.count, let value = try? readJSONValue(text, at: position) {
        ranges.append(value.start..<value.end)
        position = skipBlanks(text, from: value.end)
        guard position < text.count, text[position] == UInt8(ascii: ",") else { break }
        position = skipBlanks(text, from: position + 1)
    }
    return ranges
}

private func skipBlanks(_ text: Span<UInt8>, from start: Int) -> Int {
    var position = start
    while position < text.count, text[position] <= 0x20 { position += 1 }
    return position
}

/// Takes one object after another, so that no tree of a whole rule set is ever held.
private struct JSONRulesetReader {
    var reader: Reader
    private let lines: LineStarts
    private var position = 0

    init(_ reader: Reader, _ lines: LineStarts) {
        self.reader = reader
        self.lines = lines
    }

    mutating func read(_ text: Span<UInt8>, from start: Int) {
        position = start
        do throws(JSONFailure) {
            try readRoot(text)
        } catch {
            reader.report(.error, "bad-json", error.message, at: lines.place(error.offset, error.offset))
            // Of the table that was read last there may be more.
            reader.setTable { $0.isCutOff = true }
        }
        markDynamicSets()
        reader.noteRegistration()
    }

    private func byte(_ text: Span<UInt8>) -> UInt8? { position < text.count ? text[position] : nil }

    private mutating func expect(_ byte: UInt8, _ text: Span<UInt8>) throws(JSONFailure) {
        position = skipBlanks(text, from: position)
        guard let found = self.byte(text) else { throw JSONFailure(.endOfText, at: text.count) }
        guard found == byte else { throw JSONFailure(.unexpectedByte(found), at: position) }
        position += 1
    }

    /// Whether a comma follows, and not the bracket, over which this steps.
    private mutating func goesOn(_ bracket: UInt8, _ text: Span<UInt8>) throws(JSONFailure) -> Bool {
        position = skipBlanks(text, from: position)
        guard let found = byte(text) else { throw JSONFailure(.endOfText, at: text.count) }
        guard found == bracket || found == UInt8(ascii: ",") else {
            throw JSONFailure(.expectedCommaOrEnd, at: position)
        }
        position += 1
        return found != bracket
    }

    private mutating func readRoot(_ text: Span<UInt8>) throws(JSONFailure) {
        try expect(UInt8(ascii: "{"), text)
        var isFound = false
        repeat {
            let key = try readJSONValue(text, at: position)
            guard let name = key.string else { throw JSONFailure(.expectedKey, at: key.start) }
            position = key.end
            try expect(UInt8(ascii: ":"), text)
            if name == "nftables" {
                isFound = true
                try readEntries(text)
            } else {
                position = try readJSONValue(text, at: position).end
            }
        } while try goesOn(UInt8(ascii: "}"), text)
        position = skipBlanks(text, from: position)
        if position < text.count { throw JSONFailure(.trailingText, at: position) }
        if !isFound {
            reader.report(.error, "no-rules", "there is no 'nftables' in this JSON", at: lines.place(0, position))
        }
    }

    private mutating func readEntries(_ text: Span<UInt8>) throws(JSONFailure) {
        try expect(UInt8(ascii: "["), text)
        position = skipBlanks(text, from: position)
        if byte(text) == UInt8(ascii: "]") {
            position += 1
            return
        }
        repeat {
            let value = try readJSONValue(text, at: position)
            position = value.end
            do throws(NftFailure) {
                try read(entry: value, text)
            } catch {
                reader.report(error)
            }
        } while try goesOn(UInt8(ascii: "]"), text)
    }

    /// An object, or a command that has one in it.
    private mutating func read(entry: JSONValue, _ text: Span<UInt8>) throws(NftFailure) {
        var words = JSONWords(lines, for: entry)
        let (key, content) = try words.only(entry)
        switch key {
        case "metainfo":
            words.checkObject(key, content)
            for problem in words.problems { reader.report(problem) }
            if let version = content["json_schema_version"]?.number?.unsigned, version > 1 {
                reader.report(
                    .warning, "unknown-schema", "version \(version) of nft's JSON is not known: 1 is",
                    at: words.place(of: content))
            }
        case "add", "create", "insert", "replace", "delete", "destroy", "flush":
            let (kind, object) = try words.only(content)
            try read(key, kind, object, text, words)
        case "list", "reset", "rename", "monitor":
            reader.report(
                .note, "no-rules", "this command adds no rules: it is passed over", at: words.place(of: entry))
        default: try read("add", key, content, text, words)
        }
    }

    private mutating func read(
        _ command: String, _ kind: String, _ object: JSONValue, _ text: Span<UInt8>, _ start: JSONWords
    ) throws(NftFailure) {
        var words = start
        try words.put(command: command, kind: kind, object, text: text) { isMap($0, $1, $2) }
        for problem in words.problems { reader.report(problem) }
        if command == "add" || command == "create" { tellLosses(kind, object, words) }
        reader.source = TokenSource(words, file: words.place(of: object).file)
        reader.readFile()
        if !words.problems.isEmpty, kind == "set" || kind == "map", let name = object["name"]?.string {
            for index in reader.reading.tables[reader.table].sets.indices
            where reader.names.text(reader.reading.tables[reader.table].sets[index].name) == name {
                reader.reading.tables[reader.table].sets[index].isTerse = true
            }
        }
    }

    private func isMap(_ family: String, _ table: String, _ set: String) -> Bool {
        for held in reader.reading.tables where held.family.name == family && reader.names.text(held.name) == table {
            for known in held.sets where reader.names.text(known.name) == set { return known.isMap }
        }
        return false
    }

    /// What nft knows of this and does not print.
    private mutating func tellLosses(_ kind: String, _ object: JSONValue, _ words: JSONWords) {
        if kind == "table", let flags = object["flags"],
            let known = try? words.texts(flags), known.contains(where: { !JSONWords.tableFlags.contains($0) })
        {
            reader.report(
                .warning, "table-flag-not-shown",
                "nft 1.0.6 prints another text in place of a table's flag: the table is taken as dormant",
                at: words.place(of: flags))
        }
        if kind == "chain", object["dev"] == nil, let hook = object["hook"],
            hook.string == "ingress" || hook.string == "egress"
        {
            reader.report(
                .note, "devices-not-shown", "nft's JSON does not tell on which devices this chain is: its text does",
                at: words.place(of: object))
        }
    }

    /// nft 1.0.6 does not print `dynamic`: a set that rules change has it, or could have it.
    private mutating func markDynamicSets() {
        for table in reader.reading.tables.indices {
            var changed: Set<Symbol> = []
            for chain in reader.reading.tables[table].chains {
                for rule in chain.rules {
                    for statement in rule.statements {
                        if case .target(.native(.changeSet(let change))) = statement { changed.insert(change.set) }
                    }
                }
            }
            for set in reader.reading.tables[table].sets.indices
            where changed.contains(reader.reading.tables[table].sets[set].name) {
                reader.reading.tables[table].sets[set].flags.insert(.dynamic)
            }
        }
    }
}
