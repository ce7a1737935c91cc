internal import Answers
internal import ArchiveFile
internal import Reports
internal import SourceText

/// Where a snapshot is written, by the word behind `-o`.
enum CapturePlace: Hashable {
    case directory(String)
    case archive(String)
    case standardOutput

    init(_ path: String, _ surroundings: Surroundings) throws(Stop) {
        if path.isEmpty { throw .usage(UsageFailure("--output wants a name")) }
        if path == "-" {
            guard !surroundings.outputIsTerminal else {
                throw .usage(UsageFailure("an archive is nothing for a terminal; -o FILE.tar.gz writes it into a file"))
            }
            self = .standardOutput
            return
        }
        if path.hasSuffix(".tar.gz") || path.hasSuffix(".tgz") {
            self = .archive(path)
            return
        }
        for ending in [".tar", ".tar.xz", ".tar.zst", ".tar.bz2", ".txz", ".gz", ".zip"] where path.hasSuffix(ending) {
            throw .usage(UsageFailure("an archive is written as .tar.gz, not as '\(path)'"))
        }
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self = .directory(path)
    }

    /// Writes the files; in an archive they stand below `folder`. Nothing that is there is written over.
    func write(_ files: [ArchiveEntry], folder: String, _ console: borrowing Console) throws(Stop) {
        switch self {
        case .directory(let path): try check { () throws(FileFailure) in try spread(files, path, console.surroundings) }
        case .archive(let path):
            let bytes = try pack(files, folder, console.surroundings)
            try check { () throws(FileFailure) in try console.surroundings.createFile(path, bytes) }
        case .standardOutput:
            var output = console.output()
            output.write(try pack(files, folder, console.surroundings))
            try console.finish(&output)
        }
    }

    private func check(_ body: () throws(FileFailure) -> Void) throws(Stop) {
        do throws(FileFailure) {
            try body()
        } catch {
            throw .message("\(escapedForTerminal(error.path)): error: \(error.call): \(error.reason)")
        }
    }

    private func spread(
        _ files: [ArchiveEntry], _ path: String, _ surroundings: Surroundings
    ) throws(FileFailure) {
        try surroundings.makeDirectory(path)
        var made: Set<String> = []
        for file in files {
            var inner = path
            for part in file.name.split(separator: "/").dropLast() {
                inner += "/" + part
                if made.insert(inner).inserted { try surroundings.makeDirectory(inner) }
            }
            try surroundings.writeFile(path + "/" + file.name, file.bytes)
        }
    }

    private func pack(
        _ files: [ArchiveEntry], _ folder: String, _ surroundings: Surroundings
    ) throws(Stop) -> [UInt8] {
        let entries = files.map { ArchiveEntry(name: folder + "/" + $0.name, bytes: $0.bytes) }
        do throws(ArchiveFailure) {
            return try makeTarGzip(entries, time: surroundings.calendarTime())
        } catch {
            throw .message("hookline: error: the archive can't be written: \(error.message)")
        }
    }

    /// Prints the name of what was written.
    func tell(_ console: borrowing Console) throws(Stop) -> Int32 {
        switch self {
        case .directory(let path), .archive(let path): try CommandLineTool.write(path + "\n", console)
        case .standardOutput: ExitStatus.answered
        }
    }
}
