public import PacketPath
public import PathModel
internal import Questions
public import Reports
public import SourceText

/// What a line of `--packets` came to.
public struct LineResult: Sendable {
    public var outcome: Outcome
    /// Whether the kernel, where it was asked, says the same.
    public var isAgreed = true
    /// Whether it is that of a packet before, which was not followed again.
    public var isKept = false
}

extension Tracer {
    /// Answers one line of `--packets` as one line of JSON, with `--detail summary` a short one; an error in its place where the
    /// line can't be read.
    ///
    /// - Parameters:
    ///   - path: what the lines are read from, for the error.
    ///   - number: the line's own, from 1.
    ///   - rendered: what was written of the same model's rules before.
    /// - Returns: what became of the packet; `nil` for a line that can't be read.
    public mutating func answerLine(
        _ line: [UInt8], of path: String, number: Int, files: [SourceFile], rendered: RenderedRules? = nil,
        into json: inout JSONWriter, asking kernel: (inout TraceAnswer, HostModel) -> Void = { _, _ in }
    ) -> LineResult? {
        #if !hasFeature(Embedded)
        if let (prepared, id) = readLike(line) { return answerAlike(prepared, id, files, rendered, into: &json) }
        #endif
        do {
            let description = try readPacketJSON(line.span)
            #if !hasFeature(Embedded)
            if kept != nil, description.connection == nil {
                let prepared = try prepared(description)
                keepPattern(of: line, description, prepared)
                return answerAlike(prepared, description.id, files, rendered, into: &json)
            }
            #endif
            var answer = try answer(description)
            kernel(&answer, model)
            writeLine(answer, detail, model, files, rendered, into: &json)
            return LineResult(outcome: answer.finalOutcome, isAgreed: answer.kernel?.agrees != false)
        } catch {
            writeError(error, line, path, number, into: &json)
            return nil
        }
    }

    #if !hasFeature(Embedded)
    /// A line that looks like one before; `nil` where answers are not kept.
    private func readLike(_ line: [UInt8]) -> (PreparedPacket, PacketDescription.Identifier?)? {
        for pattern in patterns.reversed() {
            if let (prepared, id) = pattern.read(line.span) { return (prepared, id) }
        }
        return nil
    }

    private mutating func keepPattern(of line: [UInt8], _ description: PacketDescription, _ prepared: PreparedPacket) {
        // More would be tried in vain for most lines.
        if patterns.count < 8, let pattern = LinePattern(line.span, description, prepared) { patterns.append(pattern) }
    }

    /// Tells an answer that is kept, or follows the packet.
    private mutating func answerAlike(
        _ prepared: PreparedPacket, _ id: PacketDescription.Identifier?, _ files: [SourceFile],
        _ rendered: RenderedRules?, into json: inout JSONWriter
    ) -> LineResult {
        let packet = prepared.request.packet
        let advice = kept?.advice(on: prepared) ?? .leave
        if case .tell(let form, let outcome) = advice {
            form.write(PacketValues(packet), TraceAnswer.Identifier(id), into: &json)
            return LineResult(outcome: outcome, isKept: true)
        }
        var answer = answer(prepared, id)
        writeLine(answer, detail, model, files, rendered, into: &json)
        let outcome = answer.finalOutcome
        if case .follow(let key) = advice {
            answer.identifier = .none
            let (detail, model) = (detail, model)
            kept?.take(key, packet, answer) { writeLine(answer, detail, model, files, rendered, into: &$0) }
        }
        return LineResult(outcome: outcome)
    }
    #endif
}

private func writeLine(
    _ answer: TraceAnswer, _ detail: Detail, _ model: HostModel, _ files: [SourceFile], _ rendered: RenderedRules?,
    into json: inout JSONWriter
) {
    if detail == .summary {
        writeVerdictJSON(answer, model, files: files, rendered: rendered, into: &json)
    } else {
        writeTraceJSON(answer, model, files: files, rendered: rendered, into: &json)
    }
}

/// The result in the place of a line that can't be read.
private func writeError(
    _ failure: PacketFailure, _ line: [UInt8], _ path: String, _ number: Int, into json: inout JSONWriter
) {
    let column = (failure.offset ?? 0) + 1
    json.beginObject()
    json.member("error", "\(path):\(number):\(column): error: \(failure.message)")
    json.member("line", number)
    json.member("column", column)
    switch readPacketIdentifier(line.span) {
    case .string(let text)?: json.member("id", text)
    case .number(let text)?:
        json.key("id")
        json.number(text)
    case nil: break
    }
    json.endObject()
    json.endLine()
}
