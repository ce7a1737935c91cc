/// Where two underscores stand first; `nil` where they do not.
func doubleUnderscore(_ text: Substring) -> Substring.Index? {
    var last: Substring.Index?
    for index in text.indices where text[index] == "_" {
        if let before = last, text.index(after: before) == index { return before }
        last = index
    }
    return nil
}

func isHexadecimal(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
    default: false
    }
}

/// Whether `text` is `count` hexadecimal digits, in either case.
func isHexadecimal(_ text: some StringProtocol, count: Int) -> Bool {
    text.utf8.count == count && text.utf8.allSatisfy { isHexadecimal($0 | 0x20) }
}

/// What stands behind `prefix`; `nil` where `text` does not begin so.
func rest(of text: String, after prefix: String) -> String? {
    text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
}

/// The word behind the first `key` in `text`, without quotation marks: `word(after: "id:", in: "name: \"a\" id: \"b\"")`
/// is `b`.
func word(after key: String, in text: String) -> String? {
    var words = text.split(separator: " ").makeIterator()
    while let word = words.next() {
        var found: Substring?
        if word == key { found = words.next() } else if word.hasPrefix(key) { found = word.dropFirst(key.count) }
        guard let found else { continue }
        let bare = found.filter { $0 != "\"" && $0 != "\\" }
        return bare.isEmpty ? nil : String(bare)
    }
    return nil
}

/// The first 12 characters of a container's id, as tools show them.
func shortID(_ id: String) -> String { String(id.prefix(12)) }
