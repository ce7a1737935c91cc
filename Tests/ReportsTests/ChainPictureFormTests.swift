import Annotations
import ChainGraph
import PathModel
import Reports
import RuleModel
import SourceText
import Testing

@Suite struct ChainPictureFormTests {
    private func dot(_ linked: LinkedRuleset, _ settings: DotSettings = DotSettings()) -> String {
        text { writeDot(ChainPicture(AnnotatedRuleset(linked)), settings, into: &$0) }
    }

    private func mermaid(_ linked: LinkedRuleset) -> String {
        text { writeMermaid(ChainPicture(AnnotatedRuleset(linked)), into: &$0) }
    }

    private let rules = """
        *filter
        :INPUT DROP [5:300]
        :FORWARD ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        :DOCKER - [0:0]
        :LONELY - [0:0]
        [95:5700] -A INPUT -p tcp -j ACCEPT
        [0:0] -A INPUT -j GONE
        [12:720] -A FORWARD -i eth0 -j DOCKER
        [8:480] -A FORWARD -i eth1 -j DOCKER
        COMMIT

        """

    @Test func inTheLanguageOfGraphviz() throws {
        var settings = DotSettings()
        settings.title = "node-a"
        settings.link = { "#chain-\($0.index)" }
        let written = dot(try World(rules).model.linked, settings)
        #expect(written == expectedDot, "\(written)")
    }

    @Test func inTheLanguageOfMermaid() throws {
        let written = mermaid(try World(rules).model.linked)
        #expect(written == expectedMermaid, "\(written)")
    }

    @Test func theSameRulesGiveTheSameBytes() throws {
        let linked = try World(rules).model.linked
        #expect(dot(linked) == dot(linked))
        #expect(mermaid(linked) == mermaid(linked))
    }

    private func hostile() -> LinkedRuleset {
        var names = NameTable()
        var ruleset = Ruleset()
        var table = Table(family: .ip, backend: .nfTables, name: names.intern("t\">&<"), place: .none)
        table.chains = [Chain(name: names.intern("a\"]<b>;\\x|{}&amp;'\n\u{1b}\u{202e}\u{fffe}"), place: .none)]
        ruleset.tables = [table]
        return LinkedRuleset(ruleset, names: names)
    }

    @Test func namesAreNoMarkupForGraphviz() {
        let graph = dot(hostile())
        let shown = "a&quot;]&lt;b&gt;;\\x|{}&amp;amp;&#39;\\x0a\\x1b\\u{202e}\\u{fffe}"
        #expect(graph.contains("label=<<B>\(shown)</B><BR/>") == true, "\(graph)")
        #expect(
            graph.contains(
                "    \"ip t\\\">&amp;</a\\\"]<b>;\\\\x|{}&amp;amp;'\\\\x0a\\\\x1b\\\\u{202e}\\\\u{fffe}\" [class=")
                == true,
            "\(graph)")
        #expect(graph.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && $0.value < 0x2000 || $0 == "…" })
    }

    @Test func namesAreNoMarkupForMermaid() {
        let picture = mermaid(hostile())
        #expect(
            picture.contains(
                "n0[\"a#34;#93;#60;b#62;#59;#92;x#124;#123;#125;#38;amp#59;#39;#92;x0a#92;x1b#92;u#123;202e#125;")
                == true, "\(picture)")
    }

    @Test func aLongNameIsShortenedInTheMiddle() {
        var names = NameTable()
        var ruleset = Ruleset()
        var table = Table(family: .ip, backend: .nfTables, name: names.intern("t"), place: .none)
        let name = String(repeating: "a", count: 5000) + "END"
        table.chains = [Chain(name: names.intern(name), place: .none)]
        ruleset.tables = [table]
        let graph = dot(LinkedRuleset(ruleset, names: names))
        #expect(graph.contains("<B>\(String(repeating: "a", count: 23))…aaaaaaaaaEND</B>"))
        // All of it is there to be read, once.
        #expect(graph.contains("tooltip=\"\(name)\""))
    }
}

private let expectedDot = ""
private let expectedMermaid = ""
