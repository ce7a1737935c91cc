import Foundation
import Reports
import SourceText
import Testing

/// What becomes of text and documents in a page.
@Suite struct MarkupTests {
    private func markup(_ document: Document, anchor: String? = nil) -> String {
        var page = MarkupWriter { _ in anchor }
        page.write(document)
        return String(decoding: page.bytes, as: UTF8.self)
    }

    @Test(
        "nothing of a text is markup",
        arguments: [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("a\" onload='x'", "a&quot; onload=&#39;x&#39;"),
            ("&lt;`", "&amp;lt;`"), ("\u{0}\u{1b}[31m", "\\x00\\x1b[31m"),
            ("\u{202e}abc\u{2066}", "\\u{202e}abc\\u{2066}"),
            ("</title><!--", "&lt;/title&gt;&lt;!--"), ("é—", "é—"),
        ])
    func escapes(_ text: String, _ expected: String) {
        var page = MarkupWriter()
        page.text(text)
        #expect(String(decoding: page.bytes, as: UTF8.self) == expected)
        let hostile = RichText([
            TextRun(text), TextRun(text, .strong), TextRun(text, .quiet), TextRun(text, .good), TextRun(text, .bad),
            TextRun(text, .doubtful), TextRun(text, .code), TextRun(text, .changed),
        ])
        let all = markup(
            Document([
                .heading(hostile), .paragraph(hostile), .list([[.paragraph(hostile)]]), .table([[hostile, hostile]]),
                .verbatim([hostile]), .indented([.paragraph(hostile)]), .space,
            ]))
        if text != expected { #expect(!all.contains(text)) }
        #expect(all.components(separatedBy: expected).count > 50)
    }

    @Test func eachRoleHasItsElement() {
        let text = RichText([TextRun("a"), TextRun("b", .code), TextRun("c", .bad)])
        #expect(markup(Document([.paragraph(text)])) == "<p>a<code>b</code><b class=\"bad\">c</b></p>\n")
    }

    @Test func whatHasAPlaceLeadsThere() {
        let place = Place(file: FileID(0), line: 3, start: 10, end: 20)
        let text = RichText([TextRun("rule", .code, at: place)])
        #expect(
            markup(Document([.verbatim([text])]), anchor: "c1r2")
                == "<pre><a href=\"#c1r2\"><code>rule</code></a>\n</pre>\n")
        #expect(markup(Document([.verbatim([text])])) == "<pre><code>rule</code>\n</pre>\n")
    }

    @Test(
        "base64 is RFC 4648's",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy"),
        ])
    func base64(_ plain: String, _ expected: String) {
        #expect(String(decoding: Reports.base64(Array(plain.utf8)), as: UTF8.self) == expected)
    }
}
