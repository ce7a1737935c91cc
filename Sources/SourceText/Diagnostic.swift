/// One finding about the input, fit for a terminal, a log or JSON.
public struct Diagnostic: Hashable, Sendable {
    public enum Severity: UInt8, Hashable, Sendable, Comparable {
        case note = 0
        case warning = 1
        case error = 2

        public var name: String {
            switch self {
            case .note: "note"
            case .warning: "warning"
            case .error: "error"
            }
        }

        public static func < (a: Severity, b: Severity) -> Bool { a.rawValue < b.rawValue }
    }

    public let severity: Severity
    /// A stable name such as `unknown-match`, for filters and tests. Never reworded.
    public let code: String
    /// A sentence without a final stop that quotes the offending text.
    public let message: String
    public let place: Place

    public init(_ severity: Severity, _ code: String, _ message: String, at place: Place) {
        self.severity = severity
        self.code = code
        self.message = message
        self.place = place
    }
}

extension Diagnostic {
    /// `file:line:column: error: message [code]`, then the line and a caret under the first byte meant.
    /// Control characters of the input are shown as `\x1b`.
    public func rendered(in file: SourceFile) -> String {
        let path = escapedForTerminal(file.path)
        let sentence = "\(severity.name): \(escapedForTerminal(message)) [\(code)]"
        if place.isNone { return "\(path): \(sentence)" }
        let column = file.column(of: Int(place.start))
        var text = "\(path):\(place.line):\(column): \(sentence)"
        // A long line is cut around the place so that the caret stays on the screen.
        let line = Array(file.lineText(around: Int(place.start)).utf8)
        let first = column > 100 ? column - 60 : 0
        func piece(to end: Int) -> String {
            let range = min(first, line.count)..<max(min(first, line.count), min(end, line.count))
            return escapedForTerminal(String(decoding: line[range], as: UTF8.self))
        }
        let shown = piece(to: first + 160)
        let lead = piece(to: column - 1)
        text += "\n    " + shown + "\n    " + String(repeating: " ", count: lead.unicodeScalars.count) + "^"
        return text
    }
}

/// `text` with control characters, DEL, C1 controls and direction overrides written as `\x..` or `\u{..}`,
/// so that no name out of a rule can drive a terminal.
public func escapedForTerminal(_ text: String) -> String {
    var isPlain = true
    for scalar in text.unicodeScalars where isUnsafe(scalar.value) { isPlain = false }
    if isPlain { return text }
    var result = ""
    for scalar in text.unicodeScalars {
        if !isUnsafe(scalar.value) {
            result.unicodeScalars.append(scalar)
        } else if scalar.value < 0x100 {
            result += (scalar.value < 16 ? "\\x0" : "\\x") + String(scalar.value, radix: 16)
        } else {
            result += "\\u{" + String(scalar.value, radix: 16) + "}"
        }
    }
    return result
}

private func isUnsafe(_ scalar: UInt32) -> Bool {
    scalar < 0x20 || (0x7f...0x9f).contains(scalar) || (0x200e...0x200f).contains(scalar)
        || (0x202a...0x202e).contains(scalar) || (0x2066...0x2069).contains(scalar)
}
