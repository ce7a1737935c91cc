internal import RuleModel
internal import SourceText

// Telling what was found.
extension DumpReader {
    /// Problems beyond this many are counted only: a file of rubbish must not fill the memory.
    static let problemLimit = 10_000

    mutating func report(
        _ severity: Diagnostic.Severity, _ code: String, _ message: String, _ range: Range<Int>,
        line: Int? = nil
    ) {
        problemCount += 1
        guard problemCount <= DumpReader.problemLimit else { return }
        let place = Place(file: file, line: line ?? self.line, start: range.lowerBound, end: range.upperBound)
        reading.diagnostics.append(Diagnostic(severity, code, message, at: place))
    }

    /// Tells of a problem with a word of the line that `rule` holds.
    mutating func report(_ failure: RuleFailure) {
        problemCount += 1
        guard problemCount <= DumpReader.problemLimit, failure.word < rule.words.count else { return }
        let word = rule.words[failure.word]
        let place = Place(
            file: file, line: line, start: rule.lineStart + word.source.lowerBound,
            end: rule.lineStart + word.source.upperBound)
        reading.diagnostics.append(
            Diagnostic(
                failure.reason.severity, failure.reason.code, failure.reason.sentence(quoting: quote(word)), at: place))
    }

    /// A word's value for a message, cut where it is long.
    func quote(_ word: LineWord) -> String {
        // Unescaped values and the line lie in one buffer.
        let range = word.range.isEmpty ? word.source : word.range
        return quote(rule.buffer.span, range)
    }

    func quote(_ text: Span<UInt8>, _ range: Range<Int>) -> String {
        if range.count <= 80 { return text.extracting(range).text }
        return text.extracting(range.lowerBound..<range.lowerBound + 77).text + "..."
    }

    /// The name that a word of the line holds.
    mutating func symbol(_ word: Int) -> Symbol {
        guard word < rule.words.count else { return .empty }
        return rule.names.intern(rule.buffer, rule.words[word].range)
    }

    /// Where the line that `rule` holds lies in the file.
    var lineRange: Range<Int> { rule.lineStart..<rule.lineStart + rule.lineLength }
}

extension RuleReader {
    /// Reads `[packets:bytes]`.
    func counters(in range: Range<Int>) -> Counters? {
        guard range.count > 4, buffer[range.lowerBound] == UInt8(ascii: "["),
            buffer[range.upperBound - 1] == UInt8(ascii: "]"),
            let colon = firstIndex(of: UInt8(ascii: ":"), in: range),
            let packets = decimal(buffer.span.extracting(range.lowerBound + 1..<colon)),
            let bytes = decimal(buffer.span.extracting(colon + 1..<range.upperBound - 1))
        else { return nil }
        return Counters(packets: packets, bytes: bytes)
    }

    /// Whether a word can name a chain: not empty, and without blanks, which iptables refuses.
    func isChainName(_ word: Int) -> Bool {
        let range = words[word].range
        if words[word].kind == .quoted {
            for index in range where buffer[index] == UInt8(ascii: " ") || buffer[index] == UInt8(ascii: "\t") {
                return false
            }
        }
        return !range.isEmpty
    }

    /// The line's text from word `first` to its end.
    mutating func internLine(from first: Int) -> Symbol {
        let range = source(first, words.count)
        return names.intern(buffer, range)
    }
}

extension RuleFailure.Reason {
    var severity: Diagnostic.Severity {
        switch self {
        case .unknownMatch, .unknownTarget, .unknownOption, .cutLine: .warning
        case .missingValue, .missingOption, .bad, .cannotNegate, .repeatedOption, .unexpectedWord, .unterminatedQuote:
            .error
        }
    }
}
