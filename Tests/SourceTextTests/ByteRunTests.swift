import Testing

@testable import SourceText

/// Spans can't stand in `#expect` themselves.
private func first(_ byte: UInt8, _ bytes: [UInt8], _ range: Range<Int>) -> Int? {
    bytes.span.firstIndex(of: byte, in: range)
}

private func same(_ name: [UInt8], _ other: [UInt8], _ range: Range<Int>) -> Bool {
    name.span.isSame(as: other, range)
}

private func starts(_ text: String, _ other: StaticString) -> Bool {
    let bytes = Array(text.utf8)
    return bytes.span.starts(with: other)
}

@Suite struct ByteRunTests {
    @Test func aByteIsFoundAtEveryPlaceOfEveryLength() {
        for length in 0...40 {
            for place in 0..<max(1, length) {
                var bytes = [UInt8](repeating: 0x41, count: length)
                // Neighbours that differ in one bit, and the top bit set, must not deceive.
                for index in bytes.indices where index % 3 == 1 { bytes[index] = 0x8a }
                for index in bytes.indices where index % 3 == 2 { bytes[index] = 0x0b }
                if place < length { bytes[place] = 0x0a }
                #expect(first(0x0a, bytes, 0..<length) == (place < length ? place : nil))
                #expect(first(0x0a, bytes, min(place + 1, length)..<length) == nil)
            }
        }
    }

    @Test func theFirstOfSeveralIsFound() {
        let bytes = Array("aa,bb,cc,dd,ee,ff".utf8)
        #expect(first(UInt8(ascii: ","), bytes, 0..<17) == 2)
        #expect(first(UInt8(ascii: ","), bytes, 3..<17) == 5)
        #expect(first(UInt8(ascii: ","), bytes, 3..<5) == nil)
    }

    @Test func namesAreComparedByteByByte() {
        for length in 0...20 {
            let name = (0..<length).map { UInt8($0) }
            let table = [UInt8](repeating: 9, count: 3) + name
            #expect(same(name, table, 3..<3 + length))
            for index in name.indices {
                var other = table
                other[3 + index] ^= 0x80
                #expect(!same(name, other, 3..<3 + length))
            }
        }
    }

    @Test func textsAreComparedInTheirLength() {
        func equal(_ text: String, _ other: StaticString) -> Bool {
            let bytes = Array(text.utf8)
            return bytes.span.equals(other)
        }
        #expect(equal("", "") && equal("a", "a") && equal("abc", "abc") && equal("abcdefghi", "abcdefghi"))
        #expect(!equal("abcx", "abcd") && !equal("abcdefghx", "abcdefghi") && !equal("xbcdefghi", "abcdefghi"))
        #expect(!equal("abcdxfghi", "abcdefghi") && !equal("ab", "abc") && !equal("abc", "ab") && !equal("x", "y"))
        #expect(starts("--dport", "--") && starts("--dport", "--dport"))
        #expect(!starts("--dport", "--dports") && !starts("--dport", "-x"))
    }

    @Test func overwritingKeepsWhatIsBehind() {
        var buffer = Array("abcdef".utf8)
        let short = Array("XY".utf8)
        buffer.overwrite(with: short.span)
        #expect(buffer == Array("XYcdef".utf8))
        let long = Array("0123456789".utf8)
        buffer.overwrite(with: long.span)
        #expect(buffer == long)
        buffer.overwrite(with: [UInt8]().span)
        #expect(buffer == long)
    }

    struct Split: Sendable {
        var line: String
        var words: [String]
        var kinds: [LineWord.Kind]
        /// What is left for the caller.
        var rest: String
    }

    static let lines: [Split] = [
        Split(line: "", words: [], kinds: [], rest: ""),
        Split(line: "  \t ", words: [], kinds: [], rest: ""),
        Split(line: "a", words: ["a"], kinds: [.plain], rest: ""),
        Split(
            line: "-A FORWARD\t!  -s", words: ["-A", "FORWARD", "!", "-s"],
            kinds: [.shortOption, .plain, .negation, .shortOption], rest: ""),
        Split(
            line: "--dport - -- --x", words: ["--dport", "-", "--", "--x"],
            kinds: [.longOption, .plain, .shortOption, .longOption], rest: ""),
        Split(
            line: "x \"a b\" \"\" y", words: ["x", "a b", "", "y"], kinds: [.plain, .quoted, .quoted, .plain], rest: ""),
        Split(line: "\"a\"b c", words: ["a", "b", "c"], kinds: [.quoted, .plain, .plain], rest: ""),
        Split(line: "one \"with \\\" escape\" two", words: ["one"], kinds: [.plain], rest: "\"with \\\" escape\" two"),
        Split(line: "one \"open", words: ["one"], kinds: [.plain], rest: "\"open"),
        Split(line: "one in\"side", words: ["one"], kinds: [.plain], rest: "in\"side"),
        Split(line: "one 'two'", words: ["one"], kinds: [.plain], rest: "'two'"),
        Split(
            line: "a-rather-long-word-of-30-letters! \"and a long quoted one, of 36 letters\" z",
            words: ["a-rather-long-word-of-30-letters!", "and a long quoted one, of 36 letters", "z"],
            kinds: [.plain, .quoted, .plain], rest: ""),
    ]

    @Test("a line is split up to what must be unescaped", arguments: lines)
    func splits(_ example: Split) {
        let bytes = Array(example.line.utf8)
        var words: [LineWord] = []
        let end = words.appendSimpleWords(of: bytes.span, from: 0)
        #expect(words.map { String(decoding: bytes[$0.range], as: UTF8.self) } == example.words)
        #expect(words.map(\.kind) == example.kinds)
        #expect(String(decoding: bytes[end...], as: UTF8.self) == example.rest)
        for word in words where word.kind == .quoted { #expect(word.source.count == word.range.count + 2) }
    }
}

@Suite struct QuotedByteTests {
    @Test func theFirstByteThatIsEscapedIsFoundWhereverItStands() {
        for place in 0..<20 {
            for byte: UInt8 in [0x00, 0x1f, 0x22, 0x5c, 0x7f] {
                var bytes = [UInt8](repeating: 0x41, count: 20)
                bytes[place] = byte
                if place < 19 { bytes[19] = 0x22 }
                #expect(bytes.span.firstQuoted(from: 0) == place)
                #expect(bytes.span.firstQuoted(from: min(place + 1, 20)) == (place < 19 ? 19 : nil))
            }
        }
    }

    @Test func onlyWhatIsEscapedIsFound() {
        let others = (UInt8.min...UInt8.max).filter { $0 >= 0x20 && ![0x22, 0x5c, 0x7f].contains($0) }
        for byte in others {
            let bytes = [UInt8](repeating: byte, count: 11)
            #expect(bytes.span.firstQuoted(from: 0) == nil)
            #expect(bytes.span.isASCII == (byte < 0x80))
        }
    }

    @Test func bytesInABufferAreThoseThatWereAppended() {
        var buffer = ByteBuffer(capacity: 0)
        var expected: [UInt8] = []
        for count in 0..<300 {
            let piece = [UInt8](repeating: UInt8(count & 0xff), count: count % 7)
            buffer.append(piece.span)
            buffer.append("ab")
            buffer.append(UInt8(ascii: "c"))
            expected += piece + Array("abc".utf8)
        }
        #expect(buffer.count == expected.count)
        #expect(buffer.array == expected)
        buffer.removeAll()
        #expect(buffer.array.isEmpty)
    }
}
