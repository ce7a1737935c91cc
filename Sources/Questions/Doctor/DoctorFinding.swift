public import SourceText

/// One known cause that was found in a snapshot.
public struct DoctorFinding: Hashable, Sendable {
    public enum Severity: UInt8, Hashable, Sendable, CaseIterable, Comparable {
        /// Worth knowing; nothing is broken by it.
        case note
        /// Breaks traffic under conditions that the finding names.
        case risk
        /// Breaks traffic now.
        case problem

        public var name: String {
            switch self {
            case .note: "note"
            case .risk: "risk"
            case .problem: "problem"
            }
        }

        public static func < (a: Severity, b: Severity) -> Bool { a.rawValue < b.rawValue }
    }

    /// Something of the snapshot that shows the cause: a place in it, and what is to be seen there.
    public struct Evidence: Hashable, Sendable {
        /// `.none` for what is missing from the snapshot's listings.
        public var place: Place
        /// A clause; empty where the quoted line says it.
        public var text: String

        public init(_ place: Place, _ text: String = "") {
            self.place = place
            self.text = text
        }
    }

    public var severity: Severity
    /// A sentence without a final stop: what is wrong here.
    public var title: String
    /// Never empty.
    public var evidence: [Evidence]
    /// Which packets it hits, a sentence without a final stop; empty where the title says it.
    public var traffic = ""
    /// A packet that shows it, as `hookline trace` takes it: `--in eth0 --from … --to …`.
    public var example: String?
    /// What to do, sentences without a final stop.
    public var remedies: [String]
    /// What would make it sure, sentences without a final stop; empty where it is.
    public var doubts: [String] = []

    public init(_ severity: Severity, _ title: String, evidence: [Evidence], remedies: [String]) {
        self.severity = severity
        self.title = title
        self.evidence = evidence
        self.remedies = remedies
    }
}

/// A known cause of drops and unexpected translations, and how it is looked for.
public struct DoctorCheck: Sendable {
    /// For filters and scripts: `forward-policy-drop`.
    public let name: String
    /// A line for the list of checks.
    public let summary: String
    /// All of what it can find nothing without; the rules are always there.
    let needs: [DoctorNeed]
    let run: @Sendable (Patient) -> [DoctorFinding]

    init(
        _ name: String, _ summary: String, needs: [DoctorNeed] = [],
        run: @escaping @Sendable (Patient) -> [DoctorFinding]
    ) {
        self.name = name
        self.summary = summary
        self.needs = needs
        self.run = run
    }
}

/// A finding with the check that made it.
public struct Diagnosis: Hashable, Sendable {
    public var check: String
    public var finding: DoctorFinding
}

/// Every finding of every check on one node, the gravest first, in the order of the checks.
///
/// - Parameter names: the checks to run; all where it is empty.
public func examine(_ patient: Patient, only names: Set<String> = []) -> [Diagnosis] {
    var found: [Diagnosis] = []
    for check in doctorChecks where names.isEmpty || names.contains(check.name) {
        found += check.run(patient).map { Diagnosis(check: check.name, finding: $0) }
    }
    let gravest = DoctorFinding.Severity.allCases.reversed()
    return gravest.flatMap { severity in found.filter { $0.finding.severity == severity } }
}
