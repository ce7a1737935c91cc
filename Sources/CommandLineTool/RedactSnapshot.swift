internal import Answers
internal import ArchiveFile
internal import HostText
internal import Redaction
internal import RuleModel
internal import Snapshot
internal import SourceText

/// `capture --redact`: writes a snapshot of this machine, or those at `paths`, with addresses and names replaced.
func redact(_ paths: [String], _ settings: CaptureSettings, _ console: borrowing Console) throws(Stop) -> Int32 {
    if settings.namespace != nil, !paths.isEmpty {
        throw .usage(UsageFailure("--netns is of this machine, and there is a snapshot"))
    }
    let surroundings = console.surroundings
    let name = "hookline-redacted-" + surroundings.timeStamp()
    let place = try CapturePlace(settings.outputPath ?? name + ".tar.gz", surroundings)
    let files = try paths.isEmpty ? readFiles(settings, console) : gather(paths, console)
    if files.isEmpty {
        throw .message("hookline: error: nothing in this input is known, so there is nothing to redact")
    }
    var redactor = Redactor(key: .random())
    let redacted = redactor.redact(files)
    var entries = redacted.files.map { ArchiveEntry(name: $0.path, bytes: $0.bytes) }
    addNotes(&entries)
    try place.write(entries, folder: name, console)
    if let path = settings.mappingPath {
        let lines = redactor.replacements.map { "\($0.original)\t\($0.replacement)\n" }
        do throws(FileFailure) {
            try surroundings.createFile(path, Array(lines.joined().utf8))
        } catch {
            throw .message("\(escapedForTerminal(error.path)): error: \(error.call): \(error.reason)")
        }
    }
    tell(redacted, console)
    return try place.tell(console)
}

private func readFiles(_ settings: CaptureSettings, _ console: borrowing Console) throws(Stop) -> [SourceFile] {
    let live = try readLive(settings, console)
    tellUnread(live, console)
    return live.entries.map { SourceFile(path: $0.name, bytes: $0.bytes) }
}

private func gather(_ paths: [String], _ console: borrowing Console) throws(Stop) -> [SourceFile] {
    let surroundings = console.surroundings
    let gathered: GatheredFiles
    do {
        gathered = try gatherFiles(
            paths, standardInput: { (limit) throws(FileFailure) in try surroundings.readInput(limit) })
    } catch {
        throw .message(error.description)
    }
    for input in gathered.unrecognised {
        console.error("\(escapedForTerminal(input.path)): note: left out: \(input.reason.text) [left-out]")
    }
    return gathered.files
}

/// Says in each folder that it is redacted: names no longer are what hashes were made of.
private func addNotes(_ entries: inout [ArchiveEntry]) {
    var folders: Set<String> = []
    for entry in entries {
        folders.insert(String(entry.name[..<(entry.name.lastIndex(of: "/") ?? entry.name.startIndex)]))
    }
    for folder in folders.sorted() {
        let note = writeCaptureNotes([], isRedacted: true)
        let name = folder.isEmpty ? note.name : folder + "/" + note.name
        if let index = entries.firstIndex(where: { $0.name == name }) {
            entries[index].bytes += Array("redacted\n".utf8)
        } else {
            entries.append(ArchiveEntry(name: name, bytes: note.bytes))
        }
    }
}

private func tell(_ redacted: RedactedSnapshot, _ console: borrowing Console) {
    for part in redacted.leftOut {
        let count = part.lineCount == 1 ? "a line" : "\(part.lineCount) lines"
        console.error(
            "\(escapedForTerminal(part.path)):\(part.line): note: left out: \(count) of \(part.what) [left-out]")
    }
    if redacted.hasHashes {
        console.error(
            "hookline: note: some rules choose by a hash of addresses; for other addresses they may choose otherwise [hash-choice]"
        )
    }
    if redacted.unknownParts > 0 {
        console.error(
            "hookline: note: \(redacted.unknownParts) matches of rules on raw bytes were replaced by one that nobody knows: what hangs on them is no longer sure [left-out]"
        )
    }
}
