import Reports
import Testing

@Suite struct TextRendererTests {
    private func rendered(_ blocks: [Block], width: Int? = nil, usesColor: Bool = false) -> String {
        text { render(Document(blocks), TextStyle(width: width, usesColor: usesColor), into: &$0) }
    }

    @Test func aParagraphIsBrokenAtSpaces() {
        #expect(rendered([.paragraph("one two three four")], width: 9) == "one two\nthree\nfour\n")
        #expect(rendered([.paragraph("one two three four")]) == "one two three four\n")
    }

    @Test func aWordWiderThanTheLineStaysWhole() {
        #expect(rendered([.paragraph("a abcdefghijkl b")], width: 6) == "a\nabcdefghijkl\nb\n")
    }

    @Test func listsHangUnderTheirDash() {
        let items: [[Block]] = [[.paragraph("one two three")], [.paragraph("x"), .verbatim(["y  z"])]]
        #expect(rendered([.list(items)], width: 9) == "- one two\n  three\n- x\n  y  z\n")
    }

    @Test func columnsAreAsWideAsTheirWidestCell() {
        let rows: [[RichText]] = [["a", "first"], ["bbb", "second"]]
        #expect(rendered([.table(rows)]) == "a    first\nbbb  second\n")
        #expect(rendered([.indented([.table(rows)])]) == "  a    first\n  bbb  second\n")
    }

    @Test func theLastColumnIsWrapped() {
        let rows: [[RichText]] = [["ab", "one two three four five six"]]
        #expect(rendered([.table(rows)], width: 24) == "ab  one two three four\n    five six\n")
    }

    @Test func verbatimLinesAreNeverBroken() {
        #expect(rendered([.verbatim(["-A INPUT -j ACCEPT"])], width: 5) == "-A INPUT -j ACCEPT\n")
    }

    @Test func namesCannotDriveATerminal() {
        let hostile = RichText("a\u{1b}[2Jb\nc\u{202e}d", .code)
        for block in [Block.paragraph(hostile), .verbatim([hostile]), .heading(hostile), .table([[hostile, hostile]])] {
            let shown = rendered([block])
            #expect(!shown.contains("\u{1b}"))
            #expect(shown.split(separator: "\n").count == 1)
            #expect(shown.contains("\\x1b[2J"))
            #expect(shown.contains("\\u{202e}"))
        }
    }

    @Test func coloursAreOnlyWhereTheyAreAskedFor() {
        let block = Block.paragraph(RichText([TextRun("DROPPED", .bad), TextRun(" it")]))
        #expect(rendered([block]) == "DROPPED it\n")
        #expect(rendered([block], usesColor: true) == "\u{1b}[1;31mDROPPED\u{1b}[0m it\n")
    }

    @Test func coloursDoNotCountWhereLinesAreBroken() {
        let block = Block.paragraph(RichText([TextRun("one", .bad), TextRun(" two "), TextRun("three", .good)]))
        let plain = rendered([block], width: 8)
        #expect(plain == "one two\nthree\n")
        let colored = rendered([block], width: 8, usesColor: true)
        #expect(colored == "\u{1b}[1;31mone\u{1b}[0m two\n\u{1b}[1;32mthree\u{1b}[0m\n")
        let words = Block.paragraph(RichText("one two", .bad))
        #expect(rendered([words], width: 20, usesColor: true) == "\u{1b}[1;31mone two\u{1b}[0m\n")
    }

    @Test func aBufferPassesPiecesOnAndStopsWhenNobodyReads() {
        var pieces = 0
        var output = OutputBuffer(pieceBytes: 4) { _ in
            pieces += 1
            return pieces < 2
        }
        output.write("abcd")
        let isClosedAtFirst = output.isClosed
        output.write("efgh")
        let isClosedThen = output.isClosed
        output.write("ijkl")
        #expect(!isClosedAtFirst)
        #expect(isClosedThen)
        #expect(pieces == 2)
    }
}
