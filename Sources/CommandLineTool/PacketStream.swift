internal import Answers
internal import PathModel
internal import Questions
internal import Reports
internal import Snapshot
internal import SourceText
internal import Synchronization

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

/// `--packets`: one JSON object a line, one result a line, in order. Packets that do not hang on each other are followed on
/// as many threads as there are.
func tracePackets(
    _ paths: [String], _ settings: TraceSettings, _ console: borrowing Console
) throws(Stop) -> Int32 {
    let path = settings.packetsPath ?? "-"
    if path == "-", paths.contains("-") {
        throw .usage(UsageFailure("standard input can't be both the snapshot and the packets"))
    }
    let surroundings = console.surroundings
    var lines: LineSource
    do {
        lines = LineSource(try surroundings.openFile(path))
    } catch {
        throw .message("\(escapedForTerminal(path)): error: \(error.call): \(error.reason)")
    }
    let loaded = try load(paths, settings.common, console)
    let model = loaded.makeModel()
    let isAlone = settings.flows || settings.asksKernel
    let workers = (0..<(isAlone ? 1 : surroundings.threadCount)).map { _ in
        PacketWorker(loaded.node, model, settings, path: path)
    }
    var output = console.output()
    var hasBadLine = false
    var isExpected = true
    let progress = Progress("0 packets", surroundings)
    defer { progress.finish() }
    var nextUpdate = surroundings.now() + 1
    var count = 0
    var mayKeepAnswers = !isAlone && settings.assumptions.isEmpty
    do {
        while !output.isClosed {
            let batch = try lines.batch(atMost: workers.count * PacketWorker.lineCount)
            if batch.isEmpty { break }
            count += batch.count
            // For a few packets it is not worth looking at all that the node names.
            if count > PacketWorker.leastForKeeping, mayKeepAnswers {
                mayKeepAnswers = false
                if let answers = KeptAnswers(of: model, mostBytes: PacketWorker.mostBytesKept) {
                    for worker in workers { worker.keepAnswers(in: answers) }
                }
            }
            let share = max(1, (batch.count + workers.count - 1) / workers.count)
            let parts = stride(from: 0, to: batch.count, by: share).map { batch[$0..<min(batch.count, $0 + share)] }
            // One part stays on this thread: who asks the kernel has it in a namespace of its own.
            if parts.count == 1 {
                workers[0].answer(parts[0])
            } else {
                surroundings.concurrently(parts.count) { workers[$0].answer(parts[$0]) }
            }
            for worker in workers.prefix(parts.count) {
                let answers = worker.takeAnswers()
                output.write(answers.json)
                hasBadLine = hasBadLine || answers.hasBadLine
                isExpected = isExpected && answers.areExpected
            }
            // Whoever sends one packet at a time gets its answer at once.
            if !lines.hasLine { output.flush() }
            if surroundings.now() >= nextUpdate {
                progress.update("\(count) packets")
                nextUpdate = surroundings.now() + 1
            }
        }
    } catch {
        progress.finish()
        try console.finish(&output)
        throw .message("\(escapedForTerminal(path)): error: \(error.call): \(error.reason)")
    }
    progress.finish()
    try console.finish(&output)
    if hasBadLine { return ExitStatus.failed }
    return loaded.status(isExpected ? ExitStatus.answered : ExitStatus.notAsExpected, settings.common)
}

/// A line of packets with its number.
struct PacketLine: Sendable {
    let bytes: [UInt8]
    let number: Int
}

extension LineSource {
    /// The lines that are here already, but for blank ones: one at least, and none at the end.
    mutating func batch(atMost count: Int) throws(FileFailure) -> [PacketLine] {
        var batch: [PacketLine] = []
        while batch.isEmpty || batch.count < count && hasLine {
            guard let line = try next() else { break }
            if !isBlank(line) { batch.append(PacketLine(bytes: line, number: lineNumber)) }
        }
        return batch
    }
}

/// Answers packets one after another, on whatever thread.
final class PacketWorker: Sendable {
    /// How many lines one is given at a time: enough to be worth a thread, and of answers no more than a few megabytes.
    static let lineCount = 128
    /// From how many lines on packets that are alike are followed once.
    static let leastForKeeping = 1000
    /// How much memory answers to them may take, those of all threads together.
    static let mostBytesKept = 256 << 20

    struct Answers {
        var json: [UInt8] = []
        var hasBadLine = false
        var areExpected = true
    }

    private struct Work {
        var tracer: Tracer
        var alike: AlikePackets?
        let rendered = RenderedRules()
        var answers = Answers()
    }

    private let work: Mutex<Work>
    private let settings: TraceSettings
    private let node: NodeState
    private let path: String

    init(_ node: NodeState, _ model: HostModel, _ settings: TraceSettings, path: String) {
        work = Mutex(Work(tracer: Tracer(node, model, settings)))
        self.settings = settings
        self.node = node
        self.path = path
    }

    func answer(_ lines: ArraySlice<PacketLine>) {
        work.withLock { work in
            var json = JSONWriter(OutputBuffer(keeping: PacketWorker.lineCount * 16 << 10))
            for line in lines { answer(line, &work, into: &json) }
            work.answers.json = json.output.gathered
        }
    }

    /// Has packets that are alike followed once.
    func keepAnswers(in answers: KeptAnswers) { work.withLock { $0.alike = AlikePackets(answers) } }

    /// What was written since it was asked last.
    func takeAnswers() -> Answers {
        work.withLock { work in
            defer { work.answers = Answers() }
            return work.answers
        }
    }

    private func answer(_ line: PacketLine, _ work: inout Work, into json: inout JSONWriter) {
        let answer: LineResult?
        if work.alike != nil {
            answer = work.alike?.answerLine(
                line.bytes, by: &work.tracer, settings, of: path, number: line.number, files: node.files,
                rendered: work.rendered, into: &json)
        } else {
            answer = work.tracer.answerLine(
                line.bytes, of: path, number: line.number, files: node.files, rendered: work.rendered, into: &json
            ) { answer, model in
                if settings.asksKernel { answer.askKernel(of: node, model) }
            }
        }
        guard let answer else {
            work.answers.hasBadLine = true
            return
        }
        if let expected = settings.expectation, !expected.isMet(by: answer.outcome, losesReply: answer.losesReply) {
            work.answers.areExpected = false
        }
        if !answer.isAgreed { work.answers.areExpected = false }
    }
}

private func isBlank(_ line: [UInt8]) -> Bool { line.allSatisfy { $0 == 0x20 || $0 == 0x09 } }
