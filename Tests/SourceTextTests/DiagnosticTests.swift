import SourceText
import Testing

@Suite struct DiagnosticTests {
    private func render(
        _ text: String, path: String = "save", line: Int, _ range: Range<Int>, _ message: String = "bad"
    ) -> String {
        let file = SourceFile(path: path, text: text)
        let place = Place(file: FileID(0), line: line, start: range.lowerBound, end: range.upperBound)
        return Diagnostic(.error, "bad-thing", message, at: place).rendered(in: file)
    }

    @Test func theLineAndACaretFollowTheMessage() {
        #expect(
            render("one\n-s 300.0.0.1 -j DROP\nthree\n", line: 2, 7..<16, "'300.0.0.1' is not an address") == """
                save:2:4: error: '300.0.0.1' is not an address [bad-thing]
                    -s 300.0.0.1 -j DROP
                       ^
                """)
    }

    @Test func aWindowsLineEndIsNotShown() {
        #expect(render("a b\r\nc\r\n", line: 1, 2..<3).hasSuffix("    a b\n      ^"))
    }

    @Test func theLastLineNeedsNoEnd() {
        #expect(render("a b", line: 1, 2..<3) == "save:1:3: error: bad [bad-thing]\n    a b\n      ^")
        #expect(render("", line: 1, 0..<0) == "save:1:1: error: bad [bad-thing]\n    \n    ^")
    }

    @Test func aLongLineIsCutAroundThePlace() {
        let text = String(repeating: "x", count: 5000) + "Y" + String(repeating: "z", count: 5000)
        let lines = render(text, line: 1, 5000..<5001).split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines.first == "save:1:5001: error: bad [bad-thing]")
        #expect(lines.allSatisfy { $0.count < 200 })
        let caret = lines.last?.firstIndex(of: "^").map {
            lines.last?.distance(from: lines.last?.startIndex ?? $0, to: $0)
        }
        let meant = lines.dropFirst().first.flatMap { line in
            line.firstIndex(of: "Y").map { line.distance(from: line.startIndex, to: $0) }
        }
        #expect(caret == meant && meant != nil)
    }

    @Test func aPlaceThatIsNowhereShowsThePathAlone() {
        let file = SourceFile(path: "save", text: "x")
        #expect(Diagnostic(.note, "n", "told", at: .none).rendered(in: file) == "save: note: told [n]")
        #expect(Diagnostic(.warning, "w", "told", at: .none).rendered(in: file) == "save: warning: told [w]")
    }

    @Test func nothingOfTheInputCanDriveATerminal() {
        let rendered = render("a\u{1b}[31mred\u{202e}x", path: "p\u{7}", line: 1, 1..<2, "'\u{1b}]0;x\u{7}'")
        #expect(
            rendered == "p\\x07:1:2: error: '\\x1b]0;x\\x07' [bad-thing]\n    a\\x1b[31mred\\u{202e}x\n     ^")
        #expect(!rendered.unicodeScalars.contains { $0.value == 0x1b || $0.value == 7 || $0.value == 0x202e })
    }

    @Test(
        "control characters, C1 and overrides are written out",
        arguments: [
            ("plain ä 日本", "plain ä 日本"), ("\t", "\\x09"), ("\n", "\\x0a"), ("\u{7f}", "\\x7f"),
            ("\u{9b}31m", "\\x9b31m"),
            ("a\u{200e}b", "a\\u{200e}b"), ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"), ("", ""),
        ])
    func escapes(text: String, expected: String) { #expect(escapedForTerminal(text) == expected) }

    @Test func severitiesAreOrdered() {
        #expect(Diagnostic.Severity.note < .warning && Diagnostic.Severity.warning < .error)
        #expect([Diagnostic.Severity.note, .warning, .error].map(\.name) == ["note", "warning", "error"])
    }

    @Test func placesTellTheirText() {
        let file = SourceFile(path: "f", text: "one\ntwo\nthree")
        #expect(file.text(Place(file: FileID(0), line: 2, start: 4, end: 7)) == "two")
        #expect(file.line(of: 4) == 2 && file.column(of: 6) == 3)
        #expect(file.lineText(around: 9) == "three")
        // Beyond the end there is nothing, and no trap.
        #expect(file.text(Place(file: FileID(0), line: 9, start: 100, end: 200)).isEmpty)
        #expect(file.line(of: 1000) == 3)
        #expect(MemoryLayout<Place>.size == 16)
    }
}
