internal import CGraphviz
internal import Synchronization

/// What a drawing becomes.
public enum DrawingForm: Hashable, Sendable {
    /// One `svg` element, without a prologue, so that it can stand in a page too; `style` is its style sheet, none
    /// where that is empty.
    case svg(style: String)
    case png

    /// The renderer of Graphviz.
    fileprivate var renderer: String {
        switch self {
        case .svg: "svg"
        case .png: "png"
        }
    }
}

/// Why there is no drawing: a sentence without a final stop.
public struct DrawingFailure: Error, Hashable, Sendable {
    public let message: String
}

/// A graph that was laid out.
public struct Drawing: Hashable, Sendable {
    public let bytes: [UInt8]
    /// What Graphviz said about it, such as that it had to be made smaller; a line each.
    public let warnings: [String]
}

/// Graphviz keeps its state in globals: one drawing at a time.
private let graphviz = Mutex(())

/// What Graphviz said since the last drawing began.
private let messages = Mutex<[String]>([])

/// Lays `dot`, a graph in the language of Graphviz, out and draws it, in this process.
public func draw(_ dot: String, as form: DrawingForm) throws(DrawingFailure) -> Drawing {
    let result: Result<Drawing, DrawingFailure> = graphviz.withLock { _ in
        do throws(DrawingFailure) {
            return .success(try drawAlone(dot, form))
        } catch {
            return .failure(error)
        }
    }
    return try result.get()
}

private func drawAlone(_ dot: String, _ form: DrawingForm) throws(DrawingFailure) -> Drawing {
    messages.withLock { $0 = [] }
    unsafe agseterrf { text in
        if let text = unsafe text {
            let said = unsafe String(cString: text)
            messages.withLock { $0.append(said) }
        }
        return 0
    }
    defer { unsafe agseterrf(nil) }
    let context = try GraphvizContext()
    let graph = try Graph(dot)
    let bytes = try context.draw(graph, form)
    switch form {
    case .svg(let style): return Drawing(bytes: finished(bytes, style), warnings: said())
    case .png: return Drawing(bytes: bytes, warnings: said())
    }
}

/// The `svg` element alone, with the style sheet in it.
private func finished(_ bytes: [UInt8], _ style: String) -> [UInt8] {
    // The prologue names a document type on another host, and the version of Graphviz.
    let start = bytes.indices.first { bytes[$0...].starts(with: "<svg".utf8) } ?? bytes.startIndex
    guard !style.isEmpty, let end = bytes[start...].firstIndex(of: UInt8(ascii: ">")) else {
        return Array(bytes[start...])
    }
    return Array(bytes[start...end]) + Array("\n<style>\n\(style)</style>".utf8) + Array(bytes[(end + 1)...])
}

/// What Graphviz said, line by line: it sends a message in pieces.
private func said() -> [String] {
    var joined = ""
    for piece in messages.withLock({ $0 }) { joined += piece }
    return joined.split(separator: "\n").map(String.init)
}

private func failure(_ what: String) -> DrawingFailure {
    let lines = said()
    return DrawingFailure(message: lines.isEmpty ? what : "\(what): \(lines.joined(separator: "; "))")
}

/// Owns one `GVC_t`: Graphviz with its plugins.
@safe private struct GraphvizContext: ~Copyable {
    private let context: OpaquePointer

    init() throws(DrawingFailure) {
        guard let context = unsafe gvContext() else { throw failure("Graphviz does not start") }
        unsafe self.context = context
    }

    deinit { unsafe gvFreeContext(context) }

    borrowing func draw(_ graph: borrowing Graph, _ form: DrawingForm) throws(DrawingFailure) -> [UInt8] {
        guard unsafe gvLayout(context, graph.pointer, "dot") == 0 else {
            throw failure(
                "Graphviz can't lay the graph out; where its plugins are not known to it, 'dot -c' of the package"
                    + " graphviz, run by root, registers them")
        }
        defer { unsafe gvFreeLayout(context, graph.pointer) }
        var data: UnsafeMutablePointer<CChar>?
        var length: UInt32 = 0
        guard unsafe gvRenderData(context, graph.pointer, form.renderer, &data, &length) == 0,
            let data = unsafe data
        else { throw failure("Graphviz can't draw \(form.renderer)") }
        defer { unsafe gvFreeRenderData(data) }
        return unsafe Array(UnsafeRawBufferPointer(start: data, count: Int(length)))
    }
}

/// Owns one `Agraph_t`.
@safe private struct Graph: ~Copyable {
    fileprivate let pointer: UnsafeMutablePointer<Agraph_t>

    init(_ dot: String) throws(DrawingFailure) {
        // Reading stops at the closing brace, and what follows it would come before the next text.
        let end = dot.utf8.lastIndex { $0 > UInt8(ascii: " ") }.map { dot.utf8.index(after: $0) } ?? dot.startIndex
        guard let graph = unsafe agmemread(String(dot[..<end])) else { throw failure("Graphviz can't read the graph") }
        unsafe pointer = graph
    }

    deinit { unsafe agclose(pointer) }
}
