internal import Answers
internal import PathModel
internal import Questions
internal import Reports
internal import Snapshot
internal import SourceText

/// Lines of a source of bytes, one at a time, so that a packet is answered before the next one is there.
struct LineSource {
    private let read: ByteSource
    private var bytes: [UInt8] = []
    private var start = 0
    private var isAtEnd = false
    /// The number of the line last given, from 1.
    private(set) var lineNumber = 0

    init(_ read: @escaping ByteSource) { self.read = read }

    /// Whether the next line is here already.
    var hasLine: Bool { bytes[start...].contains(0x0a) }

    /// The next line without its end; `nil` at the end.
    mutating func next() throws(FileFailure) -> [UInt8]? {
        var searched = start
        while true {
            if let end = bytes[searched...].firstIndex(of: 0x0a) {
                let line = trimmed(start..<end)
                start = end + 1
                lineNumber += 1
                return line
            }
            if isAtEnd {
                guard start < bytes.count else { return nil }
                let line = trimmed(start..<bytes.count)
                start = bytes.count
                lineNumber += 1
                return line
            }
            searched = bytes.count - start
            bytes.removeFirst(start)
            start = 0
            let piece = try read()
            if piece.isEmpty { isAtEnd = true }
            bytes += piece
        }
    }

    private func trimmed(_ range: Range<Int>) -> [UInt8] {
        var end = range.upperBound
        if end > range.lowerBound, bytes[end - 1] == 0x0d { end -= 1 }
        return Array(bytes[range.lowerBound..<end])
    }
}

/// `--packets`: one JSON object a line, one result a line, in order.
func tracePackets(
    _ paths: [String], _ settings: TraceSettings, _ console: borrowing Console
) throws(Stop) -> Int32 {
    let path = settings.packetsPath ?? "-"
    if path == "-", paths.contains("-") {
        throw .usage(UsageFailure("standard input can't be both the snapshot and the packets"))
    }
    var lines: LineSource
    do {
        lines = LineSource(try console.surroundings.openFile(path))
    } catch {
        throw .message("\(escapedForTerminal(path)): error: \(error.call): \(error.reason)")
    }
    let loaded = try load(paths, settings.common, console)
    var tracer = Tracer(loaded.node, loaded.makeModel(), settings)
    var json = JSONWriter(console.output())
    var hasBadLine = false
    var isExpected = true
    let progress = Progress("0 packets", console.surroundings)
    defer { progress.finish() }
    var nextUpdate = console.surroundings.now() + 1
    var count = 0
    do {
        while let line = try lines.next() {
            if isBlank(line) { continue }
            count += 1
            let answer = tracer.answerLine(
                line, of: path, number: lines.lineNumber, files: loaded.node.files, into: &json
            ) { answer, model in
                if settings.asksKernel { answer.askKernel(of: loaded.node, model) }
            }
            if let answer {
                if let expected = settings.expectation, !expected.isMet(by: answer.finalOutcome) { isExpected = false }
                if answer.kernel?.agrees == false { isExpected = false }
            } else {
                hasBadLine = true
            }
            // Whoever sends one packet at a time gets its answer at once.
            if !lines.hasLine { json.output.flush() }
            if json.output.isClosed { break }
            if console.surroundings.now() >= nextUpdate {
                progress.update("\(count) packets")
                nextUpdate = console.surroundings.now() + 1
            }
        }
    } catch {
        progress.finish()
        try console.finish(&json.output)
        throw .message("\(escapedForTerminal(path)): error: \(error.call): \(error.reason)")
    }
    progress.finish()
    try console.finish(&json.output)
    if hasBadLine { return ExitStatus.failed }
    return loaded.status(isExpected ? ExitStatus.answered : ExitStatus.notAsExpected, settings.common)
}

private func isBlank(_ line: [UInt8]) -> Bool { line.allSatisfy { $0 == 0x20 || $0 == 0x09 } }
