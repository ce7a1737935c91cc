import Reports
import SourceText
import Testing

@Suite struct JSONWriterTests {
    @Test func commasComeByThemselves() {
        let bytes = written { json in
            json.beginObject()
            json.member("a", 1)
            json.key("b")
            json.beginArray()
            json.integer(1)
            json.string("x")
            json.null()
            json.beginObject()
            json.endObject()
            json.endArray()
            json.member("c", true)
            json.endObject()
            json.endLine()
            json.beginArray()
            json.endArray()
            json.endLine()
        }
        #expect(String(decoding: bytes, as: UTF8.self) == "{\"a\":1,\"b\":[1,\"x\",null,{}],\"c\":true}\n[]\n")
    }

    @Test(
        "any text comes back as it was",
        arguments: ["", "a\"b\\c", "tab\tline\nreturn\r", "\u{0}\u{1f}\u{7f}", "ü→😀", "</script>", "\u{2028}"])
    func strings(_ original: String) throws {
        let bytes = written { $0.string(original) }
        #expect(try readJSON(bytes.span).string == original)
        #expect(bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7f })
    }

    @Test(
        "a probability has up to six decimals",
        arguments: [
            (0.5, "0.5"), (1.0, "1"), (0.0, "0"), (1.0 / 3, "0.333333"), (0.05, "0.05"), (0.1 + 0.2, "0.3"),
            (0.000_001, "0.000001"), (0.999_999_9, "1"), (.nan, "0"),
        ])
    func decimals(_ value: Double, _ text: String) {
        #expect(decimalText(value) == text)
    }
}
