public import SourceText

/// Bounds on what one document may make this program do.
public struct YAMLLimits: Hashable, Sendable {
    /// Lists and mappings within each other.
    public var depth: Int
    /// Values of one document.
    public var valueCount: Int
    /// Values that aliases repeat, in one document.
    public var repeatedCount: Int

    public init(depth: Int = jsonDepthLimit, valueCount: Int = 20_000_000, repeatedCount: Int = 100_000) {
        self.depth = depth
        self.valueCount = valueCount
        self.repeatedCount = repeatedCount
    }
}

/// Why a document can't be read to its end: a fact and a byte.
public struct YAMLFailure: Error, Hashable, Sendable {
    public enum Reason: Hashable, Sendable {
        /// libyaml's words, such as `could not find expected ':'`.
        case syntax(String)
        case tooDeep(Int)
        case tooManyValues(Int)
        case tooManyRepeated(Int)
        case unknownAlias(String)
        /// A list or a mapping where a key is expected.
        case keyIsNoText
        case outOfMemory
    }

    public let reason: Reason
    /// Offset in bytes from the start of the text.
    public let offset: Int

    public init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// A sentence for a person, without a final stop.
    public var message: String {
        switch reason {
        case .syntax(let words): "this is no YAML: \(words)"
        case .tooDeep(let limit): "more than \(limit) lists and mappings within each other"
        case .tooManyValues(let limit): "more than \(limit) values in one YAML document"
        case .tooManyRepeated(let limit): "aliases repeat more than \(limit) values"
        case .unknownAlias(let name): "no anchor '&\(name)' stands before this alias"
        case .keyIsNoText: "a key must be text"
        case .outOfMemory: "out of memory"
        }
    }
}

/// One document of a stream.
public struct YAMLDocument: Hashable, Sendable {
    /// Its value, with offsets in the text that was read. Of a document that can't be read to its end: the elements of
    /// its outermost list that could be, or the members of its outermost mapping; `nil` if there are none.
    public let value: JSONValue?
    public let failure: YAMLFailure?

    public init(value: JSONValue?, failure: YAMLFailure?) {
        self.value = value
        self.failure = failure
    }
}

/// Reads the documents in `range` of `text`: the tree that JSON would give.
///
/// Plain words are typed as JSON types them: `true`, `false`, `null` and nothing at all, and JSON's numbers; everything
/// else is text, also `yes`, `0x10` and dates, and what has quotes or the tag `!!str`. A key's text stands for it,
/// whatever its type. Merge keys (`<<`) are members like others. A document that is no YAML does not hide the next one.
public func readYAML(
    _ text: Span<UInt8>, in range: Range<Int>, limits: YAMLLimits = YAMLLimits()
) -> [YAMLDocument] {
    var documents: [YAMLDocument] = []
    for part in documentRanges(text, range.clamped(to: 0..<text.count)) {
        parseYAML(text.extracting(part), from: part.lowerBound, limits, &documents)
    }
    return documents
}

/// Parts a stream where a document begins. `---` at the start of a line can stand nowhere within one, not even in
/// quotes or in a block of text.
private func documentRanges(_ text: Span<UInt8>, _ range: Range<Int>) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    var start = range.lowerBound
    var lineStart = start
    // Directives stand before the `---` that they are for.
    var holdsContent = false
    while lineStart < range.upperBound {
        let lineEnd = text.firstIndex(of: UInt8(ascii: "\n"), in: lineStart..<range.upperBound) ?? range.upperBound
        if isDocumentStart(text, lineStart..<lineEnd) {
            if holdsContent {
                ranges.append(start..<lineStart)
                start = lineStart
            }
            holdsContent = true
        } else if !holdsContent, lineStart < lineEnd {
            switch text[lineStart] {
            case UInt8(ascii: "%"), UInt8(ascii: "#"), UInt8(ascii: "\r"): break
            default: holdsContent = true
            }
        }
        lineStart = lineEnd + 1
    }
    if start < range.upperBound { ranges.append(start..<range.upperBound) }
    return ranges
}

private func isDocumentStart(_ text: Span<UInt8>, _ line: Range<Int>) -> Bool {
    guard line.count >= 3, text.extracting(line.lowerBound..<line.lowerBound + 3).equals("---") else { return false }
    return line.count == 3 || text[line.lowerBound + 3] <= 0x20
}
