/// A string of dot: quotes and backslashes are its own. A `&` would begin an entity.
func dotQuoted(_ text: String) -> String {
    var result = "\""
    for scalar in pictureText(text).unicodeScalars {
        switch scalar {
        case "\"", "\\":
            result += "\\"
            result.unicodeScalars.append(scalar)
        case "&": result += "&amp;"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result + "\""
}

/// A label of dot in its likeness of HTML, where nothing but the markup made here is any.
func htmlLabel(_ lines: [LabelLine], align: String?) -> String {
    var text = "<"
    let end = align.map { "<BR ALIGN=\"\($0)\"/>" } ?? "<BR/>"
    for (index, line) in lines.enumerated() {
        let escaped = markupEscaped(line.text)
        switch line.role {
        case .name: text += "<B>\(escaped)</B>"
        case .plain: text += "<FONT POINT-SIZE=\"11\">\(escaped)</FONT>"
        case .quiet: text += "<FONT POINT-SIZE=\"10\" COLOR=\"\(PictureColor.quiet)\">\(escaped)</FONT>"
        case .bad: text += "<FONT POINT-SIZE=\"11\" COLOR=\"\(PictureColor.bad)\"><B>\(escaped)</B></FONT>"
        }
        if index + 1 < lines.count || align != nil { text += end }
    }
    return text + ">"
}

/// Text as HTML and XML have it, in an element or in a quoted attribute.
public func markupEscaped(_ text: String) -> String {
    var result = ""
    for scalar in pictureText(text).unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
