internal import SourceText

/// A word of the rule language and what it stands for.
typealias Keywords<Value> = [(name: StaticString, value: Value)]

extension RuleReader {
    /// The value of the word in `range`, spelled exactly as in `keywords`.
    func find<Value>(_ range: Range<Int>, in keywords: Keywords<Value>) -> Value? {
        for keyword in keywords where equals(range, keyword.name) { return keyword.value }
        return nil
    }

    /// The value of the word in `range`, in capitals or not.
    func find<Value>(anyCase range: Range<Int>, in keywords: Keywords<Value>) -> Value? {
        for keyword in keywords where equals(anyCase: range, keyword.name) { return keyword.value }
        return nil
    }

    /// Takes a word of `keywords`; `expected` tells what they are, for the failure.
    mutating func keyword<Value>(_ keywords: Keywords<Value>, _ expected: String) throws(RuleFailure) -> Value {
        let range = try value()
        guard let found = find(range, in: keywords) else { throw bad(.value, expected) }
        return found
    }

    /// Whether the bytes of `range` are `text`, in capitals or not.
    func equals(anyCase range: Range<Int>, _ text: StaticString) -> Bool {
        guard range.count == text.utf8CodeUnitCount else { return false }
        return begins(anyCase: text, with: range)
    }

    /// Whether `text` begins with the bytes of `range`, in capitals or not.
    func begins(anyCase text: StaticString, with range: Range<Int>) -> Bool {
        guard range.count <= text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { other in
            for index in 0..<range.count {
                let isSame = unsafe lowercased(other[index]) == lowercased(buffer[range.lowerBound + index])
                if !isSame { return false }
            }
            return true
        }
    }

    /// The bytes of `range`.
    func bytes(_ range: Range<Int>) -> [UInt8] { Array(buffer[range]) }
}

private func lowercased(_ byte: UInt8) -> UInt8 {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
}

extension RuleWriter {
    /// The name that `keywords` has first for `value`.
    mutating func put<Value: Equatable>(_ value: Value, in keywords: Keywords<Value>) {
        for keyword in keywords where keyword.value == value {
            put(keyword.name)
            return
        }
    }
}

extension RuleReader {
    /// Takes a list of words of `keywords`, in capitals or not, as the set of their values; none is a failure.
    mutating func keywordSet<Value: OptionSet>(
        _ keywords: Keywords<Value>, _ expected: String
    ) throws(RuleFailure) -> Value where Value.Element == Value {
        let range = try value()
        var result: Value = []
        var start = range.lowerBound
        while start <= range.upperBound {
            let end = firstIndex(of: UInt8(ascii: ","), in: start..<range.upperBound) ?? range.upperBound
            guard let value = find(anyCase: start..<end, in: keywords) else { throw bad(.value, expected) }
            result.formUnion(value)
            start = end + 1
        }
        return result
    }
}

extension RuleWriter {
    /// A blank, and the names of `keywords` whose values `set` has, between commas.
    mutating func put<Value: OptionSet>(_ set: Value, from keywords: Keywords<Value>) where Value.Element == Value {
        var separator: StaticString = " "
        for keyword in keywords where set.contains(keyword.value) {
            put(separator)
            put(keyword.name)
            separator = ","
        }
    }
}
