import Answers
import Foundation
import Snapshot
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

    @Test(
        "a page is called as its snapshot is, and not by where that lies",
        arguments: [
            ("/home/me/node-a.tar.gz", nil, "node-a.tar.gz"), ("captures/node-a/", nil, "node-a"),
            (".", "/home/me/node-a", "node-a"), ("captures/..", "/home/me", "me"), (".", nil, "worker-1"),
            ("/", "/", "worker-1"), ("-", nil, "worker-1"),
        ])
    func title(_ path: String, _ fullPath: String?, _ title: String) {
        var surroundings = Surroundings.process()
        surroundings.fullPath = { $0 == path ? fullPath : nil }
        var node = NodeState()
        node.name = "worker-1"
        let console = Console(surroundings: surroundings)
        #expect(pageTitle([path], CommonSettings(), node, console) == title)
        #expect(pageTitle([path, "sets.txt"], CommonSettings(), node, console) == "worker-1")
    }

    @Test func aPageOfStandardInputIsCalledAsItsNode() {
        let page = call(["report", "-"]).output
        #expect(page.contains("<title>Snapshot \u{2013} hookline</title>") && page.contains("<h1>Snapshot</h1>"))
    }

    @Test func whatChangedIsToldByTheNamesOfTheSnapshotsAndNotByWhereTheyLie() throws {
        let changed = hostSnapshot.replacing("--dport 22", with: "--dport 2222")
        let folder = try Folder(["old/node.txt": hostSnapshot, "new/node.txt": changed, "late.txt": changed])
        let page = call(["report", "--before", folder["old/node.txt"], folder["late.txt"]]).output
        #expect(page.contains("<pre><b class=\"bad\">- </b>node.txt\n<b class=\"good\">+ </b>late.txt\n</pre>"))
        #expect(page.contains("<span class=\"quiet\">late.txt:7: </span>"))
        #expect(page.contains("<th scope=\"col\">node.txt</th><th scope=\"col\">late.txt</th>"))
        #expect(!page.contains(folder.path))
        let alike = call(["report", "--before", folder["old/node.txt"], folder["new"]]).output
        #expect(alike.contains("node.txt") && alike.contains("new/node.txt:7") && !alike.contains(folder.path))
        let same = call(["report", "--before", folder["old/node.txt"], folder["new/node.txt"]]).output
        #expect(same.contains("- </b>node.txt (earlier)\n"))
        #expect(same.contains("+ </b>node.txt (later)\n"))
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
