public import ChainGraph
public import SourceText

/// One thing in a rule set that is wrong, or is not what its writer can have meant.
public struct LintFinding: Hashable, Sendable {
    public enum Severity: UInt8, Hashable, Sendable, CaseIterable, Comparable {
        /// Perhaps meant so: worth a look.
        case hint
        /// Does nothing, or something else than it says.
        case warning
        /// Keeps rules from being loaded, or lets through or stops what nobody can have meant.
        case problem

        public var name: String {
            switch self {
            case .hint: "hint"
            case .warning: "warning"
            case .problem: "problem"
            }
        }

        public static func < (a: Severity, b: Severity) -> Bool { a.rawValue < b.rawValue }
    }

    /// A line of the input that the finding is about, the first one first of all.
    public struct Citation: Hashable, Sendable {
        public var place: Place
        /// The rule that stands there, if it is one.
        public var rule: RuleReference?
        /// A clause; empty where the quoted line says it.
        public var text: String

        public init(_ place: Place, rule: RuleReference? = nil, _ text: String = "") {
            self.place = place
            self.rule = rule
            self.text = text
        }
    }

    public var severity: Severity
    /// A sentence without a final stop.
    public var title: String
    /// Never empty.
    public var citations: [Citation]
    /// Whether each citation is a case of its own, which can be silenced alone.
    public var listsCases = false
    /// Names that a line of a file of silences may call it by, besides the places: chains as `filter/FORWARD`, sets.
    public var subjects: [String]
    /// What it comes to, a sentence without a final stop; empty where the title says it.
    public var meaning = ""
    /// What to do, sentences without a final stop.
    public var remedies: [String]
    /// A packet that shows it, as `hookline trace` takes it: `--in eth0 --from … --to …`.
    public var example: String?

    public init(
        _ severity: Severity, _ title: String, at citations: [Citation], of subjects: [String], remedies: [String]
    ) {
        self.severity = severity
        self.title = title
        self.citations = citations
        self.subjects = subjects
        self.remedies = remedies
    }
}

/// Something that is looked for in rule sets.
public struct LintCheck: Sendable {
    /// For filters, silences and scripts: `duplicate-rule`. Never renamed.
    public let name: String
    /// A line for the list of checks.
    public let summary: String
    let run: @Sendable (LintedNode) -> [LintFinding]

    init(_ name: String, _ summary: String, run: @escaping @Sendable (LintedNode) -> [LintFinding]) {
        self.name = name
        self.summary = summary
        self.run = run
    }
}

/// A finding with the check that made it.
public struct LintResult: Hashable, Sendable {
    public var check: String
    public var finding: LintFinding
}

/// Every finding of every check on one node, the gravest first, then in the order of the checks and of the input.
///
/// - Parameter names: the checks to run; all where it is empty.
public func lint(_ node: LintedNode, only names: Set<String> = []) -> [LintResult] {
    var found: [LintResult] = []
    for check in lintChecks where names.isEmpty || names.contains(check.name) {
        found += check.run(node).map { LintResult(check: check.name, finding: $0) }
    }
    let allowed = AllowedByComment(node)
    found = found.compactMap { allowed.rest(of: $0) }
    let gravest = LintFinding.Severity.allCases.reversed()
    return gravest.flatMap { severity in found.filter { $0.finding.severity == severity } }
}
