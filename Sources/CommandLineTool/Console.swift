internal import Reports
internal import SourceText

/// What commands write with.
struct Console {
    let surroundings: Surroundings
    private let failure = WriteFailure()

    init(surroundings: Surroundings) { self.surroundings = surroundings }

    /// The last reason why standard output took no more.
    private final class WriteFailure {
        var cause: FileFailure?
    }

    /// A buffer before standard output. What it holds at the end must be passed on with `finish`.
    func output(pieceBytes: Int = 1 << 16) -> OutputBuffer {
        let failure = failure
        let write = surroundings.writeOutput
        return OutputBuffer(pieceBytes: pieceBytes) { bytes in
            do throws(FileFailure) {
                try write(bytes)
                return true
            } catch {
                failure.cause = error
                return false
            }
        }
    }

    /// Passes on what `output` holds.
    func finish(_ output: inout OutputBuffer) throws(Stop) {
        output.flush()
        guard output.isClosed else { return }
        guard let cause = failure.cause, cause.code != brokenPipeCode else { throw .closed }
        throw .message("standard output: error: \(cause.call): \(cause.reason)")
    }

    /// Writes a whole result to the file at `path`; to standard output without one, and for `-`.
    func write(_ bytes: [UInt8], to path: String?) throws(Stop) {
        guard let path, path != "-" else {
            var output = output()
            output.write(bytes)
            try finish(&output)
            return
        }
        do {
            try surroundings.writeFile(path, bytes)
        } catch {
            throw .message("\(escapedForTerminal(path)): error: \(error.call): \(error.reason)")
        }
    }

    func error(_ text: String) { surroundings.writeError(Array((text + "\n").utf8)) }
}

/// `EPIPE`: the reader of a pipe went away.
private let brokenPipeCode: Int32 = 32
