internal import Answers
internal import CaptureFilter
internal import PacketCapture
internal import PacketPath
internal import PathModel
internal import Questions
internal import Reports
internal import Snapshot
internal import SourceText
internal import Synchronization

let replayCommand = Command(
    name: "replay", summary: "every packet of a capture, and what the rules do with it",
    synopsis: "[OPTION…] SNAPSHOT… CAPTURE",
    about: [
        "Follows each packet of a capture (pcap or pcapng, '-' for standard input) through rules, conntrack, NAT and routing of a snapshot, and sums up what decided: rule by rule, reason by reason, each with its first frame.",
        "Whether a packet came in or was made here, and by which interface, is read off the capture and told. A packet that a capture on all interfaces shows more than once is answered once. No frame is lost: one that can't be followed is told with the reason.",
    ],
    options: ReplaySettings.options.map(\.description),
    examples: [
        Command.Example(
            text: "what of this capture is dropped, and by which rule", call: "hookline replay node-a/ drops.pcap"),
        Command.Example(
            text: "connection by connection", call: "hookline replay node-a/ drops.pcapng --flows --dropped"),
        Command.Example(
            text: "before rollout: would the new rules let yesterday's traffic through",
            call: "hookline replay new-rules/ yesterday.pcap --flows --expect accept"),
        Command.Example(
            text: "what goes on right now",
            call: "sudo tcpdump -i any -U -w - -c 1000 | sudo hookline replay --live - --list"),
        Command.Example(
            text: "one service only, for a script",
            call: "hookline replay node-a/ all.pcap --filter 'tcp port 443' --json | jq -r '[.frame, .outcome] | @tsv'"),
    ],
    run: { (arguments, console) throws(Stop) in try replay(arguments, console) })

private func replay(_ arguments: [String], _ console: borrowing Console) throws(Stop) -> Int32 {
    var settings = ReplaySettings()
    var paths: [String]
    do { paths = try parse(arguments, ReplaySettings.options, into: &settings) } catch { throw .usage(error) }
    guard let capture = paths.popLast(), !paths.isEmpty || settings.common.isLive else {
        throw .usage(UsageFailure("a snapshot and a capture: hookline replay SNAPSHOT CAPTURE"))
    }
    if capture == "-", paths.contains("-") {
        throw .usage(UsageFailure("standard input can't be both the snapshot and the capture"))
    }
    let source: ByteSource
    do {
        source = try console.surroundings.openFile(capture)
    } catch {
        throw .message("\(escapedForTerminal(capture)): error: \(error.call): \(error.reason)")
    }
    let loaded = try load(paths, settings.common, console)
    var run = ReplayRun(loaded, settings, capture, source, console.surroundings)
    var json = JSONWriter(console.output())
    let failure = answerAll(&run, console, into: &json)
    if failure == nil || run.summary.frameCount > 0, !settings.json { run.writeSummary(into: &json.output) }
    try console.finish(&json.output)
    if let failure { throw .message(failure.message) }
    let unused = run.unusedAssumptions()
    if let first = unused.wrongValues.first { throw .usage(first) }
    for name in unused.names {
        console.error("hookline: note: nothing asks for the assumption '\(escapedForTerminal(name))'")
    }
    if settings.common.isStrict, run.summary.badCount > 0 { return ExitStatus.failed }
    return loaded.status(run.isExpected ? ExitStatus.answered : ExitStatus.notAsExpected, settings.common)
}

/// Answers all frames; what ended it before the capture's end.
private func answerAll(
    _ run: inout ReplayRun, _ console: borrowing Console, into json: inout JSONWriter
) -> ReplayRun.Failure? {
    let progress = Progress("0 packets", console.surroundings)
    defer { progress.finish() }
    var nextUpdate = console.surroundings.now() + 1
    do throws(ReplayRun.Failure) {
        while try run.step(into: &json, console.surroundings), !json.output.isClosed {
            if console.surroundings.now() >= nextUpdate {
                progress.update("\(run.summary.packetCount) packets")
                nextUpdate = console.surroundings.now() + 1
            }
            // Who looks on at a capture that goes on sees what there is.
            if run.isDrained { json.output.flush() }
        }
        return nil
    } catch {
        return error
    }
}

/// One capture on its way through the rules of one node.
private struct ReplayRun {
    /// Why no more frames come, as it is told.
    struct Failure: Error {
        let message: String
    }

    private let settings: ReplaySettings
    /// The capture as messages name it.
    private let path: String
    private let style: TextStyle
    private let filter: CaptureFilter?
    private let files: [SourceFile]
    private var reader: CaptureReader
    private var tracer: Tracer
    private var replayer: FrameReplayer
    /// Several where packets do not hang on each other.
    private let workers: [FrameWorker]
    private(set) var summary = ReplaySummary()
    private var flows = FlowTable()
    private(set) var isExpected = true

    init(
        _ loaded: LoadedNode, _ settings: ReplaySettings, _ path: String, _ source: @escaping ByteSource,
        _ surroundings: Surroundings
    ) {
        self.settings = settings
        self.path = path
        style = settings.common.style(surroundings)
        let model = loaded.makeModel()
        files = loaded.node.files
        filter = settings.filter.map { CaptureFilter($0) }
        reader = CaptureReader(source)
        tracer = Tracer(loaded.node, model, settings.trace)
        replayer = FrameReplayer(settings.frames, loaded.node.cluster, on: model)
        // What assumptions were asked for is told in order.
        let isAlone = settings.flows || !settings.assumptions.isEmpty
        let count = isAlone ? 1 : surroundings.threadCount
        workers = (0..<count).map { [tracer] _ in
            FrameWorker(tracer, settings, loaded.node.files)
        }
    }

    var isDrained: Bool { reader.isDrained }

    /// With the names that interfaces of the capture have made new.
    private var writer: ReplayWriter { ReplayWriter(tracer.model, files: files) }

    /// Answers the frames that are here, in order; `false` at the end.
    mutating func step(into json: inout JSONWriter, _ surroundings: Surroundings) throws(Failure) -> Bool {
        var frames: [ReplayedFrame] = []
        var failure: Failure?
        var isAtEnd = false
        do throws(Failure) {
            let count = workers.count == 1 ? 1 : workers.count * FrameWorker.frameCount
            while frames.isEmpty || frames.count < count && reader.hasNext {
                guard let captured = try nextFrame() else {
                    isAtEnd = true
                    break
                }
                guard try takes(captured) else { continue }
                var frame = tracer.take(captured, by: &replayer)
                replayer.settle(&frame)
                frames.append(frame)
            }
        } catch {
            failure = error
        }
        for (frame, followed) in zip(frames, follow(frames, surroundings)) { tell(frame, followed, into: &json) }
        if let failure { throw failure }
        if isAtEnd { summary.noteLost(reader.lostCount) }
        return !isAtEnd
    }

    /// Those of `frames` that have a packet, followed: some in vain, where one of `frames` turns out to be answered for them.
    private mutating func follow(_ frames: [ReplayedFrame], _ surroundings: Surroundings) -> [FollowedFrame?] {
        if workers.count == 1 || frames.count <= 1 {
            return frames.map { workers[0].follow($0, by: &tracer) }
        }
        let share = (frames.count + workers.count - 1) / workers.count
        let parts = stride(from: 0, to: frames.count, by: share).map { frames[$0..<min(frames.count, $0 + share)] }
        surroundings.concurrently(parts.count) { [workers = self.workers, model = tracer.model] in
            workers[$0].follow(parts[$0], on: model)
        }
        return workers.prefix(parts.count).flatMap { $0.takeFollowed() }
    }

    /// Counts a frame, and tells it where that was asked for.
    private mutating func tell(_ frame: ReplayedFrame, _ followed: FollowedFrame?, into json: inout JSONWriter) {
        var frame = frame
        replayer.settle(&frame)
        guard case .packet = frame.fate, let followed else {
            summary.add(frame)
            if settings.json { writer.write(frame, path: path, into: &json) }
            if !settings.json, settings.listing == .all { renderLine(writer.line(frame), style, into: &json.output) }
            return
        }
        let answer = followed.answer
        replayer.note(answer.trace, of: frame.number)
        summary.add(frame, followed.seen, answer)
        if let expected = settings.expectation, !expected.isMet(by: answer.finalOutcome) { isExpected = false }
        if settings.json {
            json.output.write(followed.json)
        } else if settings.flows {
            flows.add(frame, answer, writer)
        } else if settings.listing == .all || settings.listing == .dropped && !answer.finalOutcome.isThrough {
            renderLine(writer.line(frame, answer), style, into: &json.output)
        }
    }

    private mutating func nextFrame() throws(Failure) -> CapturedFrame? {
        do {
            return try reader.next()
        } catch {
            throw Failure(message: "\(escapedForTerminal(path)): error: " + error.words)
        }
    }

    private func takes(_ frame: CapturedFrame) throws(Failure) -> Bool {
        guard let filter else { return true }
        do throws(CaptureFilter.Failure) {
            return try filter.takes(frame.bytes, length: frame.length, linkType: frame.interface.linkType.rawValue)
        } catch {
            throw Failure(message: "hookline: error: --filter: " + escapedForTerminal(error.message))
        }
    }

    /// What stands behind the lines for single packets.
    func writeSummary(into output: inout OutputBuffer) {
        var isAfterLines = settings.listing != .none && summary.frameCount > 0
        if settings.flows {
            let lines = flows.lines(onlyBlocked: settings.listing == .dropped)
            for line in lines { renderLine(line, style, into: &output) }
            isAfterLines = !lines.isEmpty
        }
        if isAfterLines { output.write(byte: 0x0a) }
        let heading = ReplayHeading(capture: path, isFlows: settings.flows)
        render(replayReport(summary, heading, tracer.model, files: files), style, into: &output)
    }

    func unusedAssumptions() -> (names: [String], wrongValues: [UsageFailure]) { tracer.unusedAssumptions() }
}

/// A packet of a capture with its answer, and that as JSON where it is told so.
private struct FollowedFrame: Sendable {
    var seen: SeenPacket
    var answer: TraceAnswer
    var json: [UInt8] = []
}

/// Follows packets of a capture, on whatever thread.
private final class FrameWorker: Sendable {
    /// How many frames one is given at a time: enough to be worth a thread, and of answers no more than a few megabytes.
    static let frameCount = 64

    private struct Work {
        var tracer: Tracer
        let rendered = RenderedRules()
        var followed: [FollowedFrame?] = []
    }

    private let work: Mutex<Work>
    private let settings: ReplaySettings
    private let files: [SourceFile]

    init(_ tracer: Tracer, _ settings: ReplaySettings, _ files: [SourceFile]) {
        work = Mutex(Work(tracer: tracer))
        self.settings = settings
        self.files = files
    }

    /// - Parameter model: the node's, with all names that the frames have.
    func follow(_ frames: ArraySlice<ReplayedFrame>, on model: HostModel) {
        work.withLock { work in
            work.tracer.takeNames(of: model)
            work.followed = frames.map { follow($0, by: &work.tracer, work.rendered) }
        }
    }

    /// Follows a packet by the rules, connections and sets that `tracer` has.
    func follow(_ frame: ReplayedFrame, by tracer: inout Tracer) -> FollowedFrame? {
        work.withLock { follow(frame, by: &tracer, $0.rendered) }
    }

    /// What was followed last.
    func takeFollowed() -> [FollowedFrame?] {
        work.withLock { work in
            defer { work.followed = [] }
            return work.followed
        }
    }

    private func follow(
        _ frame: ReplayedFrame, by tracer: inout Tracer, _ rendered: RenderedRules
    ) -> FollowedFrame? {
        guard case .packet(var seen) = frame.fate else { return nil }
        let answer = tracer.answer(&seen)
        var followed = FollowedFrame(seen: seen, answer: answer)
        if settings.json, settings.listing != .dropped || !answer.finalOutcome.isThrough {
            var json = JSONWriter(OutputBuffer(keeping: 16 << 10))
            ReplayWriter(tracer.model, files: files).write(frame, seen, answer, rendered, into: &json)
            followed.json = json.output.gathered
        }
        return followed
    }
}

extension CaptureFailure {
    fileprivate var words: String {
        switch self {
        case .file(let failure): "\(failure.call): \(failure.reason)"
        case .content(let offset, let message): "at byte \(offset): \(escapedForTerminal(message))"
        }
    }
}
