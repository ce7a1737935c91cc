/// One word of a line. Offsets count from the start of the line.
struct Word {
    /// The value without quotes and escapes: bytes of `RuleReader.buffer`.
    var start: UInt32
    var end: UInt32
    /// The word as it stands in the line, quotes included.
    var sourceStart: UInt32
    var sourceEnd: UInt32
    /// A quoted word is a value, never an option or `!`.
    var isQuoted: Bool

    init(_ start: Int, _ end: Int, source: Range<Int>, isQuoted: Bool) {
        self.start = UInt32(truncatingIfNeeded: start)
        self.end = UInt32(truncatingIfNeeded: end)
        self.sourceStart = UInt32(truncatingIfNeeded: source.lowerBound)
        self.sourceEnd = UInt32(truncatingIfNeeded: source.upperBound)
        self.isQuoted = isQuoted
    }

    var range: Range<Int> { Int(start)..<max(Int(start), Int(end)) }
    var source: Range<Int> { Int(sourceStart)..<max(Int(sourceStart), Int(sourceEnd)) }
}

extension RuleReader {
    /// Takes the line `text[range]` and splits it into words as iptables-restore does: blanks separate, `"` quotes, a
    /// backslash inside quotes takes the next byte as it is, and the closing quote ends the word.
    ///
    /// Words in single quotes, as people write for a shell, are read as one, since iptables-save never writes them;
    /// around a single word the quotes belong to it, as iptables-restore has it.
    /// Source: iptables 1.8.9, iptables/xshared.c `add_param_to_argv`.
    mutating func take(_ text: Span<UInt8>, line range: Range<Int>) {
        lineStart = range.lowerBound
        lineLength = range.count
        // The buffer keeps its largest size; what lies behind the line is rubbish or unescaped words.
        if buffer.count < range.count {
            buffer.append(contentsOf: repeatElement(0, count: range.count - buffer.count))
        }
        var bytes = buffer.mutableSpan
        for index in 0..<range.count { bytes[index] = text[range.lowerBound + index] }
        words.removeAll(keepingCapacity: true)
        openQuote = nil
        index = 0
        split()
    }

    private mutating func split() {
        var scratch = lineLength
        var position = 0
        while position < lineLength {
            let byte = buffer[position]
            if byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") {
                position += 1
                continue
            }
            let start = position
            if byte == UInt8(ascii: "'"), let end = closingApostrophe(after: position) {
                words.append(Word(start + 1, end, source: start..<end + 1, isQuoted: true))
                position = end + 1
                continue
            }
            while position < lineLength, !RuleReader.endsPlainRun(buffer[position]) { position += 1 }
            if position == lineLength || buffer[position] != UInt8(ascii: "\"") {
                words.append(Word(start, position, source: start..<position, isQuoted: false))
            } else {
                readQuoted(start, quote: &position, scratch: &scratch)
            }
        }
    }

    private static func endsPlainRun(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\"")
    }

    /// Reads the word that begins at `start` and has its opening quote at `quote`; steps `quote` behind the word.
    private mutating func readQuoted(_ start: Int, quote: inout Int, scratch: inout Int) {
        var end = quote + 1
        var isPlain = start == quote
        while end < lineLength, buffer[end] != UInt8(ascii: "\"") {
            if buffer[end] == UInt8(ascii: "\\") {
                isPlain = false
                end += 1
            }
            end += 1
        }
        if end >= lineLength {
            end = lineLength
            openQuote = words.count
        }
        let sourceEnd = min(end + 1, lineLength)
        if isPlain {
            words.append(Word(quote + 1, end, source: start..<sourceEnd, isQuoted: true))
        } else {
            let first = scratch
            for position in start..<quote { put(buffer[position], at: &scratch) }
            var position = quote + 1
            while position < end {
                if buffer[position] == UInt8(ascii: "\\"), position + 1 < end { position += 1 }
                put(buffer[position], at: &scratch)
                position += 1
            }
            words.append(Word(first, scratch, source: start..<sourceEnd, isQuoted: true))
        }
        quote = sourceEnd
    }

    private mutating func put(_ byte: UInt8, at position: inout Int) {
        if position < buffer.count { buffer[position] = byte } else { buffer.append(byte) }
        position += 1
    }

    private func closingApostrophe(after start: Int) -> Int? {
        var position = start + 1
        var hasBlank = false
        while position < lineLength, buffer[position] != UInt8(ascii: "'") {
            if buffer[position] == UInt8(ascii: " ") { hasBlank = true }
            position += 1
        }
        guard position < lineLength, hasBlank else { return nil }
        guard position + 1 == lineLength || RuleReader.endsPlainRun(buffer[position + 1]) else { return nil }
        return position
    }
}
