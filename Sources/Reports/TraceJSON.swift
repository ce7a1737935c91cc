public import Annotations
internal import NetTypes
internal import PacketPath
public import PathModel
public import Questions
internal import RuleModel
public import SourceText

/// Writes one answer as the JSON object of version 1, on a line of its own.
///
/// - Parameters:
///   - annotations: to tell each way in the makers' words too (`explanation`); `nil` leaves that out.
///   - rendered: what was written of the same model's rules before, of which many packets meet the same.
public func writeTraceJSON(
    _ answer: TraceAnswer, _ model: HostModel, annotations: AnnotatedRuleset? = nil, files: [SourceFile],
    megaflow: FindAnswer? = nil, rendered: RenderedRules? = nil, into json: inout JSONWriter
) {
    let quotes = Quotes(model: model, files: files)
    let reporter = annotations.map {
        TraceReporter(quotes: quotes, annotations: $0, answer: answer, detail: .summary)
    }
    let writer = TraceJSONWriter(quotes: quotes, reporter: reporter, rendered: rendered)
    writer.write(answer, into: &json) { json in
        guard let megaflow else { return }
        json.key("megaflow")
        json.beginObject()
        writeFound(
            megaflow, FindHeading(shown: 100), model, files, &json)
        json.endObject()
    }
    json.endLine()
}

/// Passed on for each step, and so shared and not copied.
final class TraceJSONWriter {
    let quotes: Quotes
    /// Who tells each way in words, where that is asked for.
    let reporter: TraceReporter?
    let rendered: RenderedRules?
    /// The node that each step is told to be of, where that is another than the one asked about.
    let node: String

    init(quotes: Quotes, reporter: TraceReporter?, rendered: RenderedRules? = nil, node: String = "") {
        self.quotes = quotes
        self.reporter = reporter
        self.rendered = rendered
        self.node = node
    }

    /// - Parameter more: writes what else the object has.
    func write(_ answer: TraceAnswer, into json: inout JSONWriter, _ more: (inout JSONWriter) -> Void = { _ in }) {
        json.beginObject()
        json.member("hookline", 1)
        json.write(answer.identifier)
        if !answer.onward.isEmpty || !answer.astray.isEmpty {
            json.member("finalOutcome", answer.finalOutcome.name)
        }
        if let fate = answer.replyFate, !answer.onward.isEmpty || !answer.strayReplies.isEmpty {
            json.member("finalReply", fate.name)
        }
        writeResult(answer, into: &json)
        answer.kernel?.write(into: &json)
        more(&json)
        json.endObject()
    }

    private func writeResult(_ answer: TraceAnswer, into json: inout JSONWriter) {
        if answer.otherDeciders.isEmpty {
            writeEnd(answer.trace, [], into: &json)
            writeRest(answer.trace, [], way(answer), into: &json)
        } else {
            writeQualified(answer, into: &json)
        }
        writeNotes(answer, into: &json)
    }

    /// The whole way, for who tells it in words.
    private func way(_ answer: TraceAnswer) -> Way? {
        reporter == nil ? nil : Way(answer.trace, packet: answer.request.packet)
    }

    /// Something beside the rules decides too: the rules' answer is one branch, what else may happen the other.
    private func writeQualified(_ answer: TraceAnswer, into json: inout JSONWriter) {
        json.member("outcome", Outcome.undecided.name)
        json.member("reason", Reason.unknownRule.name)
        var trace = answer.trace
        json.key("steps")
        writeSteps(trace.steps, [], trace.connection, into: &json)
        let steps = trace.steps
        trace.steps = []
        json.key("assumptions")
        json.beginArray()
        json.endArray()
        json.key("branches")
        json.beginArray()
        for passes in [true, false] {
            json.beginObject()
            json.key("assumption")
            writeAssumption(deciderAssumption(answer.otherDeciders, passes: passes), into: &json)
            if passes {
                writeEnd(trace, steps, into: &json)
                writeRest(trace, steps, way(answer), into: &json)
            } else {
                json.member("outcome", Outcome.undecided.name)
                json.member("reason", Reason.unknownRule.name)
                for key: StaticString in ["steps", "assumptions", "branches"] {
                    json.key(key)
                    json.beginArray()
                    json.endArray()
                }
            }
            json.endObject()
        }
        json.endArray()
        writeDeciders(answer.otherDeciders, quotes, into: &json)
    }

    private func deciderAssumption(_ deciders: [UnfollowedDecider], passes: Bool) -> Assumption {
        var names: [String] = []
        for decider in deciders where !names.contains(decider.name) { names.append(decider.name) }
        var name = ""
        for own in names { name += (name.isEmpty ? "" : ",") + own }
        return Assumption(
            name: name, value: passes ? "pass" : "decides",
            text: passes
                ? "nothing beside the rules that were read decides about this packet"
                : "something beside the rules that were read decides about this packet",
            step: nil)
    }

    /// Outcome, reason, what decided, and the packet at its end.
    func writeEnd(_ trace: Trace, _ before: [Step], into json: inout JSONWriter) {
        json.member("outcome", trace.outcome.name)
        if let reason = trace.reason { json.member("reason", reason.name) }
        if !trace.possibleOutcomes.isEmpty { json.member("possible", trace.possibleOutcomes.map { $0.name }) }
        if let with = trace.rejectWith { json.member("rejectWith", with.name) }
        if let index = trace.decidedBy { json.member("decidedBy", index) }
        if trace.branches.isEmpty {
            json.key("acceptedBy")
            json.beginArray()
            for index in trace.acceptedBy { json.integer(index) }
            json.endArray()
        }
        writeOut(trace, into: &json)
        if let view = trace.senderView { json.member("clientSees", senderWord(view)) }
    }

    /// The packet as it last was.
    func writeOut(_ trace: Trace, into json: inout JSONWriter) {
        if let last = trace.last {
            json.key("out")
            json.beginObject()
            if let interface = trace.outInterface { quotes.write("interface", interface, into: &json) }
            if let hop = trace.nextHop { json.member("nextHop", hop) }
            writePacket(last.packet, connectionMark: last.connectionMark, into: &json)
            writeInner(trace.inner, into: &json)
            json.endObject()
        }
    }

    /// Steps, assumptions, branches and the ways back.
    ///
    /// - Parameters:
    ///   - way: where there is a reporter.
    ///   - assumptions: those to be told, where they are not all of the trace's own.
    func writeRest(
        _ trace: Trace, _ before: [Step], _ way: Way?, assumptions: [Assumption]? = nil, into json: inout JSONWriter
    ) {
        if let reporter, let way, trace.branches.isEmpty {
            writeExplanation(way, reporter, into: &json)
            writeOtherNodes(way, reporter, into: &json)
        }
        json.key("steps")
        writeSteps(trace.steps, before, trace.connection, into: &json)
        json.key("assumptions")
        json.beginArray()
        for assumption in assumptions ?? trace.assumptions { writeAssumption(assumption, into: &json) }
        if before.isEmpty { writeDefaults(trace, into: &json) }
        json.endArray()
        json.key("branches")
        json.beginArray()
        if !trace.branches.isEmpty {
            let all = before + trace.steps
            for branch in trace.branches {
                writeBranch(branch, all, way?.into(branch), into: &json)
            }
        }
        json.endArray()
        if let answer = trace.answer.first {
            json.key("rejectAnswer")
            writeNested(answer, into: &json)
        }
        if let reply = trace.reply.first {
            json.key("reply")
            writeNested(reply, into: &json)
        }
    }

    /// What each maker's rules did to this way, as the text tells it.
    private func writeExplanation(_ way: Way, _ reporter: TraceReporter, into json: inout JSONWriter) {
        let told = Explainer(reporter: reporter, way: way).explanations()
        if told.isEmpty { return }
        json.key("explanation")
        json.beginArray()
        for explanation in told {
            json.beginObject()
            json.member("text", explanation.text)
            if !explanation.details.isEmpty { json.member("details", explanation.details) }
            if let step = explanation.step { json.member("step", step) }
            json.endObject()
        }
        json.endArray()
    }

    /// The results of other nodes, each a result of this form whose steps name the node.
    private func writeOtherNodes(_ way: Way, _ reporter: TraceReporter, into json: inout JSONWriter) {
        guard let index = reporter.leafIndex(way) else { return }
        if let astray = reporter.answer.astray[index] {
            let interface = way.trace.outInterface.map { quotes.name($0) }
            write(astray, "it \(astray.clause(interface: interface))", as: "astray", into: &json)
        }
        if let astray = reporter.answer.strayReplies[index] {
            let reply = reporter.answer.lastReplies(at: index).first { $0.outcome == .undecided }
            let quotes = reply?.node.map { Quotes(model: $0.model, files: $0.files) } ?? quotes
            let interface = reply?.end.outInterface.map { quotes.name($0) }
            write(astray, "its answer \(astray.clause(interface: interface))", as: "replyAstray", into: &json)
        }
        for (key, next) in [("onward", reporter.answer.onward[index]), ("back", reporter.answer.back[index])] {
            guard let next else { continue }
            let quotes = Quotes(model: next.model, files: next.files)
            let there = TraceReporter(
                quotes: quotes, annotations: next.annotations, answer: next.answer, detail: .summary)
            let writer = TraceJSONWriter(quotes: quotes, reporter: there, node: next.node)
            json.key(text: key)
            json.beginObject()
            json.member("node", next.node)
            writer.writeResult(next.answer, into: &json)
            json.endObject()
        }
    }

    private func write(_ astray: Astray, _ text: String, as key: String, into json: inout JSONWriter) {
        json.key(text: key)
        json.beginObject()
        if case .elsewhere(_, _, let home) = astray { json.member("node", home) }
        json.member("text", text)
        json.endObject()
    }

    private func writeBranch(
        _ branch: Trace.Branch, _ before: [Step], _ way: Way?, into json: inout JSONWriter
    ) {
        json.beginObject()
        if let first = branch.assumptions.first {
            json.key("assumption")
            writeAssumption(first, into: &json)
        }
        if let probability = branch.probability {
            json.key("probability")
            json.number(decimalText(probability))
        }
        let others =
            branch.assumptions.dropFirst() + branch.trace.assumptions.filter { !branch.assumptions.contains($0) }
        writeEnd(branch.trace, before, into: &json)
        writeRest(branch.trace, before, way, assumptions: Array(others), into: &json)
        json.endObject()
    }

    /// A result of its own, whose indexes count from its own first step.
    private func writeNested(_ trace: Trace, into json: inout JSONWriter) {
        json.beginObject()
        writeEnd(trace, [], into: &json)
        let packet = trace.firstPacket ?? Packet(source: .zero(.v4), destination: .zero(.v4), protocol: .tcp)
        writeRest(trace, [], reporter == nil ? nil : Way(trace, packet: packet), into: &json)
        json.endObject()
    }

    private func writeInner(_ inner: [Packet], into json: inout JSONWriter) {
        guard let packet = inner.last else { return }
        json.key("inner")
        json.beginObject()
        writePacket(packet, connectionMark: nil, into: &json)
        writeInner(Array(inner.dropLast()), into: &json)
        json.endObject()
    }

    // MARK: Values

    func writeAssumption(_ assumption: Assumption, into json: inout JSONWriter) {
        json.beginObject()
        json.member("name", assumption.name)
        json.member("value", assumption.value)
        json.member("text", assumption.text)
        if let step = assumption.step { json.member("step", step) }
        if assumption.isGiven { json.member("given", true) }
        json.endObject()
    }

    /// Defaults that a rule looked at, under the names of the options that set them.
    private func writeDefaults(_ trace: Trace, into json: inout JSONWriter) {
        guard let packet = trace.firstPacket else { return }
        for entry in defaultTexts(trace.defaultsUsed, packet) {
            json.beginObject()
            json.member("name", entry.name)
            json.member("value", entry.value)
            json.member("text", entry.text)
            json.endObject()
        }
    }

    private func writeNotes(_ answer: TraceAnswer, into json: inout JSONWriter) {
        if !answer.notes.isEmpty { json.member("notes", answer.notes) }
        writeMissing(answer.missing, into: &json)
    }

    func writePacket(_ packet: Packet, connectionMark: UInt32?, into json: inout JSONWriter) {
        if !packet.unknown.contains(.source) { json.member("source", packet.source) }
        if !packet.unknown.contains(.destination) { json.member("destination", packet.destination) }
        json.member("protocol", packet.protocol.shortName)
        if packet.protocol.hasPorts {
            if let choices = packet.sourcePortChoices {
                writeChoices(choices, into: &json)
            } else if !packet.unknown.contains(.sourcePort) {
                json.sourcePort(packet.sourcePort)
            }
            if !packet.unknown.contains(.destinationPort) { json.destinationPort(packet.destinationPort) }
        }
        if packet.protocol == .tcp { json.member("tcpFlags", flagsText(packet.tcpFlags)) }
        if packet.protocol.isICMP {
            json.member("icmpType", packet.icmpType)
            json.member("icmpCode", packet.icmpCode)
        }
        json.member("ttl", packet.ttl)
        json.member("dscp", packet.dscp)
        json.member("length", packet.length)
        if !packet.unknown.contains(.mark) { json.member("mark", packet.mark) }
        if let connectionMark { json.member("ctMark", connectionMark) }
    }

    func writeChoices(_ choices: PortRange, into json: inout JSONWriter) {
        json.key("sourcePorts")
        json.beginArray()
        json.integer(choices.first)
        json.integer(choices.last)
        json.endArray()
    }
}

/// `answer`, `timeout`, `reset`, `unreachable(3/13)`.
func senderWord(_ view: SenderView) -> String {
    switch view {
    case .answer: "answer"
    case .timeout: "timeout"
    case .reset: "reset"
    case .unreachable(let type, let code): "unreachable(\(type)/\(code))"
    }
}

extension Trace {
    /// The packet as it began.
    var firstPacket: Packet? {
        if let first = steps.first { return first.view.packet }
        for branch in branches {
            if let packet = branch.trace.firstPacket { return packet }
        }
        return last?.packet
    }
}

/// Defaults as the options that set them: name, value and a sentence without a final stop.
func defaultTexts(_ fields: PacketFields, _ packet: Packet) -> [(name: String, value: String, text: String)] {
    var texts: [(name: String, value: String, text: String)] = []
    for entry in PacketFields.names where fields.contains(entry.field) {
        let value: String
        let what: String
        switch entry.field {
        case .protocol: (value, what) = (packet.protocol.shortName, "protocol")
        case .sourcePort: (value, what) = ("\(packet.sourcePort)", "source port")
        case .destinationPort: (value, what) = ("\(packet.destinationPort)", "destination port")
        case .icmpType: (value, what) = ("\(packet.icmpType)", "ICMP type")
        case .tcpFlags:
            let flags = flagsText(packet.tcpFlags)
            texts.append(
                (
                    entry.name, flags,
                    "the TCP flags are taken to be \(flags): none were given, and a rule looks at them (--\(entry.name))"
                ))
            continue
        case .ttl: (value, what) = ("\(packet.ttl)", packet.version == .v4 ? "TTL" : "hop limit")
        case .dscp: (value, what) = ("\(packet.dscp)", "DSCP")
        case .length: (value, what) = ("\(packet.length)", "length")
        case .mark: (value, what) = ("\(packet.mark)", "mark")
        case .otherHeaders:
            let headers = packet.version == .v4 ? "no IP options" : "no extension headers"
            let text = "the packet is taken to have \(headers): a rule looks at them"
            texts.append((entry.name, "none", text))
            continue
        default: continue
        }
        texts.append(
            (
                entry.name, value,
                "the \(what) is taken to be \(value): none was given, and a rule looks at it (--\(entry.name))"
            ))
    }
    return texts
}
