public import RuleModel
import SourceText

/// The text that goes into a snapshot with what could not be read for it. `Tools/capture.sh` writes the same.
public func writeCaptureNotes(_ unread: [HostDump.Unread], isRedacted: Bool = false) -> ToolText {
    var lines = unread.map { "not read: \($0.what): \($0.why)\n" }
    if isRedacted { lines.insert("redacted\n", at: 0) }
    return ToolText(name: "capture-notes.txt", command: "capture notes", body: Array(lines.joined().utf8))
}

/// `not read: WHAT: WHY`, `note: WORDS`, `redacted`.
func readCaptureNotes(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var cursor = LineCursor(listing.excerpt)
    while cursor.advance(text) {
        let line = text.trimmed(cursor.range)
        if text.has(line, "redacted") {
            reading.host.isRedacted = true
        } else if text.begins(line, "not read: ") {
            let words = text.quote(line.lowerBound + 10..<line.upperBound)
            reading.tell(.warning, "not-captured", "not read when this was captured: \(words)", at: cursor.place)
        } else if text.begins(line, "note: ") {
            let words = text.quote(line.lowerBound + 6..<line.upperBound)
            reading.tell(.note, "capture-note", words, at: cursor.place)
        }
    }
}

/// The first line behind the one that says what a listing is.
func firstLine(_ text: Span<UInt8>, _ listing: Listing) -> String {
    var cursor = LineCursor(listing.excerpt)
    while cursor.advance(text) {
        let line = text.trimmed(cursor.range)
        if !line.isEmpty { return text.text(line) }
    }
    return ""
}
