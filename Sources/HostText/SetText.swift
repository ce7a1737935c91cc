import NetTypes
import RuleModel
import SourceText

/// Reads `ipset save` and files for `ipset restore`.
func readSetSave(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var reader = SetReader()
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    // A dump lists a set's elements behind its creation: look it up once, not for each element.
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let command = words.next() else { continue }
        if text.has(command, "add") {
            reader.addLine(text, &words, cursor, &reading)
        } else if text.has(command, "create") {
            reader.createLine(text, &words, cursor, &reading)
        } else if text.has(command, "flush") {
            if let name = words.next() { reader.flush(reading.name(text, name), &reading) }
        } else if !text.has(command, "COMMIT") && text[command.lowerBound] != UInt8(ascii: "#") {
            reader.spoil(&reading)
            reading.tell(
                .warning, "bad-set-line", "'\(text.quote(command))' is no command of `ipset save`",
                at: cursor.place(command))
        }
    }
    reading.host.knowsSets = true
}

/// Reads `ipset list`.
func readSetList(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var reader = SetReader()
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard let first = words.peek else {
            reader.endMembers()
            continue
        }
        if reader.isInMembers, !text.begins(cursor.range, "Name: ") {
            reader.memberLine(text, &words, cursor, &reading)
        } else if text.begins(cursor.range, "Name: ") {
            reader.finishListed(&reading)
            let name = text.trimmed(cursor.range.lowerBound + 6..<cursor.range.upperBound)
            reader.begin(reading.name(text, name), cursor, &reading)
        } else if text.has(first, "Type:") {
            if let type = words[1] { reader.setType(text, type, cursor, &reading) }
        } else if text.has(first, "Header:") {
            words.seek(1)
            reader.header(text, &words, cursor, &reading)
        } else if text.begins(cursor.range, "Number of entries:") {
            if let count = words.last { reader.announce(text.decimal32(count).map { Int($0) }) }
        } else if text.has(first, "Members:") {
            reader.startMembers()
        } else if !text.has(first, "Revision:") && !text.has(first, "References:")
            && !text.begins(cursor.range, "Size in memory:")
        {
            reader.spoil(&reading)
            reading.tell(.warning, "bad-set-line", "this line is not one of `ipset list`", at: cursor.place)
        }
    }
    reader.finishListed(&reading)
    reading.host.knowsSets = true
}
