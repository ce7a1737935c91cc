internal import Answers
internal import CaptureFilter
internal import PacketCapture
internal import PacketPath
internal import PathModel
internal import Questions
internal import Reports
internal import Snapshot
internal import SourceText

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
    var run = ReplayRun(loaded, settings, capture, source, settings.common.style(console.surroundings))
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

/// Answers frame after frame; what ended it before the capture's end.
private func answerAll(
    _ run: inout ReplayRun, _ console: borrowing Console, into json: inout JSONWriter
) -> ReplayRun.Failure? {
    let progress = Progress("0 packets", console.surroundings)
    defer { progress.finish() }
    var nextUpdate = console.surroundings.now() + 1
    do throws(ReplayRun.Failure) {
        while try run.step(into: &json), !json.output.isClosed {
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
    private(set) var summary = ReplaySummary()
    private var flows = FlowTable()
    private let rendered = RenderedRules()
    private(set) var isExpected = true

    init(
        _ loaded: LoadedNode, _ settings: ReplaySettings, _ path: String, _ source: @escaping ByteSource,
        _ style: TextStyle
    ) {
        self.settings = settings
        self.path = path
        self.style = style
        let model = loaded.makeModel()
        files = loaded.node.files
        filter = settings.filter.map { CaptureFilter($0) }
        reader = CaptureReader(source)
        tracer = Tracer(loaded.node, model, settings.trace)
        replayer = FrameReplayer(settings.frames, loaded.node.cluster, on: model)
    }

    var isDrained: Bool { reader.isDrained }

    /// With the names that interfaces of the capture have made new.
    private var writer: ReplayWriter { ReplayWriter(tracer.model, files: files) }

    /// Answers the next frame; `false` at the end.
    mutating func step(into json: inout JSONWriter) throws(Failure) -> Bool {
        guard let captured = try nextFrame() else {
            summary.noteLost(reader.lostCount)
            return false
        }
        let frame = tracer.take(captured, by: &replayer)
        guard case .packet(var seen) = frame.fate else {
            summary.add(frame)
            if settings.json { writer.write(frame, path: path, into: &json) }
            if !settings.json, settings.listing == .all { renderLine(writer.line(frame), style, into: &json.output) }
            return true
        }
        let answer = tracer.answer(&seen)
        replayer.note(answer.trace, of: frame.number)
        summary.add(frame, seen, answer)
        if let expected = settings.expectation, !expected.isMet(by: answer.finalOutcome) { isExpected = false }
        let isThrough = answer.finalOutcome.isThrough
        if settings.json {
            if settings.listing != .dropped || !isThrough { writer.write(frame, seen, answer, rendered, into: &json) }
        } else if settings.flows {
            let writer = writer
            flows.add(frame, answer, writer)
        } else if settings.listing == .all || settings.listing == .dropped && !isThrough {
            renderLine(writer.line(frame, answer), style, into: &json.output)
        }
        return true
    }

    /// The next frame that the filter takes.
    private mutating func nextFrame() throws(Failure) -> CapturedFrame? {
        while true {
            let frame: CapturedFrame?
            do {
                frame = try reader.next()
            } catch {
                throw Failure(message: "\(escapedForTerminal(path)): error: " + error.words)
            }
            guard let frame else { return nil }
            if try takes(frame) { return frame }
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

extension CaptureFailure {
    fileprivate var words: String {
        switch self {
        case .file(let failure): "\(failure.call): \(failure.reason)"
        case .content(let offset, let message): "at byte \(offset): \(escapedForTerminal(message))"
        }
    }
}
