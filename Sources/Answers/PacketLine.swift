public import PathModel
internal import Questions
public import Reports
public import SourceText

extension Tracer {
    /// Answers one line of `--packets` as one line of JSON, with `--detail summary` a short one; an error in its place where the
    /// line can't be read.
    ///
    /// - Parameters:
    ///   - path: what the lines are read from, for the error.
    ///   - number: the line's own, from 1.
    ///   - rendered: what was written of the same model's rules before.
    /// - Returns: the answer; `nil` for a line that can't be read.
    public mutating func answerLine(
        _ line: [UInt8], of path: String, number: Int, files: [SourceFile], rendered: RenderedRules? = nil,
        into json: inout JSONWriter, asking kernel: (inout TraceAnswer, HostModel) -> Void = { _, _ in }
    ) -> TraceAnswer? {
        do {
            var answer = try answer(try readPacketJSON(line.span))
            kernel(&answer, model)
            if detail == .summary {
                writeVerdictJSON(answer, model, files: files, rendered: rendered, into: &json)
            } else {
                writeTraceJSON(answer, model, files: files, rendered: rendered, into: &json)
            }
            return answer
        } catch {
            writeError(error, line, path, number, into: &json)
            return nil
        }
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
