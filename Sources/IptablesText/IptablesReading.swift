public import RuleModel
public import SourceText

/// What a reader of a dump may be told beforehand, for what the dump itself does not say.
public struct IptablesHints: Hashable, Sendable {
    /// The family of tables without a header or contents that tell; IPv4 if `nil`.
    public var family: TableFamily?
    /// The machinery of tables without a header that tells; nf_tables if `nil`.
    public var backend: Backend?
    /// The table of `iptables -S` output; filter if `nil` and the chains tell nothing else.
    public var table: String?

    public init(family: TableFamily? = nil, backend: Backend? = nil, table: String? = nil) {
        self.family = family
        self.backend = backend
        self.table = table
    }
}

/// The tables of a dump, and what was to be said about it.
public struct IptablesReading: Sendable {
    public var tables: [Table] = []
    /// What is known about each of `tables`, in the same order.
    public var origins: [TableOrigin] = []
    /// Rules that are there and that the dump itself says it does not show.
    public var unshown: [UnshownRules] = []
    /// In the order of the lines.
    public var diagnostics: [Diagnostic] = []
    public var lineCount = 0

    public init() {}
}

/// Rules that a dump says are there beside its own.
public struct UnshownRules: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// `# Warning: iptables-legacy tables present, use iptables-legacy-save to see them`
        case legacyTables
        /// ``# Table `filter' is incompatible, use 'nft' tool.``
        case incompatibleTable(Symbol)
    }

    public var kind: Kind
    public var family: TableFamily
    /// The line that says so.
    public var place: Place

    public init(kind: Kind, family: TableFamily, place: Place) {
        self.kind = kind
        self.family = family
        self.place = place
    }
}

/// How sure a fact about a table is.
public enum Certainty: UInt8, Hashable, Sendable, Comparable {
    /// Nothing in the input tells: the usual case was taken.
    case assumed
    /// The contents, or a hint, make it so.
    case guessed
    /// The dump says so.
    case told

    public static func < (a: Certainty, b: Certainty) -> Bool { a.rawValue < b.rawValue }
}

/// Where facts about a table come from.
public struct TableOrigin: Hashable, Sendable {
    public var family = Certainty.assumed
    public var backend = Certainty.assumed
    /// Which table it is: told but for `iptables -S` output.
    public var name = Certainty.told
    /// Whether the table was dumped with `iptables -S` and not iptables-save.
    public var isListing = false
    /// The program's version in the header, such as `1.8.9`; `.empty` without one.
    public var version = Symbol.empty

    public init() {}
}

/// Reads what `iptables-save`, `ip6tables-save` (legacy and nft, with and without `-c`) or `iptables -S` printed.
///
/// Never fails: what can't be read becomes a rule with unknown parts in its place, and a diagnostic. The file must be
/// smaller than 4 GiB, which is what a `Place` can point into.
public func readIptablesSave(
    _ text: Span<UInt8>, file: FileID, names: inout NameTable, hints: IptablesHints = IptablesHints()
) -> IptablesReading {
    var reader = DumpReader(file: file, hints: hints)
    swap(&reader.rule.names, &names)
    reader.read(text)
    swap(&reader.rule.names, &names)
    return reader.reading
}
