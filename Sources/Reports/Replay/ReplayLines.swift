internal import ChainGraph
internal import NetTypes
internal import PacketCapture
internal import PacketPath
public import PathModel
public import Questions
internal import RuleModel
public import SourceText

/// Puts single frames of a capture into lines and JSON objects.
public struct ReplayWriter: Sendable {
    private let quotes: Quotes

    public init(_ model: HostModel, files: [SourceFile]) { quotes = Quotes(model: model, files: files) }

    /// `17 11:04:57.000123 DROPPED tcp A -> B from eth0 by rule 4 of filter/INPUT (rules.txt:12)`.
    public func line(_ frame: ReplayedFrame, _ answer: TraceAnswer) -> RichText {
        var line = head(frame)
        line = line + verdict(answer)
        return line
    }

    /// The verdict and the packet, as a flow begins with it.
    public func verdict(_ answer: TraceAnswer) -> RichText {
        let words = OutcomeWords(quotes: quotes)
        let way = Way(answer.trace, packet: answer.request.packet)
        var line = RichText()
        if answer.otherDeciders.isEmpty {
            line.add(answer.trace.outcome.title, answer.trace.outcome.role)
        } else {
            line.add(Outcome.undecided.title, .doubtful)
            line.add(" (by the rules alone \(answer.trace.outcome.title))")
        }
        line.add(" \(packetText(way.ownPacket))")
        if way.ownPacket != way.packet { line.add(" inside \(packetText(way.packet))") }
        if let name = way.steps.first?.view.inInterface { line.add(" from \(quotes.name(name))") }
        line.add(words.clause(way))
        if let index = answer.trace.decidedBy, index < way.steps.count, case .rule(let rule) = way.steps[index].kind {
            if answer.trace.outcome.isThrough { line.add(", accepted by \(words.ruleName(rule.rule))") }
            if let location = quotes.location(quotes.linked.rule(rule.rule).place) {
                line.add(" (\(location))", .quiet)
            }
        }
        return line
    }

    /// A frame that is not answered.
    public func line(_ frame: ReplayedFrame) -> RichText {
        var line = head(frame)
        switch frame.fate {
        case .packet: break
        case .passedOver(let passed):
            line.add("passed over", .quiet)
            line.add(": \(passed.sentence)")
        case .unreadable(let problem):
            line.add("not followed", problem.isOtherProtocol ? .quiet : .doubtful)
            line.add(": \(problem.message)")
        }
        return line
    }

    private func head(_ frame: ReplayedFrame) -> RichText {
        let number = String(frame.number)
        var line = RichText(String(repeating: " ", count: max(0, 6 - number.utf8.count)) + number, .quiet)
        line.add(" \(frame.time?.clockText ?? "--:--:--.------") ", .quiet)
        return line
    }

    // MARK: JSON

    /// The result of one packet: that of `trace --json`, with the frame.
    ///
    /// - Parameter rendered: what was written of the same model's rules before.
    public func write(
        _ frame: ReplayedFrame, _ seen: SeenPacket, _ answer: TraceAnswer, _ rendered: RenderedRules,
        into json: inout JSONWriter
    ) {
        TraceJSONWriter(quotes: quotes, reporter: nil, rendered: rendered).write(answer, into: &json) { json in
            members(of: frame, into: &json)
            json.member("madeHere", seen.isMadeHere)
        }
        json.endLine()
    }

    /// A frame that is not answered, in its place. `path` is the capture.
    public func write(_ frame: ReplayedFrame, path: String, into json: inout JSONWriter) {
        json.beginObject()
        switch frame.fate {
        case .packet: break
        case .passedOver(let passed):
            json.member("hookline", 1)
            members(of: frame, into: &json)
            json.member("passedOver", passed.kind.name)
            json.member("answeredBy", passed.answeredBy)
        case .unreadable(let problem):
            json.member("error", "\(path): frame \(frame.number): \(problem.message)")
            members(of: frame, into: &json)
            if problem.isOtherProtocol { json.member("otherProtocol", true) }
        }
        json.endObject()
        json.endLine()
    }

    private func members(of frame: ReplayedFrame, into json: inout JSONWriter) {
        json.member("frame", frame.number)
        if let time = frame.time {
            json.key("time")
            json.number(time.description)
        }
        if let interface = frame.interface { json.member("seenOn", interface) }
    }
}

extension ReplayedFrame.PassedOver {
    /// Behind `passed over:`.
    fileprivate var sentence: String {
        switch kind {
        case .again: "the packet of frame \(answeredBy), seen again"
        case .leaving: "the packet of frame \(answeredBy), leaving"
        case .answer: "what a REJECT answered the packet of frame \(answeredBy) with"
        case .leftAllTheSame: "the packet of frame \(answeredBy), leaving although it does not get through here"
        }
    }
}
