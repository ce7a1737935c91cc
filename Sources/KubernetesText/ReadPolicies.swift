internal import NetTypes
internal import RuleModel
internal import SourceText

// Kubernetes' own policies.

extension ClusterReading {
    mutating func readNetworkPolicy(_ object: ClusterObject) {
        guard isNew("NetworkPolicy", object) else { return }
        objects.policies.append(kubernetesPolicy(object, .kubernetes))
    }

    mutating func readStagedKubernetesPolicy(_ object: ClusterObject) {
        guard isNew("StagedKubernetesNetworkPolicy", object) else { return }
        objects.policies.append(kubernetesPolicy(object, .stagedKubernetes))
    }

    private mutating func kubernetesPolicy(_ object: ClusterObject, _ kind: NetworkPolicy.Kind) -> NetworkPolicy {
        var policy = NetworkPolicy(
            kind: kind, namespace: object.namespace, name: object.name, place: object.place)
        let spec = object.spec
        policy.order = 1000
        policy.selector = readSelector(spec?["podSelector"]) ?? LabelSelector(requirements: [])
        let ingress = spec?["ingress"]?.elements ?? []
        let egress = spec?["egress"]?.elements ?? []
        if let types = spec?["policyTypes"]?.array {
            policy.appliesToIngress = types.contains { $0.text == "Ingress" }
            policy.appliesToEgress = types.contains { $0.text == "Egress" }
        } else {
            // Source: networking.k8s.io/v1 NetworkPolicySpec, `policyTypes`.
            policy.appliesToIngress = true
            policy.appliesToEgress = !egress.isEmpty
        }
        for value in ingress { policy.ingress.append(kubernetesRule(value, peers: "from", object.source)) }
        for value in egress { policy.egress.append(kubernetesRule(value, peers: "to", object.source)) }
        return policy
    }

    private mutating func kubernetesRule(_ value: JSONValue, peers: String, _ source: ObjectSource) -> PolicyRule {
        var rule = PolicyRule(.allow, place: source.place(of: value))
        var side = PolicyPeer()
        for peer in value[peers]?.elements ?? [] {
            var alternative = PolicyPeer()
            if let block = peer["ipBlock"] {
                alternative.nets = prefixes(block["cidr"].map { [$0] } ?? [], source)
                alternative.exceptNets = prefixes(block["except"]?.elements ?? [], source)
            }
            alternative.selector = readSelector(peer["podSelector"])
            alternative.namespaceSelector = readSelector(peer["namespaceSelector"])
            side.alternatives.append(alternative)
        }
        if peers == "from" { rule.source = side } else { rule.destination = side }
        for port in value["ports"]?.elements ?? [] {
            let ends = policyPort(port["port"], last: port["endPort"]?.port)
            rule.ports.append(PolicyPort(ends, protocol: readProtocol(port["protocol"])))
        }
        return rule
    }

    // MARK: policies of a cluster's administrator

    mutating func readAdminPolicy(_ object: ClusterObject, _ kind: NetworkPolicy.Kind) {
        guard isNew("AdminNetworkPolicy\(kind.rawValue)", object) else { return }
        var policy = NetworkPolicy(kind: kind, namespace: "", name: object.name, place: object.place)
        let spec = object.spec
        switch kind {
        case .admin: policy.tier = "adminnetworkpolicy"
        case .baselineAdmin: policy.tier = "baselineadminnetworkpolicy"
        case .cluster: policy.tier = spec?["tier"]?.text == "Baseline" ? "kube-baseline" : "kube-admin"
        case .kubernetes, .calico, .calicoGlobal, .staged, .stagedGlobal, .stagedKubernetes: break
        }
        policy.order = spec?["priority"]?.number?.double
        let subject = adminPeer(spec?["subject"], object.source)
        policy.selector = subject.selector ?? LabelSelector(requirements: [])
        policy.namespaceSelector = subject.namespaceSelector
        for value in spec?["ingress"]?.elements ?? [] {
            if let rule = adminRule(value, peers: "from", object.source) { policy.ingress.append(rule) }
        }
        for value in spec?["egress"]?.elements ?? [] {
            if let rule = adminRule(value, peers: "to", object.source) { policy.egress.append(rule) }
        }
        policy.appliesToIngress = !policy.ingress.isEmpty
        policy.appliesToEgress = !policy.egress.isEmpty
        objects.policies.append(policy)
    }

    private mutating func adminRule(_ value: JSONValue, peers: String, _ source: ObjectSource) -> PolicyRule? {
        let action: PolicyRule.Action
        switch value["action"]?.text {
        case "Allow", "Accept": action = .allow
        case "Deny": action = .deny
        case "Pass": action = .pass
        default:
            tell(
                "bad-object", "'\(quote(value["action"]?.text ?? ""))' is no action of a policy",
                at: source.place(of: value["action"] ?? value))
            return nil
        }
        var rule = PolicyRule(action, place: source.place(of: value))
        var side = PolicyPeer()
        for peer in value[peers]?.elements ?? [] { side.alternatives.append(adminPeer(peer, source)) }
        if peers == "from" { rule.source = side } else { rule.destination = side }
        for port in value["ports"]?.elements ?? [] {
            if let number = port["portNumber"] {
                rule.ports.append(
                    PolicyPort(policyPort(number["port"], last: nil), protocol: readProtocol(number["protocol"])))
            } else if let range = port["portRange"] {
                rule.ports.append(
                    PolicyPort(
                        policyPort(range["start"], last: range["end"]?.port),
                        protocol: readProtocol(range["protocol"])))
            } else if let name = port["namedPort"]?.text {
                rule.ports.append(PolicyPort(.name(name)))
            }
        }
        return rule
    }

    /// `namespaces`, `pods`, `networks` or `domainNames`.
    private mutating func adminPeer(_ value: JSONValue?, _ source: ObjectSource) -> PolicyPeer {
        var peer = PolicyPeer()
        guard let value else { return peer }
        if let namespaces = value["namespaces"] { peer.namespaceSelector = readSelector(namespaces) }
        if let pods = value["pods"] {
            peer.namespaceSelector = readSelector(pods["namespaceSelector"])
            peer.selector = readSelector(pods["podSelector"])
        }
        peer.nets = prefixes(value["networks"]?.elements ?? [], source)
        peer.domains = value["domainNames"]?.texts ?? []
        return peer
    }
}

/// A port by number, perhaps the first of several, or by name.
private func policyPort(_ value: JSONValue?, last: UInt16?) -> PolicyPort.Value? {
    guard let value else { return nil }
    if let first = value.port { return .range(PortRange(first, last ?? first)) }
    return value.text.map { .name($0) }
}
