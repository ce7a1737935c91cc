internal import NetTypes
internal import SourceText

/// The words that nft's text has for what a JSON value says, each with the value's place.
///
/// So both forms have one meaning: what words mean, `Reader` alone knows. Names and constants are quoted, where no
/// keyword can be mistaken for one.
struct JSONWords {
    private(set) var bytes: [UInt8] = []
    private(set) var tokens: [Token] = []
    /// Of each token, what it was made of.
    private(set) var origins: [Place] = []
    /// What was wrong with statements and elements that are left out or kept as they are written.
    var problems: [NftFailure] = []
    private let lines: LineStarts
    private var origin: Place

    init(_ lines: LineStarts, for value: JSONValue) {
        self.lines = lines
        origin = lines.place(of: value)
    }

    /// What is put from here on is made of this value.
    mutating func begin(_ value: JSONValue) { origin = lines.place(of: value) }

    /// What is put from here on stands nowhere of its own, and counts as the end of this value.
    mutating func beginEnd(of value: JSONValue) {
        origin = lines.place(of: JSONValue(.null, start: max(value.start, value.end - 1), end: value.end))
    }

    func place(of value: JSONValue) -> Place { lines.place(of: value) }

    /// A keyword, which has no signs.
    mutating func word(_ text: String) {
        let isKeyword = text.utf8.allSatisfy { $0 > 0x7f || $0.isLetterOrDigit || $0 == 0x2d || $0 == 0x5f }
        if isKeyword { put(.word, text) } else { quoted(text) }
    }

    /// Keywords with blanks between them.
    mutating func words(_ text: String) {
        for part in text.split(separator: " ") { word(String(part)) }
    }

    mutating func sign(_ text: String) { put(.sign, text) }
    mutating func number(_ value: UInt64) { put(.number, String(value)) }
    mutating func quoted(_ text: String) { put(.quoted, "\"" + text + "\"") }

    /// A statement that can't be read, as it is written.
    mutating func unread(_ text: String) { put(.bad, text) }

    var length: (bytes: Int, tokens: Int) { (bytes.count, tokens.count) }

    /// Takes away what was put since.
    mutating func cut(to length: (bytes: Int, tokens: Int)) {
        bytes.removeLast(bytes.count - length.bytes)
        tokens.removeLast(tokens.count - length.tokens)
        origins.removeLast(origins.count - length.tokens)
    }

    mutating func newline(handle: UInt32 = 0) {
        let start = bytes.count
        bytes += [UInt8(ascii: "\n"), UInt8(ascii: "\t"), UInt8(ascii: "\t")]
        add(.newline, from: start)
        tokens[tokens.count - 1].handle = handle
    }

    mutating func end() { add(.end, from: bytes.count) }

    /// A constant: an address is a word, as `Reader` looks for those.
    mutating func constant(_ text: String) {
        let raw = Array(text.utf8)
        if text == "*" {
            sign("*")
        } else if raw.first == UInt8(ascii: "@"), raw.count > 1 {
            sign("@")
            quoted(String(decoding: raw[1...], as: UTF8.self))
        } else if IPAddress(raw.span) != nil {
            put(.word, text)
        } else if raw.span.starts(with: "0x"), raw.count > 2, raw[2...].allSatisfy({ hexadecimalDigit($0) != nil }) {
            put(.number, text)
        } else {
            quoted(text)
        }
    }

    /// `sid[1]`
    mutating func indexedWord(_ text: String) {
        let parts = text.split(separator: "[")
        guard parts.count == 2, let name = parts.first, let rest = parts.last, rest.utf8.last == UInt8(ascii: "]"),
            let index = UInt64(rest.dropLast())
        else { return word(text) }
        word(String(name))
        sign("[")
        number(index)
        sign("]")
    }

    /// Text of nft's own, which it prints where it has no JSON for a statement. Within braces, as of `jump { … }`, the end of a
    /// line is that of a rule.
    mutating func nftText(_ text: String) {
        if !bytes.isEmpty { bytes.append(UInt8(ascii: " ")) }
        let start = bytes.count
        bytes += Array(text.utf8)
        var braces = 0
        for token in Lexer(bytes, range: start..<bytes.count, firstLine: 1).tokens {
            if token.kind == .end || (token.kind == .newline && braces == 0) { continue }
            if token.kind == .sign, bytes[token.range.lowerBound] == UInt8(ascii: "{") { braces += 1 }
            if token.kind == .sign, bytes[token.range.lowerBound] == UInt8(ascii: "}") { braces -= 1 }
            tokens.append(token)
            origins.append(origin)
        }
    }

    private mutating func put(_ kind: Token.Kind, _ text: String) {
        if let last = bytes.last, last != UInt8(ascii: "\t"), last != UInt8(ascii: "["), text != ",", text != "[",
            text != "]"
        {
            bytes.append(UInt8(ascii: " "))
        }
        let start = bytes.count
        bytes += Array(text.utf8)
        add(kind, from: start)
    }

    private mutating func add(_ kind: Token.Kind, from start: Int) {
        tokens.append(
            Token(
                kind: kind, line: origin.line, start: UInt32(truncatingIfNeeded: start),
                finish: UInt32(truncatingIfNeeded: bytes.count)))
        origins.append(origin)
    }
}

/// Where lines begin in a file.
struct LineStarts {
    private let starts: [Int]
    private let firstLine: Int
    private let file: FileID

    init(_ bytes: [UInt8], range: Range<Int>, firstLine: Int, file: FileID) {
        var starts = [range.lowerBound]
        for index in range where bytes[index] == UInt8(ascii: "\n") { starts.append(index + 1) }
        self.starts = starts
        self.firstLine = firstLine
        self.file = file
    }

    func place(of value: JSONValue) -> Place { place(value.start, value.end) }

    func place(_ start: Int, _ end: Int) -> Place {
        // The last line that begins at or before it.
        var low = 0
        var high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= start { low = middle } else { high = middle }
        }
        return Place(file: file, line: firstLine + low, start: start, end: end)
    }
}

// What a value must be.
extension JSONWords {
    func unreadable(_ value: JSONValue, _ wanted: String) -> NftFailure {
        NftFailure("bad-value", "\(wanted) is wanted here", at: place(of: value))
    }

    func member(_ object: JSONValue, _ key: String) throws(NftFailure) -> JSONValue {
        guard let value = object[key] else {
            throw NftFailure("missing-value", "'\(key)' is missing here", at: place(of: object))
        }
        return value
    }

    func text(_ object: JSONValue, _ key: String) throws(NftFailure) -> String {
        let value = try member(object, key)
        guard let text = value.string else { throw unreadable(value, "a text") }
        return text
    }

    func number(_ value: JSONValue) throws(NftFailure) -> UInt64 {
        guard let number = value.number?.unsigned else { throw unreadable(value, "a number") }
        return number
    }

    /// The only member: a statement's or an expression's kind and what belongs to it.
    func only(_ value: JSONValue) throws(NftFailure) -> (key: String, value: JSONValue) {
        guard let members = value.object, members.count == 1, let one = members.first else {
            throw unreadable(value, "an object with one key")
        }
        return (one.key, one.value)
    }

    /// One text, or several in an array.
    func texts(_ value: JSONValue?) throws(NftFailure) -> [String] {
        guard let value else { return [] }
        if let one = value.string { return [one] }
        guard let values = value.array else { throw unreadable(value, "a text or an array of them") }
        var result: [String] = []
        for value in values {
            guard let text = value.string else { throw unreadable(value, "a text") }
            result.append(text)
        }
        return result
    }

    /// Both of two values.
    func pair(_ value: JSONValue) throws(NftFailure) -> (JSONValue, JSONValue) {
        guard let values = value.array, values.count == 2 else { throw unreadable(value, "an array of two") }
        return (values[0], values[1])
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        switch self | 0x20 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): true
        default: isDigit
        }
    }
}
