internal import Reports
internal import SourceText

/// What commands write with.
struct Console {
    let surroundings: Surroundings

    func output(pieceBytes: Int = 1 << 16) -> OutputBuffer {
        OutputBuffer(pieceBytes: pieceBytes, sink: surroundings.writeOutput)
    }

    func error(_ text: String) { surroundings.writeError(Array((text + "\n").utf8)) }
}
