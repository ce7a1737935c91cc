internal import SourceText

/// A word, with what tells its type.
struct YAMLScalar {
    let text: String
    /// Without quotes and tag.
    let isPlain: Bool
    let anchor: String?

    /// What JSON would have for it.
    var kind: JSONValue.Kind {
        guard isPlain else { return .string(text) }
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .boolean(true)
        case "false", "False", "FALSE": return .boolean(false)
        default: return isJSONNumber(text) ? .number(JSONNumber(text: text)) : .string(text)
        }
    }
}

/// Makes a tree of events. Containers that are open lie on a stack, so that no text can exhaust the real one.
struct TreeBuilder {
    private let limits: YAMLLimits
    private(set) var root: JSONValue?
    private var open: [Container] = []
    private var anchors: [String: Anchored] = [:]
    private var valueCount = 0
    private var repeatedCount = 0

    private struct Anchored {
        let value: JSONValue
        /// Values in it, itself included.
        let count: Int
    }

    private struct Key {
        let text: String
        let start: Int
        let end: Int
    }

    private struct Container {
        let isMapping: Bool
        let anchor: String?
        let start: Int
        /// What was counted before it.
        let countBefore: Int
        /// Where its last part ends.
        var end: Int
        var elements: [JSONValue] = []
        var members: [JSONMember] = []
        /// A mapping's key whose value is to come.
        var key: Key?

        func value(end: Int) -> JSONValue {
            JSONValue(isMapping ? .object(members) : .array(elements), start: start, end: end)
        }
    }

    init(limits: YAMLLimits) { self.limits = limits }

    mutating func add(_ scalar: YAMLScalar, start: Int, end: Int) throws(YAMLFailure) {
        try count(at: start)
        if let last = open.indices.last, open[last].isMapping, open[last].key == nil {
            open[last].key = Key(text: scalar.text, start: start, end: end)
            open[last].end = end
            if let name = scalar.anchor {
                anchors[name] = Anchored(value: JSONValue(.string(scalar.text), start: start, end: end), count: 1)
            }
            return
        }
        let value = JSONValue(scalar.kind, start: start, end: end)
        if let name = scalar.anchor { anchors[name] = Anchored(value: value, count: 1) }
        place(value)
    }

    mutating func add(alias name: String, start: Int, end: Int) throws(YAMLFailure) {
        guard let anchored = anchors[name] else { throw YAMLFailure(.unknownAlias(name), at: start) }
        repeatedCount += anchored.count
        if repeatedCount > limits.repeatedCount {
            throw YAMLFailure(.tooManyRepeated(limits.repeatedCount), at: start)
        }
        valueCount += anchored.count
        if let last = open.indices.last, open[last].isMapping, open[last].key == nil {
            guard let text = anchored.value.string else { throw YAMLFailure(.keyIsNoText, at: start) }
            open[last].key = Key(text: text, start: start, end: end)
            return
        }
        // It stands where the alias does. Its parts stand where they were written.
        place(JSONValue(anchored.value.kind, start: start, end: end))
    }

    mutating func open(isMapping: Bool, anchor: String?, at start: Int) throws(YAMLFailure) {
        if let last = open.last, last.isMapping, last.key == nil { throw YAMLFailure(.keyIsNoText, at: start) }
        if open.count >= limits.depth { throw YAMLFailure(.tooDeep(limits.depth), at: start) }
        let before = valueCount
        try count(at: start)
        open.append(Container(isMapping: isMapping, anchor: anchor, start: start, countBefore: before, end: start))
    }

    /// Ends the innermost container, at a bracket or behind its last part.
    mutating func close(at end: Int?) throws(YAMLFailure) {
        guard let last = open.popLast() else { return }
        let value = last.value(end: end ?? last.end)
        if let name = last.anchor { anchors[name] = Anchored(value: value, count: valueCount - last.countBefore) }
        place(value)
    }

    /// Of a document that broke off: its outermost mapping, and in it the outermost list, without what is not whole.
    mutating func partialRoot() -> JSONValue? {
        if root != nil { return root }
        while open.count > 2 { open.removeLast() }
        if open.count == 2, !open[1].isMapping, let list = open.popLast() { place(list.value(end: list.end)) }
        guard let outermost = open.first else { return nil }
        let value = outermost.value(end: outermost.end)
        return value.array?.isEmpty == true || value.object?.isEmpty == true ? nil : value
    }

    private mutating func count(at start: Int) throws(YAMLFailure) {
        valueCount += 1
        if valueCount > limits.valueCount { throw YAMLFailure(.tooManyValues(limits.valueCount), at: start) }
    }

    private mutating func place(_ value: JSONValue) {
        guard let last = open.indices.last else {
            root = value
            return
        }
        open[last].end = value.end
        if let key = open[last].key {
            open[last].members.append(
                JSONMember(key: key.text, keyStart: key.start, keyEnd: key.end, value: value))
            open[last].key = nil
        } else {
            open[last].elements.append(value)
        }
    }
}

/// Whether `text` is a number in JSON's spelling.
func isJSONNumber(_ text: String) -> Bool {
    var bytes = text.utf8[...]
    func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
    func takeDigits() -> Int {
        let digits = bytes.prefix(while: isDigit)
        bytes = bytes.dropFirst(digits.count)
        return digits.count
    }
    if bytes.first == UInt8(ascii: "-") { bytes = bytes.dropFirst() }
    let startsWithZero = bytes.first == UInt8(ascii: "0")
    let count = takeDigits()
    if count == 0 || (count > 1 && startsWithZero) { return false }
    if bytes.first == UInt8(ascii: ".") {
        bytes = bytes.dropFirst()
        if takeDigits() == 0 { return false }
    }
    if let exponent = bytes.first, exponent | 0x20 == UInt8(ascii: "e") {
        bytes = bytes.dropFirst()
        if let sign = bytes.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { bytes = bytes.dropFirst() }
        if takeDigits() == 0 { return false }
    }
    return bytes.isEmpty
}
