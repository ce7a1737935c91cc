internal import Questions

/// One answer as a JSON object on a line of its own.
public func writeCheckJSON(_ statement: CheckedStatement, policy: String, into json: inout JSONWriter) {
    json.beginObject()
    json.member("hookline", 1)
    json.member("statement", statement.name)
    json.member("claim", statement.verb)
    if !statement.node.isEmpty { json.member("node", statement.node) }
    json.member("verdict", statement.verdict.name)
    json.member("holds", statement.verdict.isGood)
    json.member("file", policy)
    json.member("line", statement.line)
    json.member("column", statement.column)
    if !statement.reason.isEmpty { json.member("why", statement.reason) }
    json.key("findings")
    json.beginArray()
    for finding in statement.findings { write(finding, into: &json) }
    json.endArray()
    json.member("assumptions", statement.grounds)
    json.endObject()
    json.endLine()
}

private func write(_ finding: CheckedStatement.Finding, into json: inout JSONWriter) {
    json.beginObject()
    json.member("kind", finding.kind)
    json.member("text", finding.text)
    if let outcome = finding.outcome { json.member("outcome", outcome) }
    if let outcome = finding.outcomeBefore { json.member("outcomeBefore", outcome) }
    if let line = finding.line { json.member("line", line) }
    json.key("examples")
    json.beginArray()
    for call in finding.calls {
        json.beginObject()
        if !call.title.isEmpty { json.member("of", call.title) }
        json.member("snapshot", call.snapshot)
        json.member("options", call.options)
        json.endObject()
    }
    json.endArray()
    json.key("decidedBy")
    json.beginArray()
    for decider in finding.deciders {
        json.beginObject()
        json.member("role", decider.role)
        json.member("name", decider.name)
        if let file = decider.file { json.member("file", file) }
        if let line = decider.line { json.member("line", line) }
        json.member("text", decider.text)
        json.endObject()
    }
    json.endArray()
    json.key("unknowns")
    json.beginArray()
    for unknown in finding.unknowns {
        json.beginObject()
        json.member("name", unknown.name)
        json.member("meaning", unknown.meaning)
        json.endObject()
    }
    json.endArray()
    if finding.moreCount > 0 { json.member("more", finding.moreCount) }
    json.endObject()
}

// MARK: JUnit

/// All answers as JUnit's XML: a test case each.
public func writeCheckJUnit(_ statements: [CheckedStatement], policy: String, into output: inout OutputBuffer) {
    let failing = statements.filter { !$0.verdict.isGood }.count
    output.write("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")
    output.write("<testsuites name=\"hookline check\" tests=\"\(statements.count)\" failures=\"\(failing)\">\n")
    output.write(
        "  <testsuite name=\"\(attribute(policy))\" tests=\"\(statements.count)\" failures=\"\(failing)\" errors=\"0\">\n"
    )
    for statement in statements {
        let group = statement.node.isEmpty ? policy : statement.node
        output.write(
            "    <testcase classname=\"\(attribute(group))\" name=\"\(attribute(statement.name))\" file=\"\(attribute(policy))\" line=\"\(statement.line)\""
        )
        switch statement.verdict {
        case .holds: output.write("/>\n")
        case .conceded:
            output.write(">\n      <system-out>\(xml(statement.message))</system-out>\n    </testcase>\n")
        case .notProved, .fails:
            let first = statement.findings.first?.text ?? statement.verdict.word
            output.write(
                ">\n      <failure type=\"\(statement.verdict.name)\" message=\"\(attribute(first))\">\(xml(statement.message))</failure>\n    </testcase>\n"
            )
        }
    }
    output.write("  </testsuite>\n</testsuites>\n")
}

/// `text` on one line of XML.
private func attribute(_ text: String) -> String { xml(withoutControls(text)) }

/// `text` within XML; line ends stay.
private func xml(_ text: String) -> String {
    var result = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
        if !result.isEmpty { result += "\n" }
        for scalar in withoutControls(String(line)).unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.unicodeScalars.append(scalar)
            }
        }
    }
    return result
}

// MARK: GitHub

/// What GitHub Actions shows at the policy's lines: an annotation for each statement that does not hold.
public func writeCheckAnnotations(_ statements: [CheckedStatement], policy: String, into output: inout OutputBuffer) {
    for statement in statements where !statement.verdict.isGood {
        let title = "\(statement.verdict.word): \(statement.title)"
        output.write(
            "::error file=\(property(policy)),line=\(statement.line),col=\(statement.column),title=\(property(title))::\(data(statement.message))\n"
        )
    }
}

/// Source: actions/toolkit packages/core/src/command.ts, `escapeData` and `escapeProperty`.
private func data(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "%": result += "%25"
        case "\r": result += "%0D"
        case "\n": result += "%0A"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

private func property(_ text: String) -> String {
    var result = ""
    for scalar in data(withoutControls(text)).unicodeScalars {
        switch scalar {
        case ":": result += "%3A"
        case ",": result += "%2C"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

// MARK: SARIF

/// All statements that do not hold as SARIF 2.1.0, at the policy's lines, with the rules that decided beside them.
public func writeCheckSARIF(
    _ statements: [CheckedStatement], policy: String, version: String, into json: inout JSONWriter
) {
    json.beginObject()
    json.member("$schema", "https://json.schemastore.org/sarif-2.1.0.json")
    json.member("version", "2.1.0")
    json.key("runs")
    json.beginArray()
    json.beginObject()
    json.key("tool")
    json.beginObject()
    json.key("driver")
    json.beginObject()
    json.member("name", "hookline check")
    json.member("version", version)
    json.key("rules")
    json.beginArray()
    for claim in claims {
        json.beginObject()
        json.member("id", claim.name)
        json.key("shortDescription")
        json.beginObject()
        json.member("text", claim.text)
        json.endObject()
        json.endObject()
    }
    json.endArray()
    json.endObject()
    json.endObject()
    json.key("results")
    json.beginArray()
    for statement in statements where !statement.verdict.isGood { write(statement, policy, into: &json) }
    json.endArray()
    json.endObject()
    json.endArray()
    json.endObject()
    json.endLine()
}

private let claims: [(name: String, text: String)] = [
    ("allow", "These packets get through."), ("deny", "These packets do not get through."),
    ("translate", "These packets are translated so."), ("same", "These packets are treated alike."),
    ("change", "The change does this, and nothing else."), ("unreachable-rule", "No packet is matched by this rule."),
]

private func write(_ statement: CheckedStatement, _ policy: String, into json: inout JSONWriter) {
    json.beginObject()
    json.member("ruleId", statement.verb)
    json.member("level", "error")
    json.key("message")
    json.beginObject()
    json.member("text", "\(withoutControls(statement.title)): \(statement.message)")
    json.endObject()
    json.key("locations")
    json.beginArray()
    writeLocation(policy, statement.line, statement.column, nil, into: &json)
    json.endArray()
    let deciders = statement.findings.flatMap { $0.deciders }
    if deciders.contains(where: { $0.location != nil }) {
        json.key("relatedLocations")
        json.beginArray()
        for decider in deciders {
            guard let file = decider.file, let line = decider.line else { continue }
            writeLocation(
                file, line, nil, "\(decider.role) \(decider.name): \(withoutControls(decider.text))", into: &json)
        }
        json.endArray()
    }
    json.endObject()
}

private func writeLocation(
    _ file: String, _ line: Int, _ column: Int?, _ message: String?, into json: inout JSONWriter
) {
    json.beginObject()
    json.key("physicalLocation")
    json.beginObject()
    json.key("artifactLocation")
    json.beginObject()
    json.member("uri", uri(file))
    json.endObject()
    json.key("region")
    json.beginObject()
    json.member("startLine", line)
    if let column { json.member("startColumn", column) }
    json.endObject()
    json.endObject()
    if let message {
        json.key("message")
        json.beginObject()
        json.member("text", message)
        json.endObject()
    }
    json.endObject()
}

/// A path as a URI reference: what is no letter, digit or one of `-._~/` as `%XX`.
private func uri(_ path: String) -> String {
    var result = ""
    for byte in path.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"), UInt8(ascii: "/"):
            result.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            let digits = String(byte, radix: 16, uppercase: true)
            result += "%" + (byte < 16 ? "0" : "") + digits
        }
    }
    return result
}
