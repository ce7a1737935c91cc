public import ChainGraph
public import RuleModel

/// A rule set with what is known of who made its parts, and what for.
///
/// Nothing is worked out before it is asked for: a node may have 700,000 rules, and a trace tells of forty.
public struct AnnotatedRuleset: Sendable {
    public let linked: LinkedRuleset
    let calico: CalicoRules
    private let kubeProxy: KubeProxyRules

    /// - Parameter cluster: whose names are looked for behind hashes.
    public init(_ linked: LinkedRuleset, cluster: ClusterObjects = ClusterObjects()) {
        self.linked = linked
        calico = CalicoRules(linked, cluster)
        kubeProxy = KubeProxyRules([:])
    }

    /// What `chain` is for; `nil` where its maker is not known, and for built-in chains.
    public func purpose(of chain: ChainID) -> Purpose? {
        let facts = ChainFacts(linked: linked, id: chain)
        if let purpose = calico.purpose(of: facts) { return .calico(purpose) }
        return kubeProxy.purpose(of: facts).map { .kubeProxy($0) }
    }

    /// What `rule` itself is for; `nil` where only its chain is known, or not even that.
    public func purpose(of rule: RuleReference) -> Purpose? {
        let chain = ChainFacts(linked: linked, id: rule.chain)
        let facts = RuleFacts(linked: linked, reference: rule)
        if let purpose = calico.purpose(of: facts, in: calico.purpose(of: chain)) { return .calico(purpose) }
        return kubeProxy.purpose(of: facts, in: kubeProxy.purpose(of: chain)).map { .kubeProxy($0) }
    }

    /// What each rule of `chain` is for: as asking one by one, but in time that grows with the rules alone.
    public func purposes(ofRulesIn chain: ChainID) -> [Purpose?] {
        if let own = calico.policyPurposes(ofRulesIn: ChainFacts(linked: linked, id: chain)) {
            return own.map { .calico($0) }
        }
        return linked.chain(chain).rules.indices.map { purpose(of: RuleReference(chain: chain, index: $0)) }
    }

    /// Who made `rule`: the maker of the rule itself, else of its chain.
    public func maker(of rule: RuleReference) -> Maker? {
        (purpose(of: rule) ?? purpose(of: rule.chain))?.maker
    }

    /// What the set or map `name` holds; `nil` where its maker is not known.
    public func purpose(ofSet name: String) -> Purpose? {
        calico.purpose(ofSet: name).map { .calico($0) }
    }

    /// The pod behind an interface of this host; `nil` where no object of the input tells.
    public func workload(behind interface: String) -> WorkloadName? {
        let workload = calico.names.workload(interface)
        return workload.pod.isEmpty ? nil : workload
    }
}

extension AnnotatedRuleset {
    /// What the hashes of Felix's rules prove; `nil` where no rule has one. Takes time in proportion to the rules.
    public func calicoIntegrity() -> CalicoIntegrity? { CalicoIntegrityCheck.run(linked) }
}
