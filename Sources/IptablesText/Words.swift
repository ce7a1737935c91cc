internal import SourceText

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
        buffer.overwrite(with: text.extracting(range))
        if !words.isEmpty { words.removeAll(keepingCapacity: true) }
        openQuote = nil
        index = 0
        split(text.extracting(range))
    }

    private mutating func split(_ line: Span<UInt8>) {
        var position = words.appendSimpleWords(of: line, from: 0)
        var scratch = lineLength
        while position < line.count {
            if line[position] == UInt8(ascii: "'"), let end = closingApostrophe(line, after: position) {
                words.append(LineWord(position + 1..<end, source: position..<end + 1, .quoted))
                position = end + 1
            } else {
                position = readQuoted(line, position, scratch: &scratch)
            }
            position = words.appendSimpleWords(of: line, from: position)
        }
    }

    /// Reads the word that begins at `start` and has a quote, or only an apostrophe; the offset behind the word.
    private mutating func readQuoted(_ line: Span<UInt8>, _ start: Int, scratch: inout Int) -> Int {
        var quote = start
        while quote < line.count, !line[quote].isBlank, line[quote] != UInt8(ascii: "\"") { quote += 1 }
        guard quote < line.count, line[quote] == UInt8(ascii: "\"") else {
            words.append(LineWord(start..<quote, source: start..<quote, .plain))
            return quote
        }
        let first = scratch
        for position in start..<quote { put(line[position], at: &scratch) }
        var end = quote + 1
        while end < line.count, line[end] != UInt8(ascii: "\"") {
            if line[end] == UInt8(ascii: "\\"), end + 1 < line.count { end += 1 }
            put(line[end], at: &scratch)
            end += 1
        }
        if end >= line.count { openQuote = words.count }
        let sourceEnd = min(end + 1, line.count)
        words.append(LineWord(first..<scratch, source: start..<sourceEnd, .quoted))
        return sourceEnd
    }

    private mutating func put(_ byte: UInt8, at position: inout Int) {
        if position < buffer.count { buffer[position] = byte } else { buffer.append(byte) }
        position += 1
    }

    /// The apostrophe that ends words in single quotes, where there are several.
    private func closingApostrophe(_ line: Span<UInt8>, after start: Int) -> Int? {
        var position = start + 1
        var hasBlank = false
        while position < line.count, line[position] != UInt8(ascii: "'") {
            if line[position].isBlank { hasBlank = true }
            position += 1
        }
        guard position < line.count, hasBlank else { return nil }
        return position + 1 == line.count || line[position + 1].isBlank ? position : nil
    }
}

extension UInt8 {
    fileprivate var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }
}
