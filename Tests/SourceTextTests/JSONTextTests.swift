import SourceText
import Testing

@Suite struct JSONTextTests {
    private func read(_ text: String) throws(JSONFailure) -> JSONValue {
        let bytes = Array(text.utf8)
        return try readJSON(bytes.span)
    }

    @Test func everyKindOfValueIsRead() throws {
        let value = try read(#" {"a": null, "b": [true, false, -12.5e1], "c": "x", "d": {}, "e": []} "#)
        #expect(value["a"]?.isNull == true)
        #expect(value["b"]?.array?.count == 3)
        #expect(value["b"]?.array?.first?.boolean == true)
        #expect(value["b"]?.array?.last?.number?.text == "-12.5e1")
        #expect(value["b"]?.array?.last?.number?.double == -125)
        #expect(value["c"]?.string == "x")
        #expect(value["d"]?.object?.isEmpty == true)
        #expect(value["e"]?.array?.isEmpty == true)
        #expect(value["f"] == nil)
    }

    @Test func valuesAndKeysKnowTheirBytes() throws {
        let value = try read(#"{"ä": [1, "zz"]}"#)
        let member = try #require(value.object?.first)
        #expect(value.start == 0 && value.end == 17)
        #expect(member.keyStart == 1 && member.keyEnd == 5)
        #expect(member.value.array?.map(\.start) == [8, 11])
        #expect(member.value.array?.map(\.end) == [9, 15])
    }

    @Test func aKeyThatIsThereTwiceIsKeptTwiceAndTheLastCounts() throws {
        let value = try read(#"{"a": 1, "b": 2, "a": 3}"#)
        #expect(value.object?.count == 3)
        #expect(value["a"]?.number?.unsigned == 3)
        #expect(value.firstDuplicate?.keyStart == 17)
        #expect(try read(#"{"a": 1, "b": 2}"#).firstDuplicate == nil)
    }

    @Test(
        "escapes become what they stand for",
        arguments: [
            (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (#""\u0041\u00e4\u20ac""#, "Aä€"),
            (#""\ud83d\ude00!""#, "😀!"),
            // Half a pair is no character.
            (#""a\ud83dz""#, "a\u{fffd}z"),
            (#""\ude00""#, "\u{fffd}"),
            (#""\ud83d\u0041""#, "\u{fffd}A"),
            (#""it\'s""#, "it's"),
            (#""é\n😀""#, "é\n😀"),
        ])
    func escapes(text: String, expected: String) throws {
        #expect(try read(text).string == expected)
    }

    @Test func bytesThatAreNoUTF8AreReplaced() throws {
        let bytes: [UInt8] = [0x22, 0x61, 0xff, 0x22]
        #expect(try readJSON(bytes.span).string == "a\u{fffd}")
    }

    @Test(
        "a wrong text fails at its first wrong byte",
        arguments: [
            ("", JSONFailure(.endOfText, at: 0)),
            ("  ", JSONFailure(.endOfText, at: 2)),
            ("{", JSONFailure(.endOfText, at: 1)),
            ("[1", JSONFailure(.endOfText, at: 2)),
            ("[1,", JSONFailure(.endOfText, at: 3)),
            ("\"abc", JSONFailure(.endOfText, at: 4)),
            ("{\"a\"", JSONFailure(.endOfText, at: 4)),
            ("{\"a\":", JSONFailure(.endOfText, at: 5)),
            ("\"\\u12", JSONFailure(.endOfText, at: 5)),
            ("'a'", JSONFailure(.unexpectedByte(0x27), at: 0)),
            ("[1,]", JSONFailure(.unexpectedByte(0x5d), at: 3)),
            ("nul", JSONFailure(.unexpectedByte(0x6e), at: 0)),
            ("+1", JSONFailure(.unexpectedByte(0x2b), at: 0)),
            ("{\"a\" 1}", JSONFailure(.expectedColon, at: 5)),
            ("{a: 1}", JSONFailure(.expectedKey, at: 1)),
            ("{\"a\": 1,}", JSONFailure(.expectedKey, at: 8)),
            ("[1 2]", JSONFailure(.expectedCommaOrEnd, at: 3)),
            ("01", JSONFailure(.badNumber, at: 0)),
            ("-", JSONFailure(.badNumber, at: 0)),
            ("1.", JSONFailure(.badNumber, at: 0)),
            ("1e", JSONFailure(.badNumber, at: 0)),
            ("\"\\x\"", JSONFailure(.badEscape, at: 1)),
            ("\"\\u12g4\"", JSONFailure(.badEscape, at: 1)),
            ("\"a\tb\"", JSONFailure(.controlCharacter, at: 2)),
            ("1 1", JSONFailure(.trailingText, at: 2)),
            ("{} x", JSONFailure(.trailingText, at: 3)),
        ])
    func failures(text: String, expected: JSONFailure) {
        #expect(throws: expected) { try read(text) }
    }

    @Test func nestingIsBounded() throws {
        let deep = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
        #expect(try read(deep).array?.count == 1)
        #expect(throws: JSONFailure(.tooDeep, at: 128)) { try read("[" + deep + "]") }
        #expect(throws: JSONFailure(.tooDeep, at: 64 * 5)) { try read(String(repeating: #"{"":["#, count: 100_000)) }
    }

    @Test func severalValuesCanFollowEachOther() throws {
        let bytes = Array("[1]\n {\"a\":2} tail".utf8)
        let first = try readJSONValue(bytes.span, at: 0)
        let second = try readJSONValue(bytes.span, at: first.end)
        #expect(first.end == 3)
        #expect(second.start == 5)
        #expect(second["a"]?.number?.unsigned == 2)
        #expect(second.end == 12)
    }

    @Test(
        "whole numbers are exact up to the limits of 64 bits",
        arguments: [
            ("0", 0, 0), ("-0", nil, 0), ("18446744073709551615", UInt64.max, nil),
            ("18446744073709551616", nil, nil), ("9223372036854775807", 9_223_372_036_854_775_807, Int64.max),
            ("-9223372036854775808", nil, Int64.min), ("-9223372036854775809", nil, nil), ("1.0", nil, nil),
            ("1e3", nil, nil),
        ] as [(String, UInt64?, Int64?)])
    func wholeNumbers(text: String, unsigned: UInt64?, signed: Int64?) throws {
        let number = try #require(try read(text).number)
        #expect(number.unsigned == unsigned)
        #expect(number.signed == signed)
    }

    @Test(
        "numbers with fractions are read as the standard library reads them",
        arguments: ["0.5", "1e3", "-2.25", "3.141592653589793", "6.02e23", "1e-7", "123456.789", "0e99999999999"])
    func fractions(text: String) throws {
        let value = try #require(try read(text).number?.double)
        let expected = try #require(Double(text))
        #expect(abs(value - expected) <= abs(expected) * 1e-15)
    }

    @Test func aNumberBeyondADoubleHasNoValue() throws {
        #expect(try read("1e999").number?.double == nil)
        #expect(try read("1e-999").number?.double == 0)
    }
}
