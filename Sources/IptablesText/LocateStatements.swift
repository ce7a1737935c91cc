public import RuleModel
public import SourceText

/// The byte range, in `text`, of each statement of the rule at `place`, in the order of `Rule.statements`.
///
/// `text` is the whole file that the rule was read from, `family` the one of its table. A statement whose words do not
/// stand together has the range of the first of them that do. A rule that was not read to its end has fewer ranges than
/// statements.
public func locateStatements(_ text: Span<UInt8>, place: Place, family: TableFamily) -> [Range<Int>] {
    let start = Int(place.start)
    let end = min(Int(place.end), text.count)
    guard start < end else { return [] }
    var reader = RuleReader()
    reader.family = family
    reader.take(text, line: start..<end)
    guard reader.words.count > 2 else { return [] }
    var first = 2
    if reader.isWord(0, "-I"), reader.readNumber(reader.words[2].range, upTo: Int.max) != nil { first = 3 }
    reader.readRule(from: first)
    return reader.parts.map { part in
        var last = part.firstWord
        while last + 1 < min(part.endWord, reader.words.count),
            reader.words[last + 1].sourceStart >= reader.words[last].sourceEnd,
            reader.isNeighbour(last + 1)
        {
            last += 1
        }
        let range = reader.source(part.firstWord, last + 1)
        return start + range.lowerBound..<start + range.upperBound
    }
}

extension RuleReader {
    /// Whether only blanks lie between this word and the one before.
    fileprivate func isNeighbour(_ word: Int) -> Bool {
        let between =
            Int(
                words[word - 1].sourceEnd)..<max(
                Int(words[word - 1].sourceEnd), Int(words[word].sourceStart))
        for position in between where buffer[position] != UInt8(ascii: " ") && buffer[position] != UInt8(ascii: "\t") {
            return buffer[position] == UInt8(ascii: "=") && between.count == 1
        }
        return true
    }
}
