public import ChainGraph

/// What the hashes that Felix writes beside its rules prove about them.
///
/// The hash of a rule is made of the one above it and of Felix's text of the rule, so that it proves all rules above it
/// in the chain too.
public struct CalicoIntegrity: Sendable {
    public struct Finding: Hashable, Sendable {
        public enum Kind: Hashable, Sendable {
            /// The rule is not what Felix wrote; `original` is its text of the rule.
            case edited(original: String)
            /// A rule is gone that stood before this one: Felix's text of it.
            case missing(original: String)
            /// The rule was edited, or rules above it are gone: what Felix wrote is not to be found.
            case editedOrMissing
            /// The rule has a part that this program can't spell as Felix does: it and those below it can't be checked.
            case notSpelled
            /// A rule that Felix did not write stands in a chain of Felix's.
            case foreign
            /// The rule stands behind one that it was written before.
            case misplaced
            /// The rule is a copy of one above it.
            case copied
            /// A chain of Felix's that no rule of the kernel's chain leads to.
            case unreached(hook: String)
        }

        public var kind: Kind
        /// The rule that it is about; of `unreached` the first of the chain.
        public var rule: RuleReference
    }

    public var findings: [Finding] = []
    /// Rules that carry a hash of Felix's.
    public var hashedCount = 0
    /// Those whose hash could be made again out of the rule.
    public var verifiedCount = 0
    /// Rules below one whose text is not to be found, and rules with parts that this program can't spell as Felix does:
    /// nothing is known of them.
    public var uncheckedCount = 0
    /// Whether names or addresses were replaced in the whole rule set, so that no hash can fit.
    public var isRedacted = false
    public var version = FelixVersionRange()

    public init() {}
}

extension CalicoIntegrity.Finding {
    /// A sentence's rest for a person, without the rule's place.
    public var text: String {
        switch kind {
        case .edited(let original): "was changed by hand: Felix wrote `\(original)`"
        case .missing(let original): "follows a gap: Felix wrote `\(original)` before it"
        case .editedOrMissing: "was changed by hand, or rules above it are gone"
        case .notSpelled: "can't be checked, nor can those below it: Felix's own text of it is not known"
        case .foreign: "was not written by Felix, and stands in a chain of Felix's"
        case .misplaced: "stands below a rule that Felix wrote after it"
        case .copied: "is a copy of a rule above it"
        case .unreached(let hook): "is never reached: no rule of \(hook) leads to its chain"
        }
    }
}
