public import SourceText

/// How a snapshot is loaded.
public struct SnapshotSettings: Sendable {
    /// Of two dumps of one table the later one counts, by the time in their headers or else in the order of reading; of two
    /// listings of routes the one that is read later.
    public var latest = false
    /// Which node of a directory or archive with several.
    public var node: String?
    public var limits = SnapshotLimits()
    /// Names that are known already, which keep their symbols: what nodes that are compared have in common.
    public var names = NameTable()
    public init() {}
}

/// Bounds on what is read, so that no input can exhaust the machine.
public struct SnapshotLimits: Hashable, Sendable {
    /// Bytes of one file or member; larger ones in a directory or archive are passed over and told.
    public var fileBytes = 512 << 20
    /// Bytes of all files together, or of an archive once it is unpacked.
    public var totalBytes = 1 << 30
    /// Files below a directory or members of an archive.
    public var fileCount = 50_000
    /// Directories within directories.
    public var depth = 16
    public init() {}
}

/// Why there is no answer at all.
public struct SnapshotFailure: Error, Hashable, Sendable {
    public enum Reason: Hashable, Sendable {
        /// There is no rule set in the input.
        case noRules
        case file(FileFailure)
        /// An archive that can't be read to its end.
        case archive
        /// Two dumps of one table by one backend.
        case tableTwice
        /// Two listings of routes that contradict each other.
        case routesTwice
        /// Several nodes, and none was chosen.
        case severalNodes([String])
        case unknownNode(String, known: [String])
        /// More than the limits allow.
        case tooMuch

        /// A stable name for filters and tests.
        public var code: String {
            switch self {
            case .noRules: "no-rules"
            case .file: "file"
            case .archive: "archive"
            case .tableTwice: "table-twice"
            case .routesTwice: "routes-twice"
            case .severalNodes: "several-nodes"
            case .unknownNode: "unknown-node"
            case .tooMuch: "too-much"
            }
        }
    }

    public let reason: Reason
    /// The path as the user gave it, `archive.tgz/member`, or `-`.
    public let path: String
    /// A sentence without a final stop.
    public let message: String
    public let place: Place
    /// The line that `place` is on and a caret, ready to be shown; empty where there is none.
    public let excerpt: String

    public init(_ reason: Reason, path: String, message: String) {
        self.reason = reason
        self.path = path
        self.message = message
        place = .none
        excerpt = ""
    }

    public init(_ reason: Reason, file: SourceFile, place: Place, message: String) {
        self.reason = reason
        self.path = file.path
        self.message = message
        self.place = place
        excerpt = Diagnostic(.error, reason.code, message, at: place).rendered(in: file)
    }

    /// `FILE: error: …` or `FILE:LINE:COLUMN: error: …` with the line and a caret below.
    public var description: String {
        guard excerpt.isEmpty else { return excerpt }
        return "\(escapedForTerminal(path)): error: \(escapedForTerminal(message))"
    }
}

extension SnapshotFailure: CustomStringConvertible {}
