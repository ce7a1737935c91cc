public import ChainGraph
public import HeaderSpace
internal import NetTypes

/// Why a statement does not hold on a node, or is not proved there.
public struct CheckFinding: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// The example is against it, whatever the unknowns are.
        case violated
        /// It depends on what the snapshot does not tell.
        case notProved
        /// No packet is meant by it.
        case empty
        /// It can't be asked of this node; a sentence without a final stop.
        case unanswerable(String)
        /// What it asks for takes more memory than one answer may have; a sentence without a final stop.
        case tooLarge(String)
    }

    /// What is wrong with an example.
    public enum Fault: Hashable, Sendable {
        /// It should get through.
        case refused
        /// It should not get through.
        case through
        /// Something else becomes of it than `as` says.
        case translated
        /// The other snapshot treats it otherwise.
        case differs
        /// Its like, which is `counterpart`, is treated otherwise.
        case unlike
        /// It is matched by a rule that no packet should be matched by.
        case matched
    }

    public var kind: Kind
    public var fault: Fault
    public var example: ExamplePacket?
    public var counterpart: ExamplePacket?
    /// The rule or policy that decided of the example, where one did: of the later snapshot.
    public var end: PathEnd?
    /// What was said before the change.
    public var endBefore: PathEnd?
    /// The rule that should not be matched.
    public var rule: RuleReference?
    /// Names of unknowns that it rests on, with what their yes means.
    public var unknowns: [Unknown] = []
    /// How many more rules and policies there are with packets against it.
    public var moreCount = 0
    /// In the policy, of a set that means nothing here, in bytes.
    public var offset: Int?
    /// Whether the part of the statement that fails says that nothing else changed.
    public var isElse = false
    /// What becomes of the example on another node, as a clause.
    public var beyond: String?

    public struct Unknown: Hashable, Sendable {
        public var name: String
        public var meaning: String
    }

    init(_ kind: Kind, _ fault: Fault) {
        self.kind = kind
        self.fault = fault
    }
}

/// What became of one statement on one node.
public struct StatementAnswer: Hashable, Sendable {
    public enum Verdict: UInt8, Hashable, Sendable, Comparable, CaseIterable {
        case holds
        /// It holds by the word of `possibly: ok` or `empty: ok`.
        case conceded
        case notProved
        case fails

        public var name: String {
            switch self {
            case .holds: "holds"
            case .conceded: "conceded"
            case .notProved: "not-proved"
            case .fails: "fails"
            }
        }

        /// Whether a gate lets it pass.
        public var isGood: Bool { self <= .conceded }

        public static func < (a: Verdict, b: Verdict) -> Bool { a.rawValue < b.rawValue }
    }

    /// Of the policy's statements.
    public var statement: Int
    public var findings: [CheckFinding]
    public var verdict: Verdict
}
