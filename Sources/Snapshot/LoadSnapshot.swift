import HostText
public import SourceText

/// Reads standard input to its end, at most so many bytes.
public typealias StandardInput = (_ limit: Int) throws(FileFailure) -> [UInt8]

/// Standard input of this process.
public func readStandardInput(_ limit: Int) throws(FileFailure) -> [UInt8] { try readFile("-", limit: limit) }

/// Loads what stands at `paths` as one node: files, directories, archives, and `-` for standard input.
///
/// Files named outright must be there and readable. Those below a directory or in an archive that are not are told in
/// the result. Nothing is ever written, no link below a directory is followed.
public func loadSnapshot(
    _ paths: [String], settings: SnapshotSettings = SnapshotSettings(),
    standardInput: StandardInput = readStandardInput
) throws(SnapshotFailure) -> NodeState {
    var loader = Loader(settings: settings)
    for path in paths { try loader.load(path, standardInput) }
    try loader.chooseNode()
    return try assemble(
        files: loader.files, recognised: loader.recognised, unrecognised: loader.unrecognised, settings: settings)
}

/// Gathers files and keeps those in which something is recognised.
struct Loader {
    let settings: SnapshotSettings
    private(set) var files: [SourceFile] = []
    private(set) var recognised: [Recognised] = []
    private(set) var unrecognised: [UnrecognisedInput] = []
    /// For each file, the root it was found under and its path below it; `nil` for a file named outright.
    private(set) var origins: [(root: String, path: String)?] = []
    private var totalBytes = 0
    private var fileCount = 0

    init(settings: SnapshotSettings) { self.settings = settings }

    mutating func load(_ path: String, _ standardInput: StandardInput) throws(SnapshotFailure) {
        if path == "-" {
            let bytes: [UInt8]
            do { bytes = try standardInput(settings.limits.totalBytes) } catch { throw failure(error) }
            try add(bytes, path: path)
            return
        }
        let kind: FileKind
        do { kind = try fileKind(path, followsLinks: true) } catch { throw failure(error) }
        if case .directory = kind {
            try loadDirectory(path, root: path, below: "", depth: 0)
            return
        }
        let bytes: [UInt8]
        do { bytes = try readFile(path, limit: settings.limits.totalBytes) } catch { throw failure(error) }
        try add(bytes, path: path)
    }

    private func failure(_ cause: FileFailure) -> SnapshotFailure {
        SnapshotFailure(.file(cause), path: cause.path, message: "\(cause.call): \(cause.reason)")
    }

    /// A file named outright, or standard input.
    private mutating func add(_ bytes: [UInt8], path: String) throws(SnapshotFailure) {
        keep(bytes, path: path, origin: nil)
    }

    /// Everything below a directory, in the order of names.
    private mutating func loadDirectory(
        _ path: String, root: String, below: String, depth: Int
    ) throws(SnapshotFailure) {
        let names: [String]
        do {
            names = try directoryEntries(path, limit: settings.limits.fileCount)
        } catch {
            if depth == 0 { throw failure(error) }
            leave(path, .unreadable("\(error.call): \(error.reason)"))
            return
        }
        for name in names {
            let full = path.hasSuffix("/") ? path + name : path + "/" + name
            let inner = below.isEmpty ? name : below + "/" + name
            let kind: FileKind
            do {
                kind = try fileKind(full, followsLinks: false)
            } catch {
                leave(full, .unreadable("\(error.call): \(error.reason)"))
                continue
            }
            switch kind {
            case .symbolicLink: leave(full, .symbolicLink)
            case .other: leave(full, .device)
            case .directory:
                guard depth < settings.limits.depth else {
                    throw SnapshotFailure(
                        .tooMuch("depth"), path: full,
                        message: "more than \(settings.limits.depth) directories within each other")
                }
                try loadDirectory(full, root: root, below: inner, depth: depth + 1)
            case .file(let byteCount):
                try countFile(root)
                if byteCount > settings.limits.fileBytes {
                    leave(full, .tooLarge)
                    continue
                }
                do {
                    let bytes = try readFile(full, limit: settings.limits.fileBytes)
                    if isArchive(bytes) {
                        leave(full, .nestedArchive)
                    } else {
                        keep(bytes, path: full, origin: (root, inner))
                    }
                } catch {
                    leave(full, .unreadable("\(error.call): \(error.reason)"))
                }
                try checkTotal(root)
            }
        }
    }

    private mutating func countFile(_ root: String) throws(SnapshotFailure) {
        fileCount += 1
        if fileCount > settings.limits.fileCount {
            throw SnapshotFailure(
                .tooMuch("files"), path: root, message: "more than \(settings.limits.fileCount) files")
        }
    }

    private func checkTotal(_ root: String) throws(SnapshotFailure) {
        if totalBytes > settings.limits.totalBytes {
            throw SnapshotFailure(
                .tooMuch("bytes"), path: root, message: "more than \(settings.limits.totalBytes) bytes of listings")
        }
    }

    private mutating func leave(_ path: String, _ reason: UnrecognisedInput.Reason) {
        unrecognised.append(UnrecognisedInput(path: path, reason: reason))
    }

    /// Keeps the file if anything in it is known, else only its name. One that was named outright is always kept.
    private mutating func keep(_ bytes: [UInt8], path: String, origin: (root: String, path: String)?) {
        let found = recognise(bytes.span, file: FileID(files.count), path: path)
        if found.listings.isEmpty, origin != nil {
            leave(path, reasonForNothing(bytes.span))
            return
        }
        totalBytes += bytes.count
        files.append(SourceFile(path: path, bytes: bytes))
        recognised.append(found)
        origins.append(origin)
    }

    mutating func chooseNode() throws(SnapshotFailure) {}
}

/// Whether the bytes begin as an archive or a compressed file does.
func isArchive(_ bytes: [UInt8]) -> Bool {
    func starts(_ magic: [UInt8], at offset: Int = 0) -> Bool {
        bytes.count >= offset + magic.count && bytes[offset..<offset + magic.count].elementsEqual(magic)
    }
    return starts([0x1f, 0x8b]) || starts([0xfd, 0x37, 0x7a, 0x58, 0x5a]) || starts([0x28, 0xb5, 0x2f, 0xfd])
        || starts([0x50, 0x4b, 0x03, 0x04]) || starts([0x50, 0x4b, 0x05, 0x06])
        || starts([0x42, 0x5a, 0x68]) || starts(Array("ustar".utf8), at: 257)
}
