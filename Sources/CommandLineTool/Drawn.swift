internal import GraphLayout
internal import Reports
internal import SourceText

/// More nodes than this are no picture, and would take Graphviz long: so many take a second or two.
private let drawnNodes = 500

/// The chain graph as one `svg` element. Where it stands in a page, the page may have `pictureStyle()` itself.
func chainSVG(
    _ picture: ChainPicture, _ settings: DotSettings, hasStyle: Bool = true, _ console: borrowing Console
) throws(Stop) -> [UInt8] {
    try checkSize(picture)
    let dot = bytes { writeDot(picture, settings, into: &$0) }
    return try drawn(dot, as: .svg(style: hasStyle ? pictureStyle() : ""), console)
}

/// The chain graph as an image, in the colours for white paper.
func chainPNG(
    _ picture: ChainPicture, _ settings: DotSettings, _ console: borrowing Console
) throws(Stop) -> [UInt8] {
    try checkSize(picture)
    var settings = settings
    settings.resolution = 144
    let dot = bytes { writeDot(picture, settings, into: &$0) }
    return try drawn(dot, as: .png, console)
}

private func checkSize(_ picture: ChainPicture) throws(Stop) {
    if picture.nodes.count <= drawnNodes { return }
    throw .message(
        "hookline: error: \(picture.nodes.count) nodes are too many for a picture, which holds \(drawnNodes); --hook,"
            + " --table, --chain, --depth, --owner and --fold make it smaller, dot and mermaid take it whole")
}

/// The ways that a trace's report tells of, as one `svg` element.
func pathSVG(_ document: Document, title: String, _ console: borrowing Console) throws(Stop) -> [UInt8] {
    let dot = bytes { writePathDot(document, title: title, into: &$0) }
    return try drawn(dot, as: .svg(style: pictureStyle()), console)
}

/// The ways that a trace's report tells of, as an image, in the colours for white paper.
func pathPNG(_ document: Document, title: String, _ console: borrowing Console) throws(Stop) -> [UInt8] {
    let dot = bytes { writePathDot(document, title: title, resolution: 144, into: &$0) }
    return try drawn(dot, as: .png, console)
}

private func drawn(_ dot: [UInt8], as form: DrawingForm, _ console: borrowing Console) throws(Stop) -> [UInt8] {
    let drawing: Drawing
    do {
        drawing = try draw(String(decoding: dot, as: UTF8.self), as: form)
    } catch {
        throw .message("hookline: error: \(escapedForTerminal(error.message))")
    }
    for warning in drawing.warnings { console.error("hookline: warning: Graphviz: \(escapedForTerminal(warning))") }
    return drawing.bytes
}

/// What `write` writes, whole.
func bytes(_ write: (inout OutputBuffer) -> Void) -> [UInt8] {
    var output = OutputBuffer()
    write(&output)
    return output.gathered
}
