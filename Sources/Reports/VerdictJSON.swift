internal import NetTypes
internal import PacketPath
public import PathModel
internal import RuleModel
public import SourceText

/// Writes what became of a packet on a line of its own: its outcome, what decided, and its translations, without the way.
///
/// - Parameter rendered: what was written of the same model's rules before, of which many packets meet the same.
public func writeVerdictJSON(
    _ answer: TraceAnswer, _ model: HostModel, files: [SourceFile], rendered: RenderedRules? = nil,
    into json: inout JSONWriter
) {
    let writer = TraceJSONWriter(quotes: Quotes(model: model, files: files), reporter: nil, rendered: rendered)
    writer.writeVerdict(answer, into: &json)
    json.endLine()
}

extension TraceJSONWriter {
    fileprivate func writeVerdict(_ answer: TraceAnswer, into json: inout JSONWriter) {
        json.beginObject()
        json.member("hookline", 1)
        json.write(answer.identifier)
        let trace = answer.trace
        if answer.otherDeciders.isEmpty {
            writeOutcome(trace, into: &json)
        } else {
            json.member("outcome", Outcome.undecided.name)
            json.member("reason", Reason.unknownRule.name)
            json.member("otherDeciders", answer.otherDeciders.map { $0.name })
        }
        if trace.branches.isEmpty, answer.otherDeciders.isEmpty {
            writeVerdictRest(trace, [trace.steps], into: &json)
        } else {
            json.key("ends")
            json.beginArray()
            writeEnds(of: trace, [], [], probability: 1, into: &json)
            json.endArray()
        }
        answer.kernel?.write(into: &json)
        json.endObject()
    }

    private func writeOutcome(_ trace: Trace, into json: inout JSONWriter) {
        json.member("outcome", trace.outcome.name)
        if let reason = trace.reason { json.member("reason", reason.name) }
        if !trace.possibleOutcomes.isEmpty { json.member("possible", trace.possibleOutcomes.map { $0.name }) }
        if let with = trace.rejectWith { json.member("rejectWith", with.name) }
    }

    /// Every end below `trace`, each with what it takes.
    ///
    /// - Parameters:
    ///   - parts: the steps of all enclosing traces, outermost first.
    ///   - probability: the chance of getting here; `nil` where it is not known.
    private func writeEnds(
        of trace: Trace, _ parts: [[Step]], _ conditions: [Assumption], probability: Double?,
        into json: inout JSONWriter
    ) {
        let parts = parts + [trace.steps]
        for branch in trace.branches {
            let own = branch.probability.flatMap { chance in probability.map { $0 * chance } }
            writeEnds(of: branch.trace, parts, conditions + branch.assumptions, probability: own, into: &json)
        }
        guard trace.branches.isEmpty else { return }
        json.beginObject()
        json.key("if")
        json.beginArray()
        for condition in conditions { json.string(condition.name + "=" + condition.value) }
        json.endArray()
        if let probability, !conditions.isEmpty {
            json.key("probability")
            json.number(decimalText(probability))
        }
        writeOutcome(trace, into: &json)
        writeVerdictRest(trace, parts, into: &json)
        json.endObject()
    }

    /// What decided, what was translated, and the packet at its end.
    private func writeVerdictRest(_ trace: Trace, _ parts: [[Step]], into json: inout JSONWriter) {
        if let index = trace.decidedBy, let step = step(index, in: parts) {
            json.key("decider")
            json.beginObject()
            writeStep(step, nil, trace.connection, into: &json)
            json.endObject()
        }
        json.key("translations")
        json.beginArray()
        for steps in parts {
            for step in steps {
                guard case .translation = step.kind else { continue }
                json.beginObject()
                writeStep(step, nil, trace.connection, into: &json)
                json.endObject()
            }
        }
        json.endArray()
        writeOut(trace, into: &json)
    }

    /// The step at `index` of the whole way.
    private func step(_ index: Int, in parts: [[Step]]) -> Step? {
        var index = index
        for steps in parts {
            if index < steps.count { return steps[index] }
            index -= steps.count
        }
        return nil
    }
}
