import Testing

@testable import CommandLineTool

@Suite struct ReportCommandTests {
    @Test func aPageIsWrittenToItsFile() {
        let call = call(["report", "-", "-o", "page.html"])
        #expect(call.status == 0, "\(call.error)")
        let page = call.written["page.html"] ?? ""
        #expect(page.hasPrefix("<!DOCTYPE html>") && page.hasSuffix("</html>\n"))
        #expect(page.contains("data-answers=\"none\""))
        #expect(call.error.contains("no engine.wasm") && call.error.contains("[no-engine]"))
    }

    @Test func itGoesToStandardOutputButToNoTerminal() {
        #expect(call(["report", "-"]).output.hasPrefix("<!DOCTYPE html>"))
        let refused = call(["report", "-"], Around(outputIsTerminal: true))
        #expect(refused.status == 2 && refused.output.isEmpty)
    }

    @Test(
        "calls that can't be are refused",
        arguments: [
            ["report"], ["report", "--empty", "-"], ["report", "--empty", "--live"], ["report", "--empty"],
            ["report", "-", "--engine", "/dev/null"], ["report", "-", "--engine", "/nowhere/engine.wasm"],
            ["report", "-", "-o", "/nowhere/page.html"], ["serve"], ["serve", "-", "--listen", "4680"],
            ["serve", "-", "--listen", "localhost:4680"], ["serve", "-", "--listen", "127.0.0.1:65536"],
            ["serve", "-", "--listen", "192.0.2.77:0"],
        ])
    func refused(_ arguments: [String]) {
        let call = call(arguments)
        #expect(call.status == 2)
        #expect(call.output.isEmpty && call.error.contains("error:"), "\(call.error)")
        #expect(call.error.split(separator: "\n").count <= 2)
    }

    @Test func serveTellsItsAddress() {
        let loopback = call(["serve", "-", "--listen", "127.0.0.1:0"])
        #expect(loopback.status == 0 && loopback.output.hasPrefix("http://127.0.0.1:"))
        #expect(!loopback.output.contains("token"))
        let all = call(["serve", "-", "--listen", "0.0.0.0:0"])
        #expect(all.output.contains("/?token=") && all.output.split(separator: "=").last?.count == 33)
    }
}
