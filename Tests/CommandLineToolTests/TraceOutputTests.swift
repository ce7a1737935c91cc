import CommandLineTool
import SourceText
import Testing

@Suite struct TraceOutputTests {
    private let packet = "trace - --in eth0 --from 198.51.100.7 --to 192.0.2.1:23/tcp"

    @Test func theEndingTellsTheForm() {
        let page = call("\(packet) -o path.html")
        #expect(page.status == 0)
        #expect(page.output == "")
        #expect(page.written["path.html"]?.hasPrefix("<!DOCTYPE html>\n") == true)
        #expect(call("\(packet) --output path.htm").written["path.htm"]?.hasPrefix("<!DOCTYPE html>\n") == true)
        let picture = call("\(packet) -o path.svg").written["path.svg"]
        #expect(picture?.hasPrefix("<svg ") == true)
        #expect(picture?.contains("DROPPED") == true)
        #expect(call("\(packet) -o path.png").written["path.png"]?.contains("PNG") == true)
    }

    @Test func theStatusIsThatOfTheAnswer() {
        #expect(call("\(packet) -o path.html --expect accept").status == 1)
        #expect(call("\(packet) -o path.svg --expect drop").status == 0)
    }

    static let wrong: [(String, String)] = [
        ("-o path.txt", "the name 'path.txt' does not tell the format: .svg, .png or .html"),
        ("-o path", "the name 'path' does not tell the format: .svg, .png or .html"),
        ("-o path.svg --json", "--json goes to standard output; -o draws"),
    ]

    @Test("what can't be drawn is told", arguments: wrong) func refused(_ options: String, _ message: String) {
        let refused = call("\(packet) \(options)")
        #expect(refused.status == 2)
        #expect(refused.error == "hookline: error: \(message)\n")
        #expect(refused.output == "" && refused.written.isEmpty)
    }

    @Test func manyPacketsAreNotDrawn() {
        let refused = call("trace rules --packets - -o path.svg")
        #expect(refused.status == 2)
        #expect(refused.error == "hookline: error: -o draws one packet; --packets brings many\n")
    }

    @Test func aFileThatCannotBeWrittenIsTold() {
        let failed = call("\(packet) -o /nowhere/path.html")
        #expect(failed.status == 2)
        #expect(failed.error == "/nowhere/path.html: error: open: no such file or directory\n")
    }
}
