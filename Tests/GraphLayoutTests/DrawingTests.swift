import Foundation
import GraphLayout
import Testing

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite struct DrawingTests {
    private func text(_ dot: String, style: String = "") throws -> String {
        String(decoding: try draw(dot, as: .svg(style: style)).bytes, as: UTF8.self)
    }

    @Test func aDrawingOfLinesIsOneElement() throws {
        let svg = try text("digraph { a -> b }")
        #expect(svg.hasPrefix("<svg "))
        #expect(svg.hasSuffix("</svg>\n"))
        #expect(!svg.contains("DOCTYPE"))
        #expect(!svg.contains("<style"))
        #expect(XMLParser(data: Data(svg.utf8)).parse())
    }

    @Test func aStyleSheetStandsInIt() throws {
        let svg = try text("digraph { a }", style: "text{fill:red}\n")
        #expect(svg.contains(">\n<style>\ntext{fill:red}\n</style>\n"))
        #expect(XMLParser(data: Data(svg.utf8)).parse())
    }

    @Test func anImageIsAPNG() throws {
        let drawing = try draw("digraph { a -> b }", as: .png)
        #expect(drawing.bytes.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]))
        #expect(drawing.warnings == [])
    }

    @Test func whatCannotBeReadIsTold() {
        func message(_ dot: String) -> String {
            do {
                _ = try draw(dot, as: .png)
                return "drawn"
            } catch { return error.message }
        }
        #expect(message("digraph { a -> ").hasPrefix("Graphviz can't read the graph: Error: syntax error in line 1"))
        #expect(message("") == "Graphviz can't read the graph")
        // Lines are the text's own, whatever was read before.
        #expect(message("digraph { a }\n\n") == "drawn")
        #expect(message("digraph { a -> ").hasPrefix("Graphviz can't read the graph: Error: syntax error in line 1"))
    }

    @Test func whatGraphvizWarnsOfIsTold() throws {
        let drawing = try draw("digraph { a [shape=nonsense] }", as: .svg(style: ""))
        #expect(drawing.warnings.count == 1)
        #expect(drawing.warnings.first?.contains("nonsense") == true)
        // It is told once.
        #expect(try draw("digraph { a }", as: .svg(style: "")).warnings == [])
    }

    @Test func severalDrawAtOnce() async throws {
        let all = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<8 {
                group.addTask { try draw("digraph one { a -> b -> c; a -> c }", as: .svg(style: "")).bytes }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(Set(all).count == 1)
    }
}
