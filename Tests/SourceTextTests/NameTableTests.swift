import SourceText
import Testing

@Suite struct NameTableTests {
    @Test func equalNamesAreOneSymbol() {
        var names = NameTable()
        let first = names.intern("cali-FORWARD")
        let second = names.intern("cali-OUTPUT")
        #expect(first != second)
        #expect(names.intern("cali-FORWARD") == first)
        #expect(names.text(first) == "cali-FORWARD")
        #expect(names.find("cali-OUTPUT") == second)
        #expect(names.find("cali-INPUT") == nil)
        #expect(first < second)
    }

    @Test func theEmptyNameIsThereFromTheStart() {
        var names = NameTable()
        #expect(names.intern("") == .empty)
        #expect(names.count == 1)
        #expect(names.text(.empty).isEmpty)
    }

    @Test func manyNamesKeepTheirSymbols() {
        var names = NameTable()
        let symbols = (0..<5000).map { names.intern("KUBE-SVC-\($0)") }
        #expect(Set(symbols).count == 5000)
        for (index, symbol) in symbols.enumerated() {
            #expect(names.text(symbol) == "KUBE-SVC-\(index)")
            #expect(names.find("KUBE-SVC-\(index)") == symbol)
        }
    }

    @Test func namesNeedNotBeUTF8() {
        var names = NameTable()
        let bytes: [UInt8] = [0x61, 0xff, 0x00]
        let symbol = names.intern(bytes.span)
        #expect(Array(names.bytes(symbol)) == bytes)
        #expect(names.text(symbol) == "a\u{fffd}\u{0}")
    }

    @Test func aSymbolOfAnotherTableIsNoTrap() {
        #expect(NameTable().text(Symbol(index: 99)).isEmpty)
    }
}

@Suite struct NumberTests {
    @Test(
        "decimal numbers are digits alone, up to 64 bits",
        arguments: [
            ("0", 0), ("007", 7), ("18446744073709551615", UInt64.max), ("18446744073709551616", nil),
            ("99999999999999999999", nil), ("", nil), ("1 ", nil), ("-1", nil), ("0x1", nil), ("1e3", nil),
        ] as [(String, UInt64?)])
    func decimals(text: String, value: UInt64?) {
        let bytes = Array(text.utf8)
        #expect(decimal(bytes.span) == value)
    }

    @Test(
        "numbers have the bases of strtoul",
        arguments: [
            ("10", 10), ("0x10", 16), ("0XfF", 255), ("010", 8), ("0", 0), ("00", 0), ("08", nil), ("0x", nil),
            ("0xffffffffffffffff", UInt64.max), ("0x10000000000000000", nil), ("0xg", nil), ("", nil), ("x10", nil),
            ("01777777777777777777777", UInt64.max),
        ] as [(String, UInt64?)])
    func bases(text: String, value: UInt64?) {
        let bytes = Array(text.utf8)
        #expect(number(bytes.span) == value)
    }

    @Test func spansCompareWithWords() {
        let bytes = Array("KUBE-SVC".utf8)
        #expect(bytes.span.equals("KUBE-SVC") && !bytes.span.equals("KUBE-SV") && !bytes.span.equals("KUBE-SVC-"))
        #expect(bytes.span.starts(with: "KUBE") && bytes.span.starts(with: "") && !bytes.span.starts(with: "KUBE-SVC-"))
        #expect(bytes.span.firstIndex(of: UInt8(ascii: "-"), in: 0..<8) == 4)
        #expect(bytes.span.firstIndex(of: UInt8(ascii: "-"), in: 5..<8) == nil)
        #expect(bytes.span.text == "KUBE-SVC")
    }
}
