internal import ChainGraph
internal import RuleModel
internal import SourceText

/// What Felix makes of `id` behind a prefix where both together are longer than a chain's name may be.
///
/// Source: projectcalico/calico libcalico-go/lib/hash/unique_id.go `GetLengthLimitedID`; iptables' limit is 28.
func lengthLimitedID(_ id: String, prefixLength: Int, limit: Int = 28) -> String {
    let id = id.isEmpty ? "_" : id
    let length = prefixLength + id.utf8.count
    guard length > limit || length == limit && id.hasPrefix("_") else { return id }
    return "_" + base64URL(SHA2.digest(id.utf8), count: limit - 1 - prefixLength)
}

/// The objects behind Felix's names: from comments and flow log prefixes of the rules, else by hashing the names of
/// the objects in the input.
struct CalicoNames: Sendable {
    private struct Owner {
        var namespace: String
        var pod: String
    }

    /// By the hexadecimal digits that an interface's name ends in.
    private var podsByDigits: [String: Owner] = [:]
    private var podsByInterface: [String: Owner] = [:]
    /// By what stands behind `cali-pi-`, or in a flow log's prefix.
    private var policies: [String: PolicyName] = [:]
    /// By what stands behind `cali-pri-`.
    private var profiles: [String: String] = [:]
    private let sets: CalicoSetNames

    init(_ cluster: ClusterObjects) {
        sets = CalicoSetNames(cluster)
        for pod in cluster.pods where !pod.isHostNetwork {
            podsByDigits[Self.digits(namespace: pod.namespace, pod: pod.name)] = Owner(
                namespace: pod.namespace, pod: pod.name)
        }
        for endpoint in cluster.workloadEndpoints where !endpoint.interface.isEmpty && !endpoint.pod.isEmpty {
            podsByInterface[endpoint.interface] = Owner(namespace: endpoint.namespace, pod: endpoint.pod)
        }
        for policy in cluster.policies {
            let name = PolicyName(policy)
            for id in Self.ids(policy) {
                policies[id] = name
                policies[lengthLimitedID(id, prefixLength: 8)] = name
            }
        }
        for profile in Self.profileNames(cluster) { profiles[lengthLimitedID(profile, prefixLength: 9)] = profile }
    }

    /// Source: libcalico-go/lib/backend/k8s/conversion/workload_endpoint_default.go `VethNameForWorkload`.
    static func digits(namespace: String, pod: String) -> String {
        base16(SHA1.digest("\(namespace).\(pod)".utf8), count: 11)
    }

    /// Source: libcalico-go/lib/backend/k8s/conversion/constants.go.
    private static func profileNames(_ cluster: ClusterObjects) -> [String] {
        var names = ["projectcalico-default-allow"]
        names += cluster.profiles.map { $0.name }
        for namespace in cluster.namespaces { names.append("kns.\(namespace.name)") }
        for pod in cluster.pods {
            names.append("kns.\(pod.namespace)")
            let account = pod.serviceAccount.isEmpty ? "default" : pod.serviceAccount
            names.append("ksa.\(pod.namespace).\(account)")
        }
        return names
    }

    /// The pod behind an interface, or only the interface.
    func workload(_ interface: String) -> WorkloadName {
        let owner = podsByInterface[interface] ?? podsByDigits[String(interface.suffix(11))]
        return WorkloadName(interface: interface, namespace: owner?.namespace ?? "", pod: owner?.pod ?? "")
    }

    /// `set` with the words for what its id is the hash of.
    func named(_ set: CalicoSet) -> CalicoSet {
        switch set {
        case .selector(let id, _): sets.text(id).map { .selector(id: id, text: $0) } ?? set
        case .namedPort(let id, _): sets.text(id).map { .namedPort(id: id, text: $0) } ?? set
        case .service(let id, _): sets.text(id).map { .service(id: id, text: $0) } ?? set
        case .masqueradedPools, .pools, .hosts, .tunnelHosts, .thisHost, .dscpSources, .istioWorkloads, .notOffloaded,
            .temporary, .unknown:
            set
        }
    }

    // MARK: Policies

    /// All that Felix of any version may have taken for the policy's id.
    ///
    /// Source: libcalico-go/lib/names/policy.go and felix/rules/policy.go of v3.26, v3.30; felix/types/policy_id.go of
    /// v3.32.
    static func ids(_ policy: NetworkPolicy) -> [String] {
        let tier = policy.tier.isEmpty ? "default" : policy.tier
        let bare = policy.name.hasPrefix(tier + ".") ? String(policy.name.dropFirst(tier.utf8.count + 1)) : policy.name
        let space = policy.namespace.isEmpty ? "" : policy.namespace + "/"
        var older: [String]
        let kind: String
        switch policy.kind {
        case .kubernetes:
            older = ["knp.default.\(bare)"]
            kind = "knp"
        case .calico, .calicoGlobal:
            older = ["\(tier).\(bare)", policy.name]
            kind = policy.kind == .calico ? "np" : "gnp"
        case .staged, .stagedGlobal:
            older = ["staged:\(tier).\(bare)", "staged:\(policy.name)"]
            kind = policy.kind == .staged ? "snp" : "sgnp"
        case .stagedKubernetes:
            older = ["staged:knp.default.\(bare)"]
            kind = "sknp"
        case .admin:
            older = ["kanp.adminnetworkpolicy.\(bare)"]
            kind = ""
        case .baselineAdmin:
            older = ["kbanp.baselineadminnetworkpolicy.\(bare)"]
            kind = ""
        case .cluster:
            older = ["kcnp.\(tier).\(bare)", "kcnp.\(bare)"]
            kind = "kcnp"
        }
        var ids: [String] = []
        for name in older { ids += ["\(space)\(name)", "\(tier)/\(space)\(name)"] }
        if !kind.isEmpty { ids += ["\(kind)/\(space)\(bare)", "\(kind)/\(space)\(policy.name)"] }
        return ids
    }

    /// The policy of a chain: what its own comment or flow log says, else what the other direction's says, else what
    /// the objects of the input say.
    func policy(of facts: ChainFacts, id: String, _ way: PolicyDirection) -> PolicyName {
        if let told = told(facts, id) { return told }
        let other = facts.name.replacingPrefix(before: id, way == .ingress ? "po-" : "pi-")
        if let symbol = facts.linked.names.find(other), let chain = facts.linked.sibling(of: facts.id, named: symbol),
            let told = told(ChainFacts(linked: facts.linked, id: chain), id)
        {
            return told
        }
        if let known = policies[id] { return known }
        if !id.hasPrefix("_"), let plain = PolicyName(id: id) { return plain }
        return PolicyName(.unnamed, name: id)
    }

    /// What the first rules of a policy's chain say of its name.
    private func told(_ facts: ChainFacts, _ id: String) -> PolicyName? {
        for index in facts.linked.chain(facts.id).rules.indices.prefix(8) {
            let rule = FelixRule(facts.facts(index))
            for comment in rule.comments {
                guard let name = PolicyName(comment: comment, id: id) else { continue }
                // Objects know the tier, which the comment of v3.32 does not say.
                return name.tier.isEmpty ? policies[id] ?? name : name
            }
            if case .flowLog(let prefix) = rule.act, let bar = prefix.firstIndex(of: "|") {
                let told = String(prefix[prefix.index(after: bar)...])
                // A prefix longer than 64 bytes holds a hash.
                if prefix.utf8.count < 63, let name = policies[told] ?? PolicyName(id: told) { return name }
            }
        }
        return nil
    }

    // MARK: Profiles

    func profile(of facts: ChainFacts, id: String, _ way: PolicyDirection) -> String {
        guard id.hasPrefix("_") else { return id }
        if let told = toldProfile(facts) { return told }
        let other = facts.name.replacingPrefix(before: id, way == .ingress ? "pro-" : "pri-")
        if let symbol = facts.linked.names.find(other), let chain = facts.linked.sibling(of: facts.id, named: symbol),
            let told = toldProfile(ChainFacts(linked: facts.linked, id: chain))
        {
            return told
        }
        return profiles[id] ?? id
    }

    private func toldProfile(_ facts: ChainFacts) -> String? {
        for index in facts.linked.chain(facts.id).rules.indices.prefix(4) {
            let rule = FelixRule(facts.facts(index))
            for comment in rule.comments {
                let words = comment.split(separator: " ")
                if words.count >= 3, words[words.count - 3] == "Profile" { return String(words[words.count - 2]) }
            }
            if case .flowLog(let prefix) = rule.act, let bar = prefix.firstIndex(of: "|"), prefix.utf8.count < 63 {
                return String(prefix[prefix.index(after: bar)...])
            }
        }
        return nil
    }
}

extension String {
    /// `…cali-po-ID` out of `…cali-pi-ID`.
    fileprivate func replacingPrefix(before id: String, _ kind: String) -> String {
        let front = dropLast(id.count)
        guard let dash = front.dropLast().lastIndex(of: "-") else { return "" }
        return front[...dash] + kind + id
    }
}
