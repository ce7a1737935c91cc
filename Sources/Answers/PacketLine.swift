public import PacketPath
public import PathModel
public import Questions
public import Reports
public import SourceText

/// What a line of `--packets` came to.
public struct LineResult: Hashable, Sendable {
    public var outcome: Outcome
    /// Whether the kernel, where it was asked, says the same.
    public var isAgreed = true
    /// Whether it is that of a packet before, which was not followed again.
    public var isKept = false

    /// Whether an answer to it was followed, and is not sure to come back.
    public var losesReply = false

    public init(outcome: Outcome) { self.outcome = outcome }

    public init(_ answer: TraceAnswer) {
        outcome = answer.finalOutcome
        losesReply = answer.losesReply
    }
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
        do {
            var answer = try answer(try readPacketJSON(line.span))
            kernel(&answer, model)
            write(answer, files: files, rendered: rendered, into: &json)
            var result = LineResult(answer)
            result.isAgreed = answer.kernel?.agrees != false
            return result
        } catch {
            writeLineFailure(error, line, of: path, number: number, into: &json)
            return nil
        }
    }

    /// Writes an answer as one line of JSON, as the detail asked for has it.
    public func write(
        _ answer: TraceAnswer, files: [SourceFile], rendered: RenderedRules?, into json: inout JSONWriter
    ) {
        if detail == .summary {
            writeVerdictJSON(answer, model, files: files, rendered: rendered, into: &json)
        } else {
            writeTraceJSON(answer, model, files: files, rendered: rendered, into: &json)
        }
    }
}

/// The result in the place of a line that can't be read.
public func writeLineFailure(
    _ failure: PacketFailure, _ line: [UInt8], of path: String, number: Int, into json: inout JSONWriter
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
