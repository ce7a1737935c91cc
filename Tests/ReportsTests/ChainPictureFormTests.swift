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

    private func hostile(_ base: BaseChain? = nil) -> LinkedRuleset {
        var names = NameTable()
        var ruleset = Ruleset()
        var table = Table(family: .ip, backend: .nfTables, name: names.intern("t\">&<"), place: .none)
        let name = names.intern("a\"]<b>;\\x|{}&amp;'\n\u{1b}\u{202e}\u{fffe}")
        table.chains = [Chain(name: name, base: base, place: .none)]
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

    @Test func norAreThoseOfTablesAtTheHooks() {
        let linked = hostile(BaseChain(hook: .forward, priority: 0, type: .filter, policy: .accept))
        #expect(
            dot(linked).contains(
                "<B>forward</B><BR/><FONT POINT-SIZE=\"10\" COLOR=\"#57606a\">t&quot;&gt;&amp;&lt;</FONT>>"))
        #expect(mermaid(linked).contains("[\"forward<br/>t#34;#62;#38;#60;\"]"))
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

private let expectedDot = #"""
    digraph "node-a" {
      graph [class=picture, id="chain-picture", rankdir=TB, remincross=false, fontname="Helvetica,Arial,sans-serif", fontsize=16, bgcolor="#ffffff", fontcolor="#1b1f24", pad=0.3, nodesep=0.22, ranksep="0.42", labelloc=t, labeljust=l, label=<<B>node-a</B><BR ALIGN="LEFT"/><FONT POINT-SIZE="10" COLOR="#57606a">Hooks from left to right as packets meet them, tables from top to bottom by priority</FONT><BR ALIGN="LEFT"/><FONT POINT-SIZE="10" COLOR="#57606a">A thin pale arrow: no packet counted</FONT><BR ALIGN="LEFT"/><FONT POINT-SIZE="11" COLOR="#b3400a"><B>filter/INPUT:2 jumps to &#39;GONE&#39;, which is not in the table</B></FONT><BR ALIGN="LEFT"/>>];
      node [shape=box, style="rounded,filled", fontname="Helvetica,Arial,sans-serif", fontsize=12, height=0.3, margin="0.12,0.06", fontcolor="#1b1f24"];
      edge [fontname="Helvetica,Arial,sans-serif", fontsize=10, color="#57606a", fontcolor="#57606a", arrowsize=0.7];
      subgraph "cluster A packet's way from hook to hook" {
        graph [class=band, label=<<B>A packet&#39;s way from hook to hook</B><BR ALIGN="LEFT"/>>, style="rounded,filled", fillcolor="#f6f8fa", color="#c9d1d9", fontsize=14, labeljust=l, margin=14];
        edge [class=way, color="#3b6ea5", penwidth=1.5];
        "packet: prerouting" [class="between", style=rounded, color="#9aa4af", label=<<B>prerouting</B><BR/><FONT POINT-SIZE="10" COLOR="#57606a">no chain</FONT>>];
        "packet: routing" [class="between", shape=ellipse, style=solid, color="#9aa4af", label=<<FONT POINT-SIZE="11">routing</FONT>>];
        "packet: forward" [class="hook", fillcolor="#ffffff", color="#3b6ea5", penwidth=2, label=<<B>forward</B><BR/><FONT POINT-SIZE="10" COLOR="#57606a">filter</FONT>>];
        "packet: postrouting" [class="between", style=rounded, color="#9aa4af", label=<<B>postrouting</B><BR/><FONT POINT-SIZE="10" COLOR="#57606a">no chain</FONT>>];
        "packet: input" [class="hook", fillcolor="#ffffff", color="#3b6ea5", penwidth=2, label=<<B>input</B><BR/><FONT POINT-SIZE="10" COLOR="#57606a">filter</FONT>>];
        "packet: this host" [class="between", shape=ellipse, style=solid, color="#9aa4af", label=<<FONT POINT-SIZE="11">this host</FONT>>];
        "packet: output" [class="hook", fillcolor="#ffffff", color="#3b6ea5", penwidth=2, label=<<B>output</B><BR/><FONT POINT-SIZE="10" COLOR="#57606a">filter</FONT>>];
        { node [shape=point, width=0.02, height=0.02, style=invis, label=""]; thread_way_0_0; thread_way_0_1 }
        thread_way_0_0 -> thread_way_0_1 [style=invis, weight=50];
        { rank=same; thread_way_0_0 -> "packet: prerouting" [style=invis, weight=2]; edge [minlen=2]; "packet: prerouting" -> "packet: routing" -> "packet: forward" -> "packet: postrouting" }
        { rank=same; thread_way_0_1 -> "packet: input" [style=invis, weight=2]; edge [minlen=2]; "packet: input" -> "packet: this host" -> "packet: output" }
        "packet: routing" -> "packet: input";
        "packet: postrouting" -> "packet: output" [dir=back];
      }
      subgraph "cluster ip filter" {
        graph [class=band, label=<<B>ip filter</B><BR ALIGN="LEFT"/>>, style="rounded,filled", fillcolor="#f6f8fa", color="#c9d1d9", fontsize=14, labeljust=l, margin=14];
        "ip filter/INPUT" [class="none base drops", fillcolor="#ffffff", color="#b3400a", penwidth=3, id="chain-node-0", URL="#chain-0", tooltip="INPUT", label=<<B>INPUT</B><BR/><FONT POINT-SIZE="10" COLOR="#57606a">input, priority 0</FONT><BR/><FONT POINT-SIZE="11" COLOR="#b3400a"><B>policy DROP: 5 packets</B></FONT><BR/><FONT POINT-SIZE="11">2 rules</FONT><BR/><FONT POINT-SIZE="10" COLOR="#57606a">accepts 95 %, drops 5 %</FONT><BR/><FONT POINT-SIZE="10" COLOR="#57606a">of 100 packets</FONT>>];
        "ip filter/FORWARD" [class="none base", fillcolor="#ffffff", color="#6e7781", penwidth=2, id="chain-node-1", URL="#chain-1", tooltip="FORWARD", label=<<B>FORWARD</B><BR/><FONT POINT-SIZE="10" COLOR="#57606a">forward, priority 0</FONT><BR/><FONT POINT-SIZE="10" COLOR="#57606a">policy ACCEPT</FONT><BR/><FONT POINT-SIZE="11">2 rules</FONT>>];
        "ip filter/OUTPUT" [class="none base", fillcolor="#ffffff", color="#6e7781", penwidth=2, id="chain-node-2", URL="#chain-2", tooltip="OUTPUT", label=<<B>OUTPUT</B><BR/><FONT POINT-SIZE="10" COLOR="#57606a">output, priority 0</FONT><BR/><FONT POINT-SIZE="10" COLOR="#57606a">policy ACCEPT</FONT><BR/><FONT POINT-SIZE="11">0 rules</FONT>>];
        "ip filter/DOCKER" [class="sky", fillcolor="#e0f3fd", color="#2a86b8", id="chain-node-3", URL="#chain-3", tooltip="DOCKER, lets published ports of containers in", label=<<B>DOCKER</B><BR/><FONT POINT-SIZE="11">0 rules · Docker</FONT><BR/><FONT POINT-SIZE="10" COLOR="#57606a">lets published ports of containers</FONT><BR/><FONT POINT-SIZE="10" COLOR="#57606a">in</FONT>>];
        "ip filter/LONELY" [class="none unreferenced", fillcolor="#ffffff", color="#6e7781", style="rounded,filled,dashed", id="chain-node-4", URL="#chain-4", tooltip="LONELY", label=<<B>LONELY</B><BR/><FONT POINT-SIZE="11" COLOR="#b3400a"><B>nothing jumps here</B></FONT><BR/><FONT POINT-SIZE="11">0 rules</FONT>>];
        "ip filter/GONE" [class="missing", shape=octagon, style=filled, fillcolor="#fde4d8", color="#b3400a", penwidth=2, tooltip="GONE", label=<<B>GONE</B><BR/><FONT POINT-SIZE="11" COLOR="#b3400a"><B>not in the table</B></FONT>>];
        { node [shape=point, width=0.02, height=0.02, style=invis, label=""]; thread_0_0; thread_0_1 }
        thread_0_0 -> thread_0_1 [style=invis, weight=50];
        { rank=same; edge [style=invis, weight=2]; thread_0_0 -> "ip filter/INPUT" -> "ip filter/FORWARD" -> "ip filter/OUTPUT" -> "ip filter/LONELY" }
      }
      thread_way_0_1 -> thread_0_0 [style=invis, weight=50];
      "ip filter/INPUT" -> "ip filter/GONE" [class=wrong, color="#b3400a", penwidth=3];
      "ip filter/FORWARD" -> "ip filter/DOCKER" [penwidth=2.5, label="2 rules, 20 packets"];
    }

    """#
private let expectedMermaid = #"""
    flowchart TB
      subgraph w0["A packet#39;s way from hook to hook"]
        direction LR
        w0p0["prerouting<br/>no chain"]
        class w0p0 between
        w0p1(["routing"])
        class w0p1 between
        w0p2["forward<br/>filter"]
        class w0p2 hook
        w0p3["postrouting<br/>no chain"]
        class w0p3 between
        w0p0 --> w0p1
        w0p1 --> w0p2
        w0p2 --> w0p3
        w0l0["input<br/>filter"]
        class w0l0 hook
        w0l1(["this host"])
        class w0l1 between
        w0l2["output<br/>filter"]
        class w0l2 hook
        w0l0 --> w0l1
        w0l1 --> w0l2
        w0p1 --> w0l0
        w0l2 --> w0p3
      end
      subgraph t0["ip filter"]
        n0["INPUT<br/>input, priority 0<br/>policy DROP: 5 packets<br/>2 rules<br/>accepts 95 #37;, drops 5 #37;<br/>of 100 packets"]
        class n0 none
        class n0 drops
        n1["FORWARD<br/>forward, priority 0<br/>policy ACCEPT<br/>2 rules"]
        class n1 none
        n2["OUTPUT<br/>output, priority 0<br/>policy ACCEPT<br/>0 rules"]
        class n2 none
        n3["DOCKER<br/>0 rules · Docker<br/>lets published ports of containers<br/>in"]
        class n3 sky
        n4["LONELY<br/>nothing jumps here<br/>0 rules"]
        class n4 none
        class n4 unreferenced
        n5["GONE<br/>not in the table"]
        class n5 missing
      end
      w0 ~~~ n0
      n0 --> n5
      n1 -->|"2 rules, 20 packets"| n3
      classDef blue fill:#dcebf7,stroke:#0072b2,color:#1b1f24
      classDef orange fill:#fdf0d5,stroke:#b87a00,color:#1b1f24
      classDef green fill:#d9f2e8,stroke:#00795a,color:#1b1f24
      classDef sky fill:#e0f3fd,stroke:#2a86b8,color:#1b1f24
      classDef purple fill:#f7e3ee,stroke:#a84f80,color:#1b1f24
      classDef yellow fill:#fbf8cf,stroke:#8a8100,color:#1b1f24
      classDef none fill:#ffffff,stroke:#6e7781,color:#1b1f24
      classDef drops stroke:#b3400a,stroke-width:3px
      classDef missing fill:#fde4d8,stroke:#b3400a,color:#1b1f24
      classDef unreferenced stroke-dasharray:4
      classDef hook fill:#ffffff,stroke:#3b6ea5,stroke-width:2px,color:#1b1f24
      classDef between fill:#ffffff,stroke:#9aa4af,color:#57606a
      %% filter/INPUT:2 jumps to 'GONE', which is not in the table

    """#
