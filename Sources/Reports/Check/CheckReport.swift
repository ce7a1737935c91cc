internal import Questions

/// All answers, the ones that fail told in full.
public func checkReport(_ statements: [CheckedStatement], notes: [String]) -> Document {
    var document = Document()
    for statement in statements {
        var title = RichText([TextRun(statement.verdict.word, statement.verdict.role), TextRun(": \(statement.name)")])
        if !statement.node.isEmpty { title.add(", on \(statement.node)") }
        title.add(" [\(statement.verb)]", .quiet)
        document.add(.paragraph(title))
        if statement.verdict == .holds { continue }
        var blocks: [Block] = []
        if !statement.reason.isEmpty { blocks.append(.paragraph(RichText("Why it is there: \(statement.reason)"))) }
        for finding in statement.findings { blocks += lines(finding) }
        document.add(.indented(blocks))
        document.add(.space)
    }
    if case .space? = document.blocks.last { document.blocks.removeLast() }
    document.add(.space)
    document.add(.paragraph(RichText(summary(statements))))
    if !notes.isEmpty {
        document.add(.space)
        document.add(.paragraph("This rests on"))
        document.add(.list(notes.map { [.paragraph(RichText($0))] }))
    }
    return document
}

private func lines(_ finding: CheckedStatement.Finding) -> [Block] {
    var blocks: [Block] = [.paragraph(RichText(finding.text + "."))]
    for decider in finding.deciders {
        let place = decider.location.map { ", \($0)" } ?? ""
        blocks.append(.paragraph(RichText(capitalised("\(decider.role) \(decider.name)\(place)") + ":")))
        if !decider.text.isEmpty {
            blocks.append(.indented([.verbatim([RichText(withoutTabs(decider.text), .code)])]))
        }
    }
    if finding.deciders.isEmpty, let outcome = finding.outcome, ["forwarded", "sent", "delivered"].contains(outcome) {
        blocks.append(.paragraph("No rule decided: no chain on its way stopped it."))
    }
    for unknown in finding.unknowns {
        var text = RichText("It depends on ")
        text.add(unknown.name, .doubtful)
        if !unknown.meaning.isEmpty { text.add(": whether \(unknown.meaning)") }
        blocks.append(.paragraph(text))
    }
    if !finding.calls.isEmpty {
        blocks.append(.paragraph("To see it:"))
        blocks.append(.indented([.verbatim(finding.calls.map { RichText($0.text, .code) })]))
    }
    if finding.moreCount > 0 {
        blocks.append(
            .paragraph(
                RichText(
                    "… and \(counted(finding.moreCount, "more rule or policy", "more rules or policies")).", .quiet)))
    }
    return blocks
}

/// `5 statements: 3 hold, 1 fails, 1 is not proved.`
func summary(_ statements: [CheckedStatement]) -> String {
    var parts: [String] = []
    for verdict in StatementAnswer.Verdict.allCases {
        let count = statements.filter { $0.verdict == verdict }.count
        if count == 0 { continue }
        let isOne = count == 1
        switch verdict {
        case .holds: parts.append("\(count) \(isOne ? "holds" : "hold")")
        case .conceded: parts.append("\(count) \(isOne ? "is" : "are") let pass")
        case .notProved: parts.append("\(count) \(isOne ? "is" : "are") not proved")
        case .fails: parts.append("\(count) \(isOne ? "fails" : "fail")")
        }
    }
    return "\(counted(statements.count, "statement")): \(listed(parts))."
}

extension StatementAnswer.Verdict {
    var word: String {
        switch self {
        case .holds: "HOLDS"
        case .conceded: "LET PASS"
        case .notProved: "NOT PROVED"
        case .fails: "FAILS"
        }
    }

    fileprivate var role: TextRole {
        switch self {
        case .holds: .good
        case .conceded, .notProved: .doubtful
        case .fails: .bad
        }
    }
}

extension CheckedStatement {
    /// All findings on lines of their own, for forms that have no structure.
    var message: String {
        var lines: [String] = []
        for finding in findings {
            lines.append(finding.text + ".")
            for decider in finding.deciders {
                let place = decider.location.map { ", \($0)" } ?? ""
                lines.append("\(capitalised(decider.role)) \(decider.name)\(place): \(decider.text)")
            }
            for unknown in finding.unknowns {
                lines.append(
                    "It depends on \(unknown.name)" + (unknown.meaning.isEmpty ? "" : ": whether \(unknown.meaning)"))
            }
            lines += finding.calls.map { $0.text }
        }
        return lines.map { withoutControls($0) }.joined(separator: "\n")
    }

    /// Its name, with the node's where there are several.
    var title: String { node.isEmpty ? name : "\(name), on \(node)" }
}

/// `text` without what drives a terminal or is no character of XML.
func withoutControls(_ text: String) -> String {
    var result = ""
    for scalar in withoutTabs(text).unicodeScalars {
        switch scalar.value {
        case 0..<0x20, 0x7f...0x9f, 0x200e...0x200f, 0x202a...0x202e, 0x2066...0x2069, 0xfffe, 0xffff:
            result += "\\u{" + String(scalar.value, radix: 16) + "}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
