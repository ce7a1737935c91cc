import Foundation
import Testing

/// The examples of `Docs/`: a block that begins with `$ hookline` holds the call and what it writes.
///
/// `UPDATE_GOLDEN=1 swift test --filter PageTests` writes them anew.
@Suite(.serialized) struct PageTests {
    static let docs = GoldenTests.root.appendingPathComponent("Docs")

    static let pages: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: docs.path)) ?? []
        return names.filter { $0.hasSuffix(".md") }.sorted()
    }()

    @Test("the examples of a page are what the program writes", arguments: pages)
    func examples(_ page: String) throws {
        let url = Self.docs.appendingPathComponent(page)
        let text = try String(contentsOf: url, encoding: .utf8)
        var result: [Substring] = []
        var isInside = false
        var isExample = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "```" {
                isInside.toggle()
                isExample = false
                result.append(line)
                continue
            }
            if isInside, line.hasPrefix("$ hookline ") {
                isExample = true
                result.append(line)
                let words = line.split(separator: " ").dropFirst(2).map(String.init)
                let call = GoldenTests.call(words)
                #expect(call.status == 0, "\(line): \(call.error)")
                result += call.output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            } else if !isExample {
                result.append(line)
            }
        }
        let wanted = result.joined(separator: "\n")
        if GoldenTests.updates { try Data(wanted.utf8).write(to: url) }
        #expect(GoldenTests.updates || wanted == text, "\(page)")
    }
}
