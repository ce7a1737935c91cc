import CommandLineTool
import Foundation
import SourceText
import Testing

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite struct GraphCommandTests {
    private func call(_ line: String, _ around: Around = Around()) -> Call { CommandLineToolTests.call(line, around) }

    @Test func aGraphIsDotUnlessTheFileSaysOtherwise() {
        let beginning = "digraph \"Chain graph: 3 chains, 4 rules\" {\n"
        #expect(call("graph -").output.hasPrefix(beginning))
        #expect(call("graph - --format mermaid").output.hasPrefix("flowchart TB\n"))
        for name in ["a.dot", "a.gv"] {
            #expect(call("graph - -o \(name)").written[name]?.hasPrefix(beginning) == true)
        }
        for name in ["a.mmd", "a.mermaid"] {
            #expect(call("graph - --output=\(name)").written[name]?.hasPrefix("flowchart TB\n") == true)
        }
        #expect(call("graph - -o a.svg").written["a.svg"]?.hasPrefix("<svg ") == true)
        #expect(call("graph - -o a.png").written["a.png"]?.contains("PNG") == true)
        #expect(call("graph - -o a.txt --format dot").written["a.txt"]?.hasPrefix(beginning) == true)
        #expect(call("graph - -o -").output.hasPrefix("digraph"))
    }

    @Test func aFileThatCannotBeWrittenIsTold() {
        for name in ["a.dot", "a.svg", "a.png"] {
            let failed = call("graph - -o /nowhere/\(name)")
            #expect(failed.status == 2)
            #expect(failed.error == "/nowhere/\(name): error: open: no such file or directory\n")
            #expect(failed.output == "")
        }
    }

    @Test func anImageIsNotSentToATerminal() {
        var around = Around()
        around.outputIsTerminal = true
        let refused = call("graph - --format png", around)
        #expect(refused.status == 2)
        #expect(refused.output == "")
        #expect(refused.error == "hookline: error: an image is no text for a terminal: -o FILE.png, or a pipe\n")
        #expect(call("graph - --format png").outputBytes.starts(with: [0x89, 0x50, 0x4e, 0x47]))
    }

    @Test func theDrawingHasEveryChainAndSaysWhatItIs() throws {
        let svg = call("graph - --format svg").output
        let drawing = try #require(Drawing(svg))
        #expect(drawing.titles.contains("Chain graph: 3 chains, 4 rules"))
        #expect(
            drawing.titles.filter { $0.hasPrefix("ip filter/") }.sorted() == [
                "ip filter/FORWARD", "ip filter/INPUT", "ip filter/OUTPUT",
            ])
        #expect(drawing.texts.contains("policy DROP"))
        #expect(drawing.ids.isSuperset(of: ["chain-picture", "chain-node-0", "chain-node-1", "chain-node-2"]))
    }

    @Test func hostileNamesStayText() throws {
        var around = Around()
        around.input = """
            table inet t {
            \tcomment "</title><script>alert(1)</script>"
            \tchain "a<script>&amp;'b" {
            \t\ttype filter hook input priority filter; policy drop;
            \t\tjump "]]>--><svg"
            \t}
            \tchain "]]>--><svg" {
            \t}
            }

            """
        let made = call("graph - --format svg", around)
        #expect(made.status == 0, "\(made.error)")
        let drawing = try #require(Drawing(made.output))
        #expect(drawing.texts.contains("a<script>&amp;'b"))
        #expect(drawing.titles.contains("inet t/]]>--><svg"))
        #expect(
            drawing.elements.subtracting(["svg", "style", "g", "title", "polygon", "path", "ellipse", "text", "a"])
                == [])
    }

    @Test func tooManyNodesAreToldAndNotDrawn() {
        var rules = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
        for index in 0..<1500 { rules += ":chain\(index) - [0:0]\n" }
        for index in 0..<1500 { rules += "-A INPUT -j chain\(index)\n" }
        var around = Around()
        around.input = rules + "COMMIT\n"
        let refused = call("graph - --format svg", around)
        #expect(refused.status == 2)
        #expect(refused.output == "")
        #expect(
            refused.error.hasSuffix(
                "hookline: error: 1503 nodes are too many for a picture, which holds 500; --hook, --table, --chain,"
                    + " --depth, --owner and --fold make it smaller, dot and mermaid take it whole\n"))
        #expect(call("graph - --format dot", around).status == 0)
        #expect(call("graph - --format svg --hook output", around).status == 0)
    }
}

/// An SVG that was read as XML.
private final class Drawing: NSObject, XMLParserDelegate {
    var titles: [String] = []
    var texts: [String] = []
    var ids: Set<String> = []
    var elements: Set<String> = []
    private var open: [String] = []

    /// `nil` where it is no well-formed XML.
    init?(_ svg: String) {
        super.init()
        let parser = XMLParser(data: Data(svg.utf8))
        parser.delegate = self
        guard parser.parse() else { return nil }
    }

    func parser(
        _: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        elements.insert(name)
        open.append(name)
        if let id = attributes["id"] { ids.insert(id) }
        if name == "title" { titles.append("") }
        if name == "text" { texts.append("") }
    }

    func parser(_: XMLParser, foundCharacters text: String) {
        if open.last == "title" { titles[titles.count - 1] += text }
        if open.last == "text" { texts[texts.count - 1] += text }
    }

    func parser(_: XMLParser, didEndElement _: String, namespaceURI: String?, qualifiedName: String?) {
        open.removeLast()
    }
}
