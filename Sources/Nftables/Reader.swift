internal import NetTypes
public import RuleModel
public import SourceText

/// The tables of a text of nft's, and what was to be said about it.
public struct NftablesReading: Sendable {
    public var tables: [Table] = []
    /// Of which of `tables` the text says that iptables-nft manages them, in the same order.
    public var isManagedByIptables: [Bool] = []
    public var diagnostics: [Diagnostic] = []
    /// Files that the text includes, in their order.
    public var includedFiles: [FileID] = []
    public init() {}
}

/// A file that others may include.
public struct IncludableFile: Sendable {
    public var path: String
    public var file: FileID
    public var bytes: [UInt8]

    public init(path: String, file: FileID, bytes: [UInt8]) {
        self.path = path
        self.file = file
        self.bytes = bytes
    }
}

/// Reads what `nft list ruleset` printed (with or without `-a`, `-n`, `-s`, `-t`, `-y`), or what is written for
/// `nft -f`. Runs and opens nothing: `include` finds its file among `includes`.
///
/// Never fails: what can't be read is kept as unknown where it stands, and told.
/// - Parameters:
///   - range: the bytes to read; places count from the file's start.
///   - firstLine: the number of the line that `range` begins with.
public func readNftables(
    _ bytes: [UInt8], range: Range<Int>? = nil, firstLine: Int = 1, file: FileID, names: inout NameTable,
    includes: [IncludableFile] = []
) -> NftablesReading {
    let limits = range.map { max(0, $0.lowerBound)..<min(bytes.count, $0.upperBound) } ?? 0..<bytes.count
    var reader = Reader(bytes, range: limits, firstLine: firstLine, file: file)
    reader.includes = includes
    swap(&reader.names, &names)
    reader.readFile()
    reader.noteRegistration()
    swap(&reader.names, &names)
    return reader.reading
}

/// The byte range, in `bytes`, of each statement of the native rule at `place`, in the order of `Rule.statements`.
///
/// `bytes` is the whole file that the rule was read from, `family` the one of its table. A rule that was not read to its
/// end, or that uses variables, has fewer ranges than statements.
public func locateNativeStatements(_ bytes: [UInt8], place: Place, family: TableFamily) -> [Range<Int>] {
    let start = Int(place.start)
    let end = min(Int(place.end), bytes.count)
    guard start < end else { return [] }
    // No rule of nft's text begins so, and each statement of its JSON does.
    if bytes[start] == UInt8(ascii: "{") || bytes[start] == UInt8(ascii: "\"") {
        return locateJSONStatements(bytes.span.extracting(..<end), from: start)
    }
    var reader = Reader(bytes, range: start..<end, firstLine: Int(place.line), file: place.file)
    reader.openTable(family, .empty, at: place)
    _ = reader.readRule()
    return reader.statementPlaces.map { Int($0.start)..<Int($0.end) }
}

/// Reads tokens into tables.
struct Reader {
    var source: TokenSource
    var names = NameTable()
    var reading = NftablesReading()
    var includes: [IncludableFile] = []
    /// Files that are being included, outermost first.
    var openFiles: [FileID]
    /// `define`, by block.
    var scopes: [[Symbol: Value]] = [[:]]
    /// Where things of the table that is read are.
    var table = 0
    /// What rules of the table being read are made of so far.
    var counters: Counters?
    /// Where the statements of the rule that was read last stand; fewer than these where it could not be read.
    var statementPlaces: [Place] = []
    /// Whether nft lists constants of the key that was read last as others than they are.
    var hasGarbledConstants = false
    /// Base chains in the order in which they were hung on their hooks.
    var registered: [ChainKey] = []
    /// How many chains have no name of their own.
    var namelessCount = 0
    var depth = 0
    var problemCount = 0
    /// Anonymous sets and maps of each table.
    var anonymousCounts: [Int: Int] = [:]
    /// Chains, by table and name.
    var chainIndex: [ChainKey: Int] = [:]

    struct ChainKey: Hashable {
        var table: Int
        var name: Symbol
    }

    init(_ bytes: [UInt8], range: Range<Int>, firstLine: Int, file: FileID) {
        source = TokenSource(bytes, range: range, firstLine: firstLine, file: file)
        openFiles = [file]
    }

    var family: TableFamily { table < reading.tables.count ? reading.tables[table].family : .ip }
}

/// The tokens of one file, and where among them reading stands.
struct TokenSource {
    var bytes: [UInt8]
    var tokens: [Token]
    /// Where remarks begin about the table behind them.
    var managed: [UInt32]
    var comparingApart: [UInt32]
    /// Of each token, where what it was made of stands; empty where that is the token itself.
    var origins: [Place] = []
    var position = 0
    var file: FileID

    /// Words that were made of JSON.
    init(_ words: JSONWords, file: FileID) {
        bytes = words.bytes
        tokens = words.tokens
        origins = words.origins
        managed = []
        comparingApart = []
        self.file = file
    }

    init(_ bytes: [UInt8], range: Range<Int>, firstLine: Int, file: FileID) {
        let lexer = Lexer(bytes, range: range, firstLine: firstLine)
        self.bytes = bytes
        tokens = lexer.tokens
        managed = lexer.managedByIptables
        comparingApart = lexer.comparingApart
        self.file = file
    }
}

// Looking at tokens.
extension Reader {
    static let problemLimit = 10_000
    static let depthLimit = 60

    var token: Token { source.tokens[source.position] }

    func token(ahead: Int) -> Token { source.tokens[min(source.position + ahead, source.tokens.count - 1)] }

    mutating func advance() {
        if source.position + 1 < source.tokens.count { source.position += 1 }
    }

    /// Whether the token is this word or sign.
    func isAt(_ text: StaticString, ahead: Int = 0) -> Bool {
        let token = token(ahead: ahead)
        guard token.kind == .word || token.kind == .sign else { return false }
        return source.bytes.span.extracting(token.range).equals(text)
    }

    /// Goes over this word or sign if it is there.
    mutating func take(_ text: StaticString) -> Bool {
        guard isAt(text) else { return false }
        advance()
        return true
    }

    mutating func expect(_ text: StaticString) throws(NftFailure) {
        guard take(text) else { throw unexpected("'\(text)'") }
    }

    var isAtEnd: Bool { token.kind == .end }
    var isAtNewline: Bool { token.kind == .newline }

    /// Whether a rule or a line of a block ends here.
    var isAtRuleEnd: Bool {
        token.kind == .newline || token.kind == .end || isAt(";") || isAt("}")
    }

    mutating func skipNewlines() {
        while token.kind == .newline { advance() }
    }

    /// Blank lines and semicolons.
    mutating func skipSeparators() {
        while token.kind == .newline || isAt(";") { advance() }
    }

    /// The word's text; empty for other tokens.
    var word: String {
        token.kind == .word ? String(decoding: source.bytes[token.range], as: UTF8.self) : ""
    }

    func word(ahead: Int) -> String {
        let token = token(ahead: ahead)
        return token.kind == .word ? String(decoding: source.bytes[token.range], as: UTF8.self) : ""
    }

    var tokenText: String {
        if token.kind == .newline { return "end of line" }
        if token.kind == .end { return "end of file" }
        let range = token.range
        if range.count <= 80 { return String(decoding: source.bytes[range], as: UTF8.self) }
        return String(decoding: source.bytes[range.lowerBound..<range.lowerBound + 77], as: UTF8.self) + "..."
    }

    func place(of token: Token) -> Place {
        if !source.origins.isEmpty { return origin(source.position...source.position) }
        return Place(file: source.file, line: Int(token.line), start: Int(token.start), end: Int(token.finish))
    }

    /// The place from the token at `first` to the one before this.
    func place(from first: Int) -> Place {
        let last = max(first, source.position - 1)
        if !source.origins.isEmpty { return origin(first...last) }
        let begin = source.tokens[first]
        return Place(
            file: source.file, line: Int(begin.line), start: Int(begin.start), end: Int(source.tokens[last].finish))
    }

    /// What these tokens were made of.
    private func origin(_ range: ClosedRange<Int>) -> Place {
        var result = source.origins[range.lowerBound]
        for place in source.origins[range] {
            if place.start < result.start { (result.start, result.line) = (place.start, place.line) }
            result.end = max(result.end, place.end)
        }
        return result
    }

    func unexpected(_ wanted: String) -> NftFailure {
        switch token.kind {
        case .newline, .end:
            NftFailure("unexpected-end", "\(wanted) is missing before the \(tokenText)", at: place(of: token))
        case .bad where source.bytes[token.range].first == UInt8(ascii: "\""):
            NftFailure("unterminated-quote", "the quote that begins here does not end", at: place(of: token))
        case .word, .number, .quoted, .sign, .bad:
            NftFailure("unexpected-word", "'\(tokenText)' stands where \(wanted) is wanted", at: place(of: token))
        }
    }

    mutating func report(_ severity: Diagnostic.Severity, _ code: String, _ message: String, at place: Place) {
        problemCount += 1
        guard problemCount <= Self.problemLimit else { return }
        reading.diagnostics.append(Diagnostic(severity, code, message, at: place))
    }

    mutating func report(_ failure: NftFailure) {
        report(.error, failure.code, failure.message, at: failure.place)
    }

    /// Counts how deep things lie in each other: the text must not use up the stack.
    mutating func enter() throws(NftFailure) {
        depth += 1
        if depth > Self.depthLimit {
            throw NftFailure("too-deep", "this lies too deep within brackets", at: place(of: token))
        }
    }

    mutating func leave() { depth -= 1 }
}

// Taking simple things.
extension Reader {
    mutating func number(_ wanted: String = "a number") throws(NftFailure) -> UInt64 {
        if isAt("$") {
            let value = try variable()
            if case .number(let number) = value.node { return number }
            throw NftFailure("bad-value", "the variable is not \(wanted)", at: value.place)
        }
        guard token.kind == .number, let value = SourceText.number(source.bytes.span.extracting(token.range)) else {
            throw unexpected(wanted)
        }
        advance()
        return value
    }

    mutating func number<Number: FixedWidthInteger>(
        _ type: Number.Type, _ wanted: String = "a number"
    ) throws(NftFailure) -> Number {
        let first = source.position
        let value = try number(wanted)
        guard let result = Number(exactly: value) else {
            throw NftFailure("bad-number", "\(value) is more than fits here", at: place(from: first))
        }
        return result
    }

    /// A name, also in quotes, of a chain, set, table, …
    mutating func name(_ wanted: String) throws(NftFailure) -> Symbol {
        if isAt("$") {
            let value = try variable()
            switch value.node {
            case .word(let bytes), .quoted(let bytes): return names.intern(bytes.span)
            default: throw NftFailure("bad-value", "the variable is not \(wanted)", at: value.place)
            }
        }
        switch token.kind {
        case .word:
            let symbol = names.intern(source.bytes, token.range)
            advance()
            return symbol
        case .quoted: return try quoted(wanted)
        case .number, .sign, .newline, .bad, .end: throw unexpected(wanted)
        }
    }

    /// The text between quotes.
    mutating func quoted(_ wanted: String) throws(NftFailure) -> Symbol {
        guard token.kind == .quoted else {
            if token.kind == .word { return try name(wanted) }
            throw unexpected(wanted)
        }
        let symbol = names.intern(source.bytes, token.range.lowerBound + 1..<token.range.upperBound - 1)
        advance()
        return symbol
    }

    /// A span of time in thousandths of a second: `1d2h`, `30s`, or seconds.
    mutating func duration() throws(NftFailure) -> UInt64 {
        if token.kind == .number { return try number() &* 1000 }
        guard token.kind == .word, let value = milliseconds(source.bytes[token.range]) else {
            throw unexpected("a span of time")
        }
        advance()
        return value
    }

    /// The thousandths of a second in `1d2h3m4s5ms`.
    func milliseconds(_ text: ArraySlice<UInt8>) -> UInt64? {
        var total: UInt64 = 0
        var value: UInt64?
        var index = text.startIndex
        while index < text.endIndex {
            let byte = text[index]
            index += 1
            if byte.isDigit {
                let (scaled, overflow) = (value ?? 0).multipliedReportingOverflow(by: 10)
                if overflow || scaled > 1 << 50 { return nil }
                value = scaled + UInt64(byte - UInt8(ascii: "0"))
                continue
            }
            guard let count = value else { return nil }
            value = nil
            switch byte {
            case UInt8(ascii: "d"): total &+= count &* 86_400_000
            case UInt8(ascii: "h"): total &+= count &* 3_600_000
            case UInt8(ascii: "s"): total &+= count &* 1000
            case UInt8(ascii: "m"):
                if index < text.endIndex, text[index] == UInt8(ascii: "s") {
                    index += 1
                    total &+= count
                } else {
                    total &+= count &* 60_000
                }
            default: return nil
            }
        }
        return value == nil ? total : nil
    }
}
