import Annotations
import PathModel
import Reports
import SourceText
import Testing

@Suite struct TracePageTests {
    private func report(_ rules: String, _ change: (inout World) throws -> TraceAnswer) throws -> (Document, String) {
        var world = try World(rules)
        let answer = try change(&world)
        let document = traceReport(
            answer, world.model, annotations: AnnotatedRuleset(world.model.linked), files: world.files, detail: .path)
        return (document, traceTitle(answer))
    }

    private func page(_ rules: String) throws -> String {
        let (document, title) = try report(rules) { world in world.answer(try World.packet()) }
        return String(decoding: tracePage(document, title: title), as: UTF8.self)
    }

    private func dot(_ rules: String) throws -> String {
        let (document, title) = try report(rules) { world in world.answer(try World.packet()) }
        return text { writePathDot(document, title: title, into: &$0) }
    }

    private let translated =
        "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n"
        + "-A PREROUTING -p tcp -m tcp --dport 22 -j DNAT --to-destination 10.1.0.7:2222\nCOMMIT\n"
        + "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"
        + "-A FORWARD -d 10.1.0.7/32 -j DROP\nCOMMIT\n"

    @Test func thePathIsAListOfHooksWithWhatChangedAndWhatDecided() throws {
        let made = try page(translated)
        #expect(made.contains("<h1>tcp 198.51.100.7:40000 -&gt; 192.0.2.1:22</h1>"))
        #expect(made.contains("<b class=\"bad\">DROPPED</b>"))
        #expect(made.contains("<h2>Path</h2>"))
        #expect(
            made.contains("<li class=\"hook\"><h4><b>PREROUTING</b><span class=\"quiet\"> in eth0</span></h4>"))
        #expect(
            made.contains(
                "<p class=\"now\">The packet is now <code>tcp 198.51.100.7:40000 -&gt; 10.1.0.7:2222</code></p>"))
        #expect(
            made.contains("<code>-A FORWARD -d 10.1.0.7/32 -j DROP</code> <span class=\"mark\">decides</span></li>"))
        #expect(made.components(of: "class=\"mark\"") == 1)
    }

    @Test func aPictureTellsTheSame() throws {
        let made = try dot(translated)
        #expect(made.contains("<B>PREROUTING</B>"))
        #expect(
            made.contains(
                "s1 -> s2 [class=\"way\", label=<<FONT COLOR=\"#a84f80\"><B>&#160;tcp 198.51.100.7:40000 -&gt; 10.1.0.7:2222"
            )
        )
        #expect(
            made.contains(
                "&#9654;&#160;</B></FONT><FONT COLOR=\"#57606a\">:12 &#160;</FONT><B>-A FORWARD -d 10.1.0.7/32 -j DROP</B>"
            ))
        #expect(made.contains("class=\"lost\""))
    }

    @Test func waysThatAreOpenGoOnSideBySide() throws {
        let open = filter("-A INPUT -m limit --limit 5/sec -j ACCEPT", "-A INPUT -j DROP")
        let made = try page(open)
        #expect(made.components(of: "<section class=\"branch\">") == 2)
        #expect(made.contains("<li class=\"delivered\">"))
        #expect(made.contains("<li class=\"lost\">"))
        let graph = try dot(open)
        #expect(graph.components(of: "[class=\"open\", style=dashed") == 2)
    }

    @Test func aPageRunsNothingAndAsksNobody() throws {
        let made = try page(translated)
        let start = try #require(made.range(of: "<style>")).upperBound
        let end = try #require(made.range(of: "</style>")).lowerBound
        let digest = SHA2.digest(Array(made[start..<end].utf8))
        #expect(
            made.contains(
                "content=\"default-src 'none'; style-src 'sha256-\(base64(digest))'; base-uri 'none'; form-action 'none'\""
            ))
        for word in ["<script", "src=", "http:", "https:", "url(", "@import", "style=\"", "onload"] {
            #expect(!made.contains(word), "\(word)")
        }
    }

    @Test func textOfRulesIsNoMarkup() throws {
        let evil = "</code></style><script>alert(1)</script>' onx=\\\"&lt;"
        let rules = filter("-A INPUT -m comment --comment \"\(evil)\" -j DROP")
        let made = try page(rules)
        #expect(!made.contains("<script"))
        #expect(made.contains("&lt;/code&gt;&lt;/style&gt;&lt;script&gt;alert(1)&lt;/script&gt;&#39; onx="))
        let graph = try dot(rules)
        #expect(!graph.contains("<script"))
        #expect(graph.contains("&lt;script&gt;"))
    }
}

extension String {
    /// How often `part` is in it.
    fileprivate func components(of part: String) -> Int { ranges(of: part).count }

    fileprivate func range(of part: String) -> Range<String.Index>? { ranges(of: part).first }
}

private func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var bits = bytes.flatMap { byte in (0..<8).map { byte >> (7 - UInt8($0)) & 1 } }
    while bits.count % 6 != 0 { bits.append(0) }
    var text = ""
    for start in stride(from: 0, to: bits.count, by: 6) {
        text.append(digits[bits[start..<start + 6].reduce(0) { $0 * 2 + Int($1) }])
    }
    while text.count % 4 != 0 { text += "=" }
    return text
}
