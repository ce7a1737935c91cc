import Foundation
import Testing

@testable import Pages

/// `Docs/try.html`, the empty page as it is published. `Tools/browser-test` asks its engine.
@Suite struct TryPageTests {
    static let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Docs/try.html")

    /// `page` without the engine's bytes, and these.
    private func parts(_ page: String) throws -> (before: Substring, engine: Substring, after: Substring) {
        let opening = try #require(page.range(of: "<script type=\"text/plain\" id=\"engine\">"))
        let closing = try #require(page.range(of: "</script>", range: opening.upperBound..<page.endIndex))
        return (
            page[..<opening.upperBound], page[opening.upperBound..<closing.lowerBound], page[closing.lowerBound...]
        )
    }

    /// What compilers make differs from one to the next, so the engine is not compared. `UPDATE_GOLDEN=1` puts it in the
    /// page that is made now; `Tools/try-page` makes a new one.
    @Test func aroundItsEngineItIsTheEmptyPageThatIsMadeNow() throws {
        let published = try String(contentsOf: Self.url, encoding: .utf8)
        let made = try parts(
            String(decoding: makePage(title: "", sections: [], answerer: .engineAlone([])), as: UTF8.self))
        let wanted = "\(made.before)\(try parts(published).engine)\(made.after)"
        let updates = ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1"
        if updates { try Data(wanted.utf8).write(to: Self.url) }
        #expect(updates || wanted == published, "Tools/try-page, or UPDATE_GOLDEN=1 where the engine is the same")
    }

    @Test func itHoldsAnEngineAndFitsIntoARepository() throws {
        let published = try String(contentsOf: Self.url, encoding: .utf8)
        let engine = try #require(Data(base64Encoded: String(try parts(published).engine)))
        #expect(engine.starts(with: [0x1f, 0x8b]) && engine.count < 2_300_000, "\(engine.count)")
    }
}
