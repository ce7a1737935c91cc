#if !hasFeature(Embedded)
import ArchiveFile
import HostText
import KubernetesText
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
    loader.leaveOutConfiguration()
    let chosen = try chooseNode(loader.candidates, settings: settings)
    return try assemble(
        files: chosen.map { $0.file }, recognised: chosen.enumerated().map { $1.recognised(as: FileID($0)) },
        unrecognised: loader.unrecognised, root: paths.count == 1 ? paths.first : nil,
        folder: settings.node ?? commonFolder(chosen), settings: settings)
}

/// Gathers files and keeps those in which something is recognised.
struct Loader {
    let settings: SnapshotSettings
    private(set) var candidates: [Candidate] = []
    private(set) var unrecognised: [UnrecognisedInput] = []
    private var totalBytes = 0
    private var fileCount = 0

    init(settings: SnapshotSettings) { self.settings = settings }

    mutating func load(_ path: String, _ standardInput: StandardInput) throws(SnapshotFailure) {
        if path == "-" {
            let bytes: [UInt8]
            do { bytes = try standardInput(settings.limits.totalBytes) } catch { throw failure(error) }
            if isArchive(bytes) {
                let members = try members(path) { (limits, visit) throws(ArchiveFailure) in
                    try readArchive(bytes: bytes, limits: limits, visit: visit)
                }
                add(members, of: path)
            } else {
                keep(bytes, path: path, root: nil, below: "")
            }
            return
        }
        let kind: FileKind
        do { kind = try fileKind(path, followsLinks: true) } catch { throw failure(error) }
        if case .directory = kind {
            try loadDirectory(path, root: path, below: "", depth: 0)
            return
        }
        // A pipe can be read once only, so it is not looked into first.
        if case .file = kind {
            let start: [UInt8]
            do { start = try readStart(path, count: 512) } catch { throw failure(error) }
            if isArchive(start) {
                let members = try members(path) { (limits, visit) throws(ArchiveFailure) in
                    try readArchive(path: path, limits: limits, visit: visit)
                }
                add(members, of: path)
                return
            }
        }
        let bytes: [UInt8]
        do { bytes = try readFile(path, limit: settings.limits.totalBytes) } catch { throw failure(error) }
        keep(bytes, path: path, root: nil, below: "")
    }

    mutating func leaveOutConfiguration() { unrecognised += Snapshot.leaveOutConfiguration(&candidates) }

    private func failure(_ cause: FileFailure) -> SnapshotFailure {
        SnapshotFailure(.file(cause), path: cause.path, message: "\(cause.call): \(cause.reason)")
    }

    // MARK: directories

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
            fileCount += 1
            switch kind {
            case .symbolicLink: leave(full, .symbolicLink)
            case .other: leave(full, .device)
            case .file(let byteCount): loadFile(full, byteCount, root: root, below: inner)
            case .directory where depth >= settings.limits.depth: leave(full, .tooDeep)
            case .directory: try loadDirectory(full, root: root, below: inner, depth: depth + 1)
            }
            try checkLimits(root)
        }
    }

    private mutating func loadFile(_ full: String, _ byteCount: Int, root: String, below: String) {
        if byteCount > settings.limits.fileBytes {
            leave(full, .tooLarge)
            return
        }
        let bytes: [UInt8]
        do {
            // A large file that does not begin with a listing, such as a log, is not read whole.
            if byteCount > 1 << 20 {
                let start = try readStart(full, count: 1 << 16)
                if !isArchive(start), recognise(start, file: FileID(0), path: full).found.listings.isEmpty {
                    leave(full, reasonForNothing(start.span))
                    return
                }
            }
            bytes = try readFile(full, limit: settings.limits.fileBytes)
        } catch {
            leave(full, error.code == 0 ? .tooLarge : .unreadable("\(error.call): \(error.reason)"))
            return
        }
        if isArchive(bytes) {
            leave(full, .nestedArchive)
        } else {
            keep(bytes, path: full, root: root, below: below)
        }
    }

    private func checkLimits(_ root: String) throws(SnapshotFailure) {
        if fileCount > settings.limits.fileCount {
            throw SnapshotFailure(
                .tooMuch, path: root, message: "more than \(settings.limits.fileCount) files")
        }
        if totalBytes > settings.limits.totalBytes {
            throw SnapshotFailure(
                .tooMuch, path: root, message: "more than \(settings.limits.totalBytes) bytes of listings")
        }
    }

    // MARK: archives

    /// The members of an archive in which something is recognised, and what is to be said about the others.
    private struct Members {
        var candidates: [Candidate] = []
        var unrecognised: [UnrecognisedInput] = []
    }

    private func members(
        _ path: String, _ read: (ArchiveLimits, (ArchiveMember) -> Void) throws(ArchiveFailure) -> Void
    ) throws(SnapshotFailure) -> Members {
        var members = Members()
        let limits = ArchiveLimits(
            totalBytes: settings.limits.totalBytes, memberBytes: settings.limits.fileBytes,
            memberCount: settings.limits.fileCount)
        do throws(ArchiveFailure) {
            try read(limits) { member in
                switch member {
                case .skipped(let name, let reason):
                    members.unrecognised.append(
                        UnrecognisedInput(path: "\(path)/\(name)", reason: UnrecognisedInput.Reason(reason)))
                case .file(let name, let bytes):
                    let full = name.isEmpty ? path : "\(path)/\(name)"
                    let (file, found) = recognise(bytes, file: FileID(0), path: full)
                    if !found.listings.isEmpty {
                        members.candidates.append(Candidate(file: file, found: found, root: path, path: name))
                    } else if isArchive(bytes) {
                        members.unrecognised.append(UnrecognisedInput(path: full, reason: .nestedArchive))
                    } else {
                        members.unrecognised.append(
                            UnrecognisedInput(path: full, reason: reasonForNothing(bytes.span)))
                    }
                }
            }
        } catch {
            switch error {
            case .broken: throw SnapshotFailure(.archive, path: path, message: error.message)
            case .tooManyBytes, .tooManyMembers: throw SnapshotFailure(.tooMuch, path: path, message: error.message)
            }
        }
        return members
    }

    private mutating func add(_ members: Members, of path: String) {
        // In the order of names, as a directory's files are.
        candidates += members.candidates.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
        unrecognised += members.unrecognised
        for candidate in members.candidates { totalBytes += candidate.file.bytes.count }
    }

    // MARK: both

    private mutating func leave(_ path: String, _ reason: UnrecognisedInput.Reason) {
        unrecognised.append(UnrecognisedInput(path: path, reason: reason))
    }

    /// Keeps the file if anything in it is known, else only its name. One that was named outright is always kept.
    private mutating func keep(_ bytes: [UInt8], path: String, root: String?, below: String) {
        let (file, found) = recognise(bytes, file: FileID(0), path: path)
        if found.listings.isEmpty, root != nil {
            leave(path, reasonForNothing(bytes.span))
            return
        }
        totalBytes += bytes.count
        candidates.append(Candidate(file: file, found: found, root: root, path: below))
    }
}

extension UnrecognisedInput.Reason {
    init(_ reason: ArchiveSkip) {
        switch reason {
        case .symbolicLink, .hardLink: self = .symbolicLink
        case .device: self = .device
        case .tooLarge: self = .tooLarge
        case .unsafeName: self = .unsafeName
        case .encrypted: self = .encrypted
        case .unreadable(let words): self = .unreadable(words)
        }
    }
}

/// Whether the bytes begin as an archive or a compressed file does.
func isArchive(_ bytes: [UInt8]) -> Bool {
    func starts(_ magic: [UInt8], at offset: Int = 0) -> Bool {
        bytes.count >= offset + magic.count && bytes[offset..<offset + magic.count].elementsEqual(magic)
    }
    return starts([0x1f, 0x8b]) || starts([0xfd, 0x37, 0x7a, 0x58, 0x5a]) || starts([0x28, 0xb5, 0x2f, 0xfd])
        || starts([0x50, 0x4b, 0x03, 0x04]) || starts([0x50, 0x4b, 0x05, 0x06]) || starts([0x42, 0x5a, 0x68])
        || starts(Array("ustar".utf8), at: 257)
}
#endif
