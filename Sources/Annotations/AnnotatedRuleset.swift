public import ChainGraph
public import NetTypes
public import RuleModel

/// A rule set with what is known of who made its parts, and what for.
///
/// Nothing is worked out before it is asked for: a node may have 700,000 rules, and a trace tells of forty. Who asks of
/// all of them, many times, takes `complete()`.
public struct AnnotatedRuleset: Sendable {
    public let linked: LinkedRuleset
    let calico: CalicoRules
    private let kubeProxy: KubeProxyRules
    private let services: [Service]
    /// Of each chain and each of its rules, by the chain's id; empty until all are worked out.
    private var chainPurposes: [Purpose?] = []
    private var rulePurposes: [[Purpose?]] = []

    /// - Parameter cluster: whose names are looked for behind hashes.
    public init(_ linked: LinkedRuleset, cluster: ClusterObjects = ClusterObjects()) {
        self.linked = linked
        calico = CalicoRules(linked, cluster)
        kubeProxy = KubeProxyRules(cluster.services)
        services = cluster.services
    }

    /// The same with every purpose worked out, in time and memory that grow with the rules: each check of a doctor asks
    /// of all chains.
    public func complete() -> AnnotatedRuleset {
        var whole = self
        whole.chainPurposes = linked.chainIDs.map { purpose(of: ChainID($0)) }
        whole.rulePurposes = linked.chainIDs.map { whole.purposes(ofRulesIn: ChainID($0)) }
        return whole
    }

    /// What `chain` is for; `nil` where its maker is not known, and for built-in chains of iptables.
    public func purpose(of chain: ChainID) -> Purpose? {
        if chainPurposes.indices.contains(chain.index) { return chainPurposes[chain.index] }
        let facts = ChainFacts(linked: linked, id: chain)
        if let purpose = calico.purpose(of: facts) { return .calico(purpose) }
        if let purpose = kubeProxy.purpose(of: facts) { return .kubeProxy(purpose) }
        return OtherMakers.purpose(of: facts)
    }

    /// What `rule` itself is for; `nil` where only its chain is known, or not even that.
    ///
    /// A rule that only leads to a chain is for what that chain is for.
    public func purpose(of rule: RuleReference) -> Purpose? {
        if rulePurposes.indices.contains(rule.chain.index), rulePurposes[rule.chain.index].indices.contains(rule.index)
        {
            return rulePurposes[rule.chain.index][rule.index]
        }
        return purpose(of: RuleFacts(linked: linked, reference: rule), in: purpose(of: rule.chain))
    }

    private func purpose(of facts: RuleFacts, in chain: Purpose?) -> Purpose? {
        if let purpose = calico.purpose(of: facts, in: chain?.calico) { return .calico(purpose) }
        if let purpose = kubeProxy.purpose(of: facts, in: chain) { return .kubeProxy(purpose) }
        return OtherMakers.purpose(of: facts, in: chain) ?? facts.jumpTarget.flatMap { purpose(of: $0) }
    }

    /// What each rule of `chain` is for: as asking one by one, but in time that grows with the rules alone.
    public func purposes(ofRulesIn chain: ChainID) -> [Purpose?] {
        if rulePurposes.indices.contains(chain.index) { return rulePurposes[chain.index] }
        if let own = calico.policyPurposes(ofRulesIn: ChainFacts(linked: linked, id: chain)) {
            return own.map { .calico($0) }
        }
        let whole = purpose(of: chain)
        return linked.chain(chain).rules.indices.map { index in
            purpose(of: RuleFacts(linked: linked, reference: RuleReference(chain: chain, index: index)), in: whole)
        }
    }

    /// Who made `rule`: the maker of the rule itself, else of its chain.
    public func maker(of rule: RuleReference) -> Maker? {
        if let purpose = purpose(of: rule) { return purpose.maker }
        let chain = purpose(of: rule.chain)
        return chain?.isForOperator == true ? nil : chain?.maker
    }

    /// What the set or map `name` holds; `nil` where its maker is not known.
    ///
    /// - Parameters:
    ///   - table: the native table that it is of; `nil` for an ipset.
    ///   - isV6: whether its elements are addresses of IPv6.
    public func purpose(ofSet name: String, table: String? = nil, isV6: Bool = false) -> Purpose? {
        if let purpose = calico.purpose(ofSet: name) { return .calico(purpose) }
        return OtherMakers.purpose(ofSet: name, table: table, isV6: isV6)
    }

    /// The pod behind an interface of this host; `nil` where no object of the input tells.
    public func workload(behind interface: String) -> WorkloadName? {
        let workload = calico.names.workload(interface)
        return workload.pod.isEmpty ? nil : workload
    }
}

extension AnnotatedRuleset {
    /// The Service that has this address and port, or the node port; `nil` where no object of the input tells. In ipvs
    /// mode no rule names it.
    public func service(at address: IPAddress, port: UInt16, _ protocol: IPProtocol) -> ServicePortName? {
        var byNodePort: ServicePortName?
        for service in services {
            let addresses = service.clusterAddresses + service.externalAddresses + service.loadBalancerAddresses
            for own in service.ports where own.protocol == `protocol` {
                let name = ServicePortName(namespace: service.namespace, name: service.name, port: own.name)
                if own.number == port, addresses.contains(address) { return name }
                if own.nodePort == port { byNodePort = byNodePort ?? name }
            }
        }
        return byNodePort
    }
}

extension AnnotatedRuleset {
    /// What the hashes of Felix's rules prove; `nil` where no rule has one. Takes time in proportion to the rules.
    public func calicoIntegrity() -> CalicoIntegrity? { CalicoIntegrityCheck.run(linked) }
}
