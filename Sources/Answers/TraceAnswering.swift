internal import Annotations
public import PathModel
public import Questions
public import Reports
public import Snapshot
internal import SourceText

extension TraceSettings {
    /// The packet that the options describe, whichever way; a failure where they don't describe one.
    public func description() throws(UsageFailure) -> PacketDescription {
        if flows { throw UsageFailure("--flows goes with --packets") }
        var description = packet
        if let text = packetText {
            do {
                description = try readPacketText(text).overlaid(by: packet)
            } catch {
                throw UsageFailure("--packet: \(error.message)")
            }
        }
        if description.source == nil { throw UsageFailure("the packet has no source: --from ADDRESS") }
        if description.destination == nil {
            throw UsageFailure("the packet has no destination: --to ADDRESS[:PORT][/PROTOCOL]")
        }
        return description
    }

    /// The answer as one JSON object on a line.
    public func writeJSON(
        _ answer: TraceAnswer, _ model: HostModel, _ node: NodeState, into json: inout JSONWriter
    ) {
        #if hasFeature(Embedded)
        let megaflow: FindAnswer? = nil
        #else
        let megaflow = megaflow ? Questions.megaflow(of: answer.trace, answer.request, on: model) : nil
        #endif
        writeTraceJSON(
            answer, model, annotations: AnnotatedRuleset(model.linked, cluster: node.cluster), files: node.files,
            megaflow: megaflow, into: &json)
    }

    /// The answer as a person reads it.
    ///
    /// - Parameter snapshot: what stands for the snapshot in calls that are proposed.
    public func document(
        _ answer: TraceAnswer, _ model: HostModel, _ node: NodeState, snapshot: String
    ) -> Document {
        let annotations = AnnotatedRuleset(model.linked, cluster: node.cluster)
        var document = traceReport(answer, model, annotations: annotations, files: node.files, detail: detail)
        #if !hasFeature(Embedded)
        if megaflow {
            let alike = Questions.megaflow(of: answer.trace, answer.request, on: model)
            document.add(contentsOf: megaflowReport(alike, snapshot: snapshot, model, files: node.files).blocks)
        }
        #endif
        return document
    }
}
