internal import ChainGraph
public import PathModel
public import Questions
internal import RuleModel
public import SourceText

/// What the doctor found, the gravest first, each with its evidence quoted, and what to do.
///
/// - Parameter gaps: what could not be looked for, and what the snapshot lacks: causes that are found by it are not.
public func doctorReport(
    _ diagnoses: [Diagnosis], gaps: DoctorGaps, snapshot: String, model: HostModel, files: [SourceFile]
) -> Document {
    let quotes = Quotes(model: model, files: files)
    var document = Document()
    if diagnoses.isEmpty { document.add(.paragraph(RichText(nothingFound(gaps)))) }
    for (index, diagnosis) in diagnoses.enumerated() {
        if index > 0 { document.add(.space) }
        let finding = diagnosis.finding
        var title = RichText([TextRun(finding.severity.word, finding.severity.role), TextRun(": \(finding.title).")])
        title.add(" [\(diagnosis.check)]", .quiet)
        document.add(.paragraph(title))
        var blocks: [Block] = []
        for evidence in finding.evidence { blocks += evidenceBlocks(evidence, quotes) }
        if !finding.traffic.isEmpty { blocks.append(.paragraph(RichText("It hits: \(finding.traffic)."))) }
        if let example = finding.example {
            blocks.append(.paragraph(RichText("To see it:")))
            blocks.append(.indented([.verbatim([RichText("hookline trace \(snapshot) \(example)", .code)])]))
        }
        for remedy in finding.remedies { blocks.append(.paragraph(RichText("To do: \(remedy)."))) }
        for doubt in finding.doubts { blocks.append(.paragraph(RichText("Not sure: \(doubt).", .quiet))) }
        document.add(.indented(blocks))
    }
    if !gaps.missing.isEmpty {
        document.add(.space)
        let commands = gaps.missing.map { $0.command }.joined(separator: "; ")
        let count =
            diagnoses.isEmpty || gaps.unlooked == 0
            ? "" : " \(gaps.unlooked) of \(gaps.checked) known causes could not be looked for."
        document.add(
            .paragraph(
                RichText("Not in the snapshot, so that causes found by them are not: \(commands).\(count)", .quiet)))
    }
    return document
}

/// That nothing was found, and of how many causes that can be said.
private func nothingFound(_ gaps: DoctorGaps) -> String {
    let looked = gaps.checked - gaps.unlooked
    let end = gaps.missing.isEmpty ? "." : ", as far as the snapshot tells."
    if looked == 0 { return "Nothing was looked for: the snapshot lacks what shows it." }
    if gaps.unlooked == 0 {
        return gaps.checked == 1
            ? "Nothing found: the known cause is not at work here\(end)"
            : "Nothing found: none of \(gaps.checked) known causes is at work here\(end)"
    }
    return
        "Nothing found, but \(gaps.unlooked) of \(gaps.checked) known causes could not be looked for: none of the other \(looked) is at work here\(end)"
}

private func evidenceBlocks(_ evidence: DoctorFinding.Evidence, _ quotes: Quotes) -> [Block] {
    var blocks: [Block] = []
    if let text = quotes.text(evidence.place), let location = quotes.location(evidence.place) {
        blocks.append(
            .verbatim([
                RichText([
                    TextRun(location + ": ", .quiet, at: evidence.place),
                    TextRun(withoutTabs(text), .code, at: evidence.place),
                ])
            ]))
        if !evidence.text.isEmpty { blocks.append(.indented([.paragraph(RichText(evidence.text))])) }
    } else if !evidence.text.isEmpty {
        blocks.append(.paragraph(RichText(evidence.text)))
    }
    return blocks
}

extension DoctorFinding.Severity {
    fileprivate var word: String {
        switch self {
        case .note: "NOTE"
        case .risk: "RISK"
        case .problem: "PROBLEM"
        }
    }

    fileprivate var role: TextRole {
        switch self {
        case .note: .strong
        case .risk: .doubtful
        case .problem: .bad
        }
    }
}

/// One finding as a JSON object on a line of its own.
public func writeDoctorJSON(
    _ diagnosis: Diagnosis, node: String = "", model: HostModel, files: [SourceFile], into json: inout JSONWriter
) {
    let quotes = Quotes(model: model, files: files)
    let finding = diagnosis.finding
    json.beginObject()
    json.member("hookline", 1)
    if !node.isEmpty { json.member("node", node) }
    json.member("check", diagnosis.check)
    json.member("severity", finding.severity.name)
    json.member("title", finding.title)
    json.key("evidence")
    json.beginArray()
    for evidence in finding.evidence {
        json.beginObject()
        writePlace(evidence.place, quotes, into: &json)
        if let line = quotes.text(evidence.place) { json.member("quote", line) }
        if !evidence.text.isEmpty { json.member("text", evidence.text) }
        json.endObject()
    }
    json.endArray()
    if !finding.traffic.isEmpty { json.member("traffic", finding.traffic) }
    if let example = finding.example { json.member("example", example) }
    json.member("remedies", finding.remedies)
    json.member("doubts", finding.doubts)
    json.endObject()
    json.endLine()
}
