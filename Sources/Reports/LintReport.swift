internal import ChainGraph
public import PathModel
public import Questions
public import SourceText

/// How many lines of one finding are quoted.
private let quotedLines = 6

/// What was found in the rules, the gravest first, each with its lines quoted, what it comes to, and what to do.
public func lintReport(
    _ results: [LintResult], checked: Int, snapshot: String, model: HostModel, files: [SourceFile]
) -> Document {
    let quotes = Quotes(model: model, files: files)
    var document = Document()
    if results.isEmpty {
        document.add(.paragraph(RichText("Nothing found by \(checked) \(checked == 1 ? "check" : "checks").")))
        return document
    }
    for (index, result) in results.enumerated() {
        if index > 0 { document.add(.space) }
        let finding = result.finding
        var title = RichText([TextRun(finding.severity.word, finding.severity.role), TextRun(": \(finding.title).")])
        title.add(" [\(result.check)]", .quiet)
        document.add(.paragraph(title))
        var blocks: [Block] = []
        for citation in finding.citations.prefix(quotedLines) { blocks += citationBlocks(citation, quotes) }
        if finding.citations.count > quotedLines {
            blocks.append(.paragraph(RichText("… and \(finding.citations.count - quotedLines) more lines", .quiet)))
        }
        if !finding.meaning.isEmpty { blocks.append(.paragraph(RichText("It means: \(finding.meaning)."))) }
        if let example = finding.example {
            blocks.append(.paragraph(RichText("To see it:")))
            blocks.append(.indented([.verbatim([RichText("hookline trace \(snapshot) \(example)", .code)])]))
        }
        for remedy in finding.remedies { blocks.append(.paragraph(RichText("To do: \(remedy)."))) }
        document.add(.indented(blocks))
    }
    return document
}

private func citationBlocks(_ citation: LintFinding.Citation, _ quotes: Quotes) -> [Block] {
    var blocks: [Block] = []
    if let text = quotes.text(citation.place), let location = quotes.location(citation.place) {
        blocks.append(
            .verbatim([
                RichText([
                    TextRun(location + ": ", .quiet, at: citation.place),
                    TextRun(withoutTabs(firstLine(text)), .code, at: citation.place),
                ])
            ]))
    } else if let rule = citation.rule {
        blocks.append(.verbatim([RichText(withoutTabs(quotes.text(rule)), .code)]))
    }
    if !citation.text.isEmpty { blocks.append(.indented([.paragraph(RichText(citation.text))])) }
    return blocks
}

/// The first line of a text: a chain or set of nft goes over many.
private func firstLine(_ text: String) -> String {
    guard let end = text.utf8.firstIndex(of: 0x0a) else { return text }
    return String(text[..<end]) + " …"
}

extension LintFinding.Severity {
    fileprivate var word: String {
        switch self {
        case .hint: "HINT"
        case .warning: "WARNING"
        case .problem: "PROBLEM"
        }
    }

    fileprivate var role: TextRole {
        switch self {
        case .hint: .strong
        case .warning: .doubtful
        case .problem: .bad
        }
    }
}

/// One finding as a JSON object on a line of its own.
public func writeLintJSON(
    _ result: LintResult, node: String = "", model: HostModel, files: [SourceFile], into json: inout JSONWriter
) {
    let quotes = Quotes(model: model, files: files)
    let finding = result.finding
    json.beginObject()
    json.member("hookline", 1)
    if !node.isEmpty { json.member("node", node) }
    json.member("check", result.check)
    json.member("severity", finding.severity.name)
    json.member("title", finding.title)
    json.key("lines")
    json.beginArray()
    for citation in finding.citations {
        json.beginObject()
        writePlace(citation.place, quotes, into: &json)
        if let line = quotes.text(citation.place) { json.member("text", firstLine(line)) }
        if let rule = citation.rule { json.member("rule", quotes.cite(rule)) }
        if !citation.text.isEmpty { json.member("note", citation.text) }
        json.endObject()
    }
    json.endArray()
    json.member("subjects", finding.subjects)
    if !finding.meaning.isEmpty { json.member("meaning", finding.meaning) }
    if let example = finding.example { json.member("example", example) }
    json.member("remedies", finding.remedies)
    json.endObject()
    json.endLine()
}
