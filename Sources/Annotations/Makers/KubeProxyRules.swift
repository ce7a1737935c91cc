internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// What the chains and rules of kube-proxy's are for, by their names, comments and shapes.
///
/// Source: kubernetes pkg/proxy/iptables/proxier.go (v1.16 to v1.34), pkg/proxy/ipvs/proxier.go, pkg/kubelet
/// kubelet_network_linux.go.
struct KubeProxyRules: Sendable {
    /// Service ports by the hash that is in the names of their chains, from the objects of the input.
    private var servicesByHash: [String: ServicePortName] = [:]

    init(_ services: [Service]) {
        for service in services {
            for port in service.ports {
                let name = ServicePortName(namespace: service.namespace, name: service.name, port: port.name)
                servicesByHash[Self.hash(name, port.protocol.shortName)] = name
            }
        }
    }

    /// The 16 characters behind `KUBE-SVC-` and its like.
    static func hash(_ name: ServicePortName, _ transport: String, endpoint: String = "") -> String {
        base32(SHA2.digest(Array((name.text + transport + endpoint).utf8)), count: 16)
    }

    // MARK: Chains

    func purpose(of chain: ChainFacts, depth: Int = 0) -> KubeProxyPurpose? {
        if chain.table.isNative { return nativePurpose(of: chain) }
        guard chain.name.hasPrefix("KUBE-") else { return nil }
        switch chain.name {
        case "KUBE-SERVICES": return .services
        case "KUBE-NODEPORTS", "KUBE-NODE-PORT": return chain.tableName == "filter" ? .healthChecks : .nodePorts
        case "KUBE-EXTERNAL-SERVICES": return .externalServices
        case "KUBE-PROXY-FIREWALL": return .firewalls
        case "KUBE-MARK-MASQ", "KUBE-LOAD-BALANCER": return .markMasquerade
        case "KUBE-POSTROUTING": return .postrouting
        case "KUBE-FORWARD": return .forward
        case "KUBE-FIREWALL": return chain.tableName == "filter" ? nil : .firewalls
        case "KUBE-PROXY-CANARY": return .canary
        case "KUBE-IPVS-FILTER", "KUBE-IPVS-OUT-FILTER", "KUBE-SOURCE-RANGES-FIREWALL": return .firewalls
        default: return hashedPurpose(of: chain, depth: depth)
        }
    }

    /// A chain that is named by a hash: its own comments name the Service, else the objects of the input do.
    private func hashedPurpose(of chain: ChainFacts, depth: Int) -> KubeProxyPurpose? {
        let parts = chain.name.split(separator: "-", maxSplits: 2)
        guard parts.count == 3, parts[2].utf8.count == 16 else { return nil }
        var name: ServicePortName?
        for comment in chain.comments(first: 8) where name == nil { name = serviceName(in: comment) }
        if name == nil { name = servicesByHash[String(parts[2])] ?? callerName(of: chain, depth: depth) }
        switch parts[1] {
        case "SVC": return name.map { .service($0) } ?? .unnamed("a service")
        case "SVL": return name.map { .localService($0) } ?? .unnamed("a service's endpoints on this node")
        case "EXT", "XLB": return name.map { .external($0) } ?? .unnamed("a service reached from outside")
        case "FW": return name.map { .firewall($0) } ?? .unnamed("a service's source ranges")
        case "SEP":
            guard let address = endpoint(of: chain) else { return .unnamed("an endpoint") }
            return name.map { .endpoint($0, address: address) } ?? .unnamed("endpoint \(address) of a service")
        default: return nil
        }
    }

    /// The Service that the rule which leads here names, or the chain that it stands in: in large clusters, and up to
    /// v1.16, a Service's chains have no comments of their own.
    private func callerName(of chain: ChainFacts, depth: Int) -> ServicePortName? {
        // KUBE-SEP, KUBE-SVC, KUBE-EXT or KUBE-FW: what is deeper is none of kube-proxy's.
        guard depth < 3, let rule = chain.caller else { return nil }
        for comment in rule.comments {
            if let name = serviceName(in: comment) { return name }
        }
        return rule.chain.isBase ? nil : purpose(of: rule.chain, depth: depth + 1)?.service
    }

    /// Where a KUBE-SEP chain's DNAT leads.
    private func endpoint(of chain: ChainFacts) -> String? {
        for index in chain.linked.chain(chain.id).rules.indices.prefix(4) {
            guard case .dnat(let nat)? = chain.facts(index).rule.target, let address = nat.addresses?.first else {
                continue
            }
            return endpointText(address, port: nat.ports?.first)
        }
        return nil
    }

    // MARK: Rules

    /// What `rule` is for; `chain` is the purpose of the chain that it stands in.
    func purpose(of rule: RuleFacts, in chain: Purpose?) -> KubeProxyPurpose? {
        guard case .kubeProxy(let chain)? = chain else { return nil }
        if rule.chain.table.isNative { return nativePurpose(of: rule, in: chain) }
        for comment in rule.comments {
            if let purpose = commentedPurpose(of: rule, comment, in: chain) { return purpose }
        }
        return ipvsPurpose(of: rule, in: chain) ?? shapedPurpose(of: rule, in: chain)
    }

    static let marks = [MarkMeaning(mask: 0x4000, maker: .kubeProxy, text: "the packet is to be masqueraded")]

    private func commentedPurpose(
        of rule: RuleFacts, _ comment: String, in chain: KubeProxyPurpose
    ) -> KubeProxyPurpose? {
        guard let name = serviceName(in: comment) else { return nil }
        let marks = rule.jump == "KUBE-MARK-MASQ"
        if comment.hasSuffix(" has no endpoints") { return .noEndpoints(name) }
        if comment.hasSuffix(" has no local endpoints") { return .noLocalEndpoints(name) }
        if comment.hasSuffix(" health check node port") { return .healthCheck(name) }
        if comment.holds(" traffic not accepted by ") { return .outsideSourceRanges(name) }
        if comment.hasPrefix("other traffic to ") { return .outsideSourceRanges(name) }
        if comment.hasPrefix("pod traffic for ") || comment.hasPrefix("route LOCAL traffic for ") {
            return .clusterRoute(name)
        }
        if comment.hasPrefix("masquerade LOCAL traffic for ") { return .markLocal(name) }
        if comment.hasPrefix("masquerade traffic for ") { return .markExternal(name) }
        if comment.hasSuffix(" cluster IP") { return marks ? .markFromOutside(name) : .dispatch(name, .cluster) }
        if comment.hasSuffix(" external IP") { return marks ? .markExternal(name) : .dispatch(name, .external) }
        if comment.hasSuffix(" loadbalancer IP") {
            if case .firewall = chain { return .sourceRange(name) }
            return .dispatch(name, .loadBalancer)
        }
        switch chain {
        case .endpoint(let name, let address): return marks ? .markHairpin(name, endpoint: address) : chain
        case .nodePorts: return marks ? .markExternal(name) : .dispatch(name, .nodePort)
        case .service, .localService:
            guard let arrow = comment.split(separator: " ").last, comment.holds(" -> ") else { return nil }
            return .endpointChoice(name, endpoint: String(arrow), isAffinity: rule.asksRecent)
        default: return nil
        }
    }

    /// Rules that carry no Service's name.
    private func shapedPurpose(of rule: RuleFacts, in chain: KubeProxyPurpose) -> KubeProxyPurpose? {
        switch (chain, rule.rule.target) {
        case (.postrouting, .return?): .notMarked
        case (.postrouting, .mark?): .clearMark
        case (.postrouting, .masquerade?): .masquerade
        case (.forward, .drop?): .dropInvalid
        case (.forward, .accept?): rule.asksMark ? .acceptMarked : .acceptEstablished
        case (.markMasquerade, .mark?): .markMasquerade
        case (.endpoint, .dnat?): chain
        case (.endpoint(let name, let address), .jump?) where rule.jump == "KUBE-MARK-MASQ":
            .markHairpin(name, endpoint: address)
        case (.external(let name), .jump?) where rule.jump == "KUBE-MARK-MASQ": .markExternal(name)
        case (.service(let name), .jump?) where rule.jump == "KUBE-MARK-MASQ": .markFromOutside(name)
        default: nil
        }
    }
}

extension RuleFacts {
    /// Whether the rule asks for the packet's mark.
    var asksMark: Bool {
        for statement in rule.statements {
            if case .match(.mark) = statement { return true }
        }
        return false
    }

    fileprivate var asksRecent: Bool {
        for statement in rule.statements {
            if case .match(.recent) = statement { return true }
        }
        return false
    }
}

/// The Service in a comment of kube-proxy's: the one word of the form `NS/NAME[:PORT]`.
func serviceName(in comment: String) -> ServicePortName? {
    for word in comment.utf8.split(separator: UInt8(ascii: " ")) {
        guard let name = ServicePortName(Substring(word)), !name.name.utf8.contains(UInt8(ascii: "/")) else { continue }
        return name
    }
    return nil
}
