public import SourceText

/// A stretch of whole lines of one file.
public struct Excerpt: Hashable, Sendable {
    public var file: FileID
    /// Offsets in bytes from the start of the file.
    public var start: Int
    public var end: Int
    /// The line, from 1, that `start` is on.
    public var firstLine: Int

    public init(file: FileID, start: Int, end: Int, firstLine: Int) {
        self.file = file
        self.start = start
        self.end = end
        self.firstLine = firstLine
    }

    /// Where it begins.
    var firstPlace: Place { Place(file: file, line: firstLine, start: start, end: start) }

    /// The whole of a file.
    public init(file: FileID, text: Span<UInt8>) {
        self.init(file: file, start: 0, end: text.count, firstLine: 1)
    }
}

/// Goes through the lines of an excerpt. A line's range is without its end, be it `\n` or `\r\n`.
struct LineCursor {
    private let file: FileID
    private var next: Int
    private let end: Int
    private(set) var number: Int
    private(set) var range: Range<Int>

    init(_ excerpt: Excerpt) {
        file = excerpt.file
        next = excerpt.start
        end = excerpt.end
        number = excerpt.firstLine - 1
        range = excerpt.start..<excerpt.start
    }

    /// Steps to the next line; `false` at the end.
    mutating func advance(_ text: Span<UInt8>) -> Bool {
        let stop = min(end, text.count)
        guard next < stop else { return false }
        let start = next
        var index = text.firstIndex(of: UInt8(ascii: "\n"), in: start..<stop) ?? stop
        next = index + 1
        if index > start, text[index - 1] == UInt8(ascii: "\r") { index -= 1 }
        range = start..<index
        number += 1
        return true
    }

    /// The offset behind this line's end.
    var following: Int { min(next, end) }

    /// The whole line as a place.
    var place: Place { place(range) }

    /// A part of this line as a place.
    func place(_ part: Range<Int>) -> Place {
        Place(file: file, line: number, start: part.lowerBound, end: part.upperBound)
    }
}

/// The words of one line. Kept and filled anew for each line, so that no line costs an allocation.
struct Words {
    private var ranges: [Range<Int>] = []
    private(set) var index = 0
    /// Words beyond this number are not looked at.
    static let limit = 10_000

    /// Splits at blanks and tabs. `\` too stands between words: `ip -o` writes it for a line's end.
    mutating func split(_ text: Span<UInt8>, _ line: Range<Int>, alsoAt other: UInt8 = UInt8(ascii: " ")) {
        ranges.removeAll(keepingCapacity: true)
        index = 0
        var start = line.lowerBound
        var position = start
        while position < line.upperBound {
            let byte = text[position]
            if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == other {
                if position > start { ranges.append(start..<position) }
                start = position + 1
                // No output has so many words on a line; a hostile one must not fill the memory.
                if ranges.count >= Words.limit { return }
            }
            position += 1
        }
        if position > start { ranges.append(start..<position) }
    }

    var count: Int { ranges.count }
    var isAtEnd: Bool { index >= ranges.count }

    /// The word at `position` from the line's start.
    subscript(position: Int) -> Range<Int>? { ranges.indices.contains(position) ? ranges[position] : nil }

    /// The next word, without taking it.
    var peek: Range<Int>? { self[index] }

    /// Takes the next word.
    mutating func next() -> Range<Int>? {
        guard index < ranges.count else { return nil }
        index += 1
        return ranges[index - 1]
    }

    /// Goes to the word at `position`.
    mutating func seek(_ position: Int) { index = position }

    /// From the next word to the line's last one.
    var rest: Range<Int>? {
        guard let first = self[index], let last = ranges.last else { return nil }
        return first.lowerBound..<last.upperBound
    }

    /// The last word.
    var last: Range<Int>? { ranges.last }
}

extension Span where Element == UInt8 {
    /// Whether the bytes of `range` are exactly `word`.
    func has(_ range: Range<Int>, _ word: StaticString) -> Bool {
        range.count == word.utf8CodeUnitCount && extracting(range).equals(word)
    }

    /// Whether the bytes of `range` begin with `word`.
    func begins(_ range: Range<Int>, _ word: StaticString) -> Bool {
        range.count >= word.utf8CodeUnitCount
            && extracting(range.lowerBound..<range.lowerBound + word.utf8CodeUnitCount).equals(word)
    }

    /// The first place of `word` in `range`, or `nil`.
    func find(_ word: StaticString, in range: Range<Int>) -> Int? {
        let length = word.utf8CodeUnitCount
        guard range.count >= length else { return nil }
        for start in range.lowerBound...(range.upperBound - length)
        where extracting(start..<start + length).equals(word) {
            return start
        }
        return nil
    }

    /// `range` without blanks and tabs at both ends.
    func trimmed(_ range: Range<Int>) -> Range<Int> {
        var start = range.lowerBound
        var end = range.upperBound
        while start < end, self[start] == UInt8(ascii: " ") || self[start] == UInt8(ascii: "\t") { start += 1 }
        while end > start, self[end - 1] == UInt8(ascii: " ") || self[end - 1] == UInt8(ascii: "\t") { end -= 1 }
        return start..<end
    }

    func text(_ range: Range<Int>) -> String { extracting(range).text }

    /// The beginning of `range`, for a message.
    func quote(_ range: Range<Int>) -> String {
        range.count <= 120 ? text(range) : text(range.lowerBound..<range.lowerBound + 120) + "…"
    }

    /// A number of at most `limit`, decimal or `0x…`.
    func number(_ range: Range<Int>, limit: UInt64 = UInt64(UInt32.max)) -> UInt64? {
        guard let value = SourceText.number(extracting(range)), value <= limit else { return nil }
        return value
    }

    /// A decimal number of 32 bits.
    func decimal32(_ range: Range<Int>) -> UInt32? {
        guard let value = decimal(extracting(range)) else { return nil }
        return UInt32(exactly: value)
    }

    func decimal16(_ range: Range<Int>) -> UInt16? {
        guard let value = decimal(extracting(range)) else { return nil }
        return UInt16(exactly: value)
    }
}

func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
