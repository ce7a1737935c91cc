public import HostText
public import NetTypes
public import RuleModel
public import SourceText

/// Everything that the input tells of one node: its rules, its state, and what is to be said about the input.
public struct NodeState: Sendable {
    /// What was read, in the order of reading; a `FileID` is an index into it.
    public var files: [SourceFile] = []
    public var names = NameTable()
    public var ruleset = Ruleset()
    public var host = HostState()
    /// What Kubernetes' and Calico's objects say; empty where the input holds none.
    public var cluster = ClusterObjects()
    /// What Kubernetes calls this node; `nil` where nothing tells.
    public var name: String?
    public var diagnostics: [Diagnostic] = []
    /// Each listing that was recognised, in the order of reading.
    public var inputs: [RecognisedInput] = []
    /// Inputs of which nothing was recognised. That is no error as long as there are rules.
    public var unrecognised: [UnrecognisedInput] = []
    /// What would make answers surer, with the command that supplies it.
    public var missing: [MissingInput] = []
    /// Rules that were recognised and are not read: no answer is surer than they allow.
    public var unreadRulesets: [UnreadRuleset] = []
    public init() {}

    /// The file that a place is in; `nil` for `Place.none`.
    public func file(of place: Place) -> SourceFile? {
        let index = Int(place.file.index)
        return !place.isNone && files.indices.contains(index) ? files[index] : nil
    }

    /// Gives each file the path that `name` makes of its own.
    public mutating func rename(_ name: (String) -> String) {
        for index in files.indices {
            files[index] = SourceFile(path: name(files[index].path), bytes: files[index].bytes)
        }
        for index in unrecognised.indices { unrecognised[index].path = name(unrecognised[index].path) }
    }
}

/// One listing that was recognised.
public struct RecognisedInput: Hashable, Sendable {
    public var kind: ListingKind
    /// Where it begins.
    public var place: Place
    public var lastLine: Int
    /// What it is and how much, such as `iptables-save v1.8.9 nf_tables: ip, 5 tables, 352 rules`.
    public var summary: String

    public init(kind: ListingKind, place: Place, lastLine: Int, summary: String) {
        self.kind = kind
        self.place = place
        self.lastLine = lastLine
        self.summary = summary
    }
}

/// An input of which nothing was recognised.
public struct UnrecognisedInput: Hashable, Sendable {
    public enum Reason: Hashable, Sendable {
        case empty, binary, utf16, unknownText
        /// Frames of pcap or pcapng.
        case capture
        /// Rules with something before each line: a log's time, a quotation's mark, numbers.
        case behindPrefix
        /// What `kubectl get` prints for people.
        case kubectlTable
        /// What is known and not read, with what is read instead: a clause.
        case otherForm(String)
        case symbolicLink, device, tooLarge, tooDeep, nestedArchive, unsafeName, encrypted
        /// Rules to be loaded at a start, beside those that are in force.
        case configuration
        case unreadable(String)
        /// In place of a command's output, what said that it failed.
        case failedCommand(String)

        /// A clause for a person.
        public var text: String {
            switch self {
            case .empty: "empty"
            case .binary: "binary"
            case .utf16: "UTF-16 text; it must be UTF-8 (PowerShell: `| Out-File -Encoding utf8`)"
            case .unknownText: "no output that is known here"
            case .capture: "a capture of packets, which hookline replay takes behind the snapshot"
            case .behindPrefix:
                "rules with something before each line (a time, a number, '>'): without that they can be read"
            case .kubectlTable: "a table of kubectl's, which does not hold all of an object: kubectl get … -o yaml does"
            case .otherForm(let words): words
            case .symbolicLink: "a link, not followed"
            case .device: "no regular file"
            case .tooLarge: "larger than the limit"
            case .tooDeep: "too many folders within each other"
            case .nestedArchive: "an archive within an archive or directory, not opened"
            case .unsafeName: "its name leads out of the archive"
            case .encrypted: "encrypted"
            case .configuration:
                "configuration, not what the kernel has; the rules in force are read from elsewhere here"
            case .unreadable(let cause): cause
            case .failedCommand(let words): "a command that failed: \(words)"
            }
        }
    }

    /// Whether it may be a listing that only could not be read.
    public var mayBeMissed: Bool {
        switch reason {
        case .unreadable, .encrypted, .utf16, .behindPrefix: true
        case .failedCommand, .binary: isOfRules
        case .empty, .unknownText, .capture, .kubectlTable, .otherForm, .symbolicLink, .device, .tooLarge, .tooDeep,
            .nestedArchive,
            .unsafeName,
            .configuration:
            false
        }
    }

    /// Whether the file's name says that it was to hold rules.
    private var isOfRules: Bool {
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        return name.holds("tables") || name.holds("nft")
    }

    public var path: String
    public var reason: Reason

    public init(path: String, reason: Reason) {
        self.path = path
        self.reason = reason
    }
}

/// A rule set that is there and could not be read, or not to its end.
public struct UnreadRuleset: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// Tables of iptables-legacy that could not be read when the snapshot was made.
        case refused
        /// JSON of nft's that is broken.
        case brokenJSON
        /// Tables of iptables-legacy that iptables-nft-save says are there.
        case unshownLegacy
        /// A table that iptables-nft-save says it can't show.
        case incompatible
    }

    public var kind: Kind
    public var place: Place
    /// Its tables, such as `inet firewalld`; empty where they are not known.
    public var tables: [String]
    /// The version of the packets that it decides about, where it is one alone.
    public var version: IPVersion?

    public init(kind: Kind, place: Place, tables: [String], version: IPVersion? = nil) {
        self.kind = kind
        self.place = place
        self.tables = tables
        self.version = version
    }
}
