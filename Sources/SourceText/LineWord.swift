/// One word of a line. Offsets count from the start of the line.
public struct LineWord: Sendable {
    public enum Kind: UInt8, Sendable {
        /// A value, never an option or `!`, whatever is in it.
        case quoted
        case plain
        /// `!`
        case negation
        /// `-x`, or `-` and more.
        case shortOption
        /// `--x` and longer.
        case longOption
    }

    /// The value, without quotes and escapes.
    public var start: UInt32
    public var end: UInt32
    /// The word as it stands in the line, quotes included.
    public var sourceStart: UInt32
    public var sourceEnd: UInt32
    public var kind: Kind

    public init(_ value: Range<Int>, source: Range<Int>, _ kind: Kind) {
        self.start = UInt32(truncatingIfNeeded: value.lowerBound)
        self.end = UInt32(truncatingIfNeeded: value.upperBound)
        self.sourceStart = UInt32(truncatingIfNeeded: source.lowerBound)
        self.sourceEnd = UInt32(truncatingIfNeeded: source.upperBound)
        self.kind = kind
    }

    public var range: Range<Int> { Int(start)..<max(Int(start), Int(end)) }
    public var source: Range<Int> { Int(sourceStart)..<max(Int(sourceStart), Int(sourceEnd)) }
}

extension Array where Element == LineWord {
    /// Appends the words of `line` from offset `first` on, up to one that is more than plain, or than quoted without a
    /// backslash; the offset of that word, or the line's end.
    ///
    /// Blanks and tabs separate; a `"` ends the word that it closes. Every byte of a dump passes here: pointers, since
    /// the checked way costs three times as much.
    public mutating func appendSimpleWords(of line: Span<UInt8>, from first: Int) -> Int {
        precondition(first >= 0 && first <= line.count, "an offset within the line")
        // A word has a blank behind it or is quoted: room is made once for all of the line.
        var position = first
        append(addingCapacity: (line.count - first) / 2 + 1) { words in
            position = LineWord.appendSimple(of: line, from: first, to: &words)
        }
        return position
    }
}

extension LineWord {
    fileprivate static func appendSimple(
        of line: Span<UInt8>, from first: Int, to words: inout OutputSpan<LineWord>
    ) -> Int {
        unsafe line.withUnsafeBytes { bytes in
            let count = bytes.count
            var position = first
            while position < count {
                let byte = unsafe bytes[position]
                if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") {
                    position += 1
                    continue
                }
                if byte == UInt8(ascii: "'") { return position }
                if byte == UInt8(ascii: "\"") {
                    let end = unsafe endOfQuoted(bytes, from: position + 1)
                    guard unsafe end < count && bytes[end] == UInt8(ascii: "\"") else { return position }
                    words.append(LineWord(unchecked: position + 1, end, source: position, end + 1, .quoted))
                    position = end + 1
                    continue
                }
                let end = unsafe endOfPlain(bytes, from: position)
                if unsafe end < count && bytes[end] == UInt8(ascii: "\"") { return position }
                var kind = Kind.plain
                if byte == UInt8(ascii: "-"), end - position > 1 {
                    let isLong = unsafe end - position > 2 && bytes[position + 1] == UInt8(ascii: "-")
                    kind = isLong ? .longOption : .shortOption
                } else if byte == UInt8(ascii: "!"), end - position == 1 {
                    kind = .negation
                }
                words.append(LineWord(unchecked: position, end, source: position, end, kind))
                position = end
            }
            return position
        }
    }
}

extension LineWord {
    /// For offsets that are in order, as the scanner's are.
    fileprivate init(unchecked start: Int, _ end: Int, source sourceStart: Int, _ sourceEnd: Int, _ kind: Kind) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
        self.sourceStart = UInt32(truncatingIfNeeded: sourceStart)
        self.sourceEnd = UInt32(truncatingIfNeeded: sourceEnd)
        self.kind = kind
    }

    /// The offset of the first `"` or backslash from `start` on, or the end. Eight bytes at a time.
    @inline(__always)
    fileprivate static func endOfQuoted(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var end = start
        while end + 8 <= bytes.count {
            let word = UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self))
            let found = zeroBytes(word ^ 0x2222_2222_2222_2222) | zeroBytes(word ^ 0x5c5c_5c5c_5c5c_5c5c)
            if found != 0 { return end + found.trailingZeroBitCount / 8 }
            end += 8
        }
        while end < bytes.count {
            let byte = unsafe bytes[end]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { break }
            end += 1
        }
        return end
    }

    /// The offset of the first blank, tab or `"` from `start` on, or the end. Eight bytes at a time.
    @inline(__always)
    fileprivate static func endOfPlain(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var end = start
        while end + 8 <= bytes.count {
            let word = UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: end, as: UInt64.self))
            let found =
                zeroBytes(word ^ 0x2020_2020_2020_2020) | zeroBytes(word ^ 0x2222_2222_2222_2222)
                | zeroBytes(word ^ 0x0909_0909_0909_0909)
            if found != 0 { return end + found.trailingZeroBitCount / 8 }
            end += 8
        }
        while end < bytes.count {
            let byte = unsafe bytes[end]
            // Nearly every byte is above these three.
            if byte <= UInt8(ascii: "\""),
                byte == UInt8(ascii: "\"") || byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
            {
                break
            }
            end += 1
        }
        return end
    }

    /// The top bit of each byte that is zero, exact up to the lowest of them.
    @inline(__always)
    private static func zeroBytes(_ word: UInt64) -> UInt64 {
        (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
    }
}
