internal import Answers
internal import PacketPath
internal import Questions
internal import Reports
internal import SourceText

/// Answers lines of `--packets` where each packet is by itself: those that nothing tells apart are followed once
/// (`KeptAnswers`), and lines that look alike are read by what differs (`LinePattern`).
struct AlikePackets {
    private let answers: KeptAnswers
    private(set) var memory = KeptAnswers.Memory()
    /// How lines looked that were read, the last of them last.
    private var patterns: [LinePattern] = []

    init(_ answers: KeptAnswers) { self.answers = answers }

    /// As `Tracer.answerLine` does.
    mutating func answerLine(
        _ line: [UInt8], by tracer: inout Tracer, _ settings: TraceSettings, of path: String, number: Int,
        files: [SourceFile], rendered: RenderedRules?, into json: inout JSONWriter
    ) -> LineResult? {
        for pattern in patterns.reversed() {
            guard let (packet, id) = pattern.read(line.span) else { continue }
            return answer(packet, id, by: &tracer, settings, files, rendered, into: &json)
        }
        do {
            let description = try readPacketJSON(line.span)
            if description.connection != nil {
                return tracer.answerLine(
                    line, of: path, number: number, files: files, rendered: rendered, into: &json)
            }
            let packet = try tracer.prepared(description)
            // More would be tried in vain for most lines.
            if patterns.count < 8, let pattern = LinePattern(line.span, description, packet) {
                patterns.append(pattern)
            }
            return answer(packet, description.id, by: &tracer, settings, files, rendered, into: &json)
        } catch {
            writeLineFailure(error, line, of: path, number: number, into: &json)
            return nil
        }
    }

    private mutating func answer(
        _ packet: PreparedPacket, _ id: PacketDescription.Identifier?, by tracer: inout Tracer,
        _ settings: TraceSettings, _ files: [SourceFile], _ rendered: RenderedRules?, into json: inout JSONWriter
    ) -> LineResult {
        let advice = answers.advice(on: packet, tracesReply: settings.roundTrip, &memory)
        if case .tell(let form, var result) = advice {
            form.write(PacketValues(packet.request.packet), TraceAnswer.Identifier(id), into: &json)
            result.isKept = true
            return result
        }
        let answer = tracer.answer(packet, id)
        if case .follow(let key) = advice {
            answers.take(key, packet.request.packet, answer, &memory, into: &json) {
                tracer.write(answer, files: files, rendered: rendered, into: &$0)
            }
        } else {
            tracer.write(answer, files: files, rendered: rendered, into: &json)
        }
        return LineResult(answer)
    }
}
