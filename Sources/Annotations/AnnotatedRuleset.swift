public import ChainGraph
internal import RuleModel

/// A rule set with what is known of who made its parts, and what for.
///
/// Nothing is worked out before it is asked for: a node may have 700,000 rules, and a trace tells of forty.
public struct AnnotatedRuleset: Sendable {
    public let linked: LinkedRuleset
    private let kubeProxy: KubeProxyRules

    public init(_ linked: LinkedRuleset) {
        self.linked = linked
        kubeProxy = KubeProxyRules([:])
    }

    /// What `chain` is for; `nil` where its maker is not known, and for built-in chains.
    public func purpose(of chain: ChainID) -> Purpose? {
        let facts = ChainFacts(linked: linked, id: chain)
        return kubeProxy.purpose(of: facts).map { .kubeProxy($0) }
    }

    /// What `rule` itself is for; `nil` where only its chain is known, or not even that.
    public func purpose(of rule: RuleReference) -> Purpose? {
        let facts = RuleFacts(linked: linked, reference: rule)
        let chain = kubeProxy.purpose(of: ChainFacts(linked: linked, id: rule.chain))
        return kubeProxy.purpose(of: facts, in: chain).map { .kubeProxy($0) }
    }

    /// Who made `rule`: the maker of the rule itself, else of its chain.
    public func maker(of rule: RuleReference) -> Maker? {
        (purpose(of: rule) ?? purpose(of: rule.chain))?.maker
    }
}
