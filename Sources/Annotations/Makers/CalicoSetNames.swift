internal import RuleModel

/// Which sets of addresses the policies of the input ask for, by the hashes that name them.
///
/// Source: projectcalico/calico libcalico-go/lib/backend/k8s/conversion/conversion.go, syncersv1/updateprocessors/rules.go,
/// felix/calc/rule_scanner.go.
struct CalicoSetNames: Sendable {
    /// What a set holds by its id, cut as in the set's name and with `:`.
    private var texts: [String: String] = [:]

    init(_ cluster: ClusterObjects) {
        for policy in cluster.policies {
            for rule in policy.ingress + policy.egress {
                for peer in [rule.source, rule.destination] { take(peer, policy) }
                for port in rule.ports { take(port, nil) }
            }
        }
        for service in cluster.services {
            let name = "\(service.namespace)/\(service.name)"
            add(CalicoSelector.id("svc", name), "backends of service \(name), with their ports")
            add(CalicoSelector.id("svcnoport", name), "backends of service \(name)")
        }
    }

    /// Names of sets have 31 bytes, of which `cali40` takes six.
    private static let length = 25

    private mutating func add(_ id: String, _ text: String) { texts[String(id.prefix(Self.length))] = text }

    /// The words for a set; in nftables mode its id has `-` for `:`.
    func text(_ id: String) -> String? {
        guard let end = id.firstIndex(where: { $0 == ":" || $0 == "-" }) else { return nil }
        return texts["\(id[..<end]):\(id[id.index(after: end)...])"]
    }

    // MARK: Peers

    private mutating func take(_ peer: PolicyPeer, _ policy: NetworkPolicy) {
        for other in peer.alternatives where other.nets.isEmpty { takeKubernetes(other, policy) }
        takeCalico(peer, policy)
        for port in peer.ports + peer.exceptPorts { take(port, selector(peer, policy)) }
        if let selector = peer.exceptSelector, let parsed = CalicoSelector(selector.text) {
            add(parsed.id, "endpoints with \(selector.text)")
        }
    }

    /// A named port: the endpoints that a selector chooses, or all, which have a port of that name.
    private mutating func take(_ port: PolicyPort, _ selector: CalicoSelector?) {
        guard case .name(let name)? = port.value, let chosen = selector ?? CalicoSelector("all()") else { return }
        for transport in ["tcp", "udp", "sctp"] {
            let id = CalicoSelector.id("n", "\(chosen.id),\(transport),\(name)")
            add(id, "endpoints with a port called \(name) (\(transport))")
        }
    }

    private mutating func takeKubernetes(_ peer: PolicyPeer, _ policy: NetworkPolicy) {
        for equals in [true, false] {
            var pods = "projectcalico.org/orchestrator == 'k8s'"
            for requirement in Self.texts(peer.selector, equals: equals) { pods += " && " + requirement }
            var namespaces = "projectcalico.org/namespace == '\(policy.namespace)'"
            if let selector = peer.namespaceSelector {
                var text = ""
                for requirement in Self.texts(selector, equals: equals) {
                    text += (text.isEmpty ? "" : " && ") + requirement
                }
                guard let prefixed = CalicoSelector(text, prefix: "pcns.") else { continue }
                namespaces = prefixed.text == "all()" ? "has(projectcalico.org/namespace)" : prefixed.text
            }
            guard let whole = CalicoSelector("(\(namespaces)) && (\(pods))") else { continue }
            add(whole.id, Self.words(peer, policy))
        }
    }

    /// `pods with app=web in namespace shop`.
    private static func words(_ peer: PolicyPeer, _ policy: NetworkPolicy) -> String {
        let pods = peer.selector.map { $0.text.isEmpty ? "pods" : "pods with \($0.text)" } ?? "pods"
        guard let namespaces = peer.namespaceSelector else { return "\(pods) in namespace \(policy.namespace)" }
        return namespaces.text.isEmpty ? "\(pods) in all namespaces" : "\(pods) in namespaces with \(namespaces.text)"
    }

    /// The requirements of a selector of Kubernetes' in Calico's language. One value may have come from `matchLabels`
    /// or from an expression, which Calico writes differently.
    private static func texts(_ selector: LabelSelector?, equals: Bool) -> [String] {
        guard let requirements = selector?.requirements else { return [] }
        return requirements.map { requirement in
            var list = ""
            for value in requirement.values { list += (list.isEmpty ? "'" : ", '") + value + "'" }
            switch requirement.relation {
            case .isIn:
                return equals && requirement.values.count == 1
                    ? "\(requirement.key) == \(list)" : "\(requirement.key) in { \(list) }"
            case .isNotIn: return "\(requirement.key) not in { \(list) }"
            case .exists: return "has(\(requirement.key))"
            case .doesNotExist: return "! has(\(requirement.key))"
            }
        }
    }

    private mutating func takeCalico(_ peer: PolicyPeer, _ policy: NetworkPolicy) {
        guard let selector = selector(peer, policy) else { return }
        let own = peer.selector?.text ?? ""
        let endpoints = own.isEmpty ? "endpoints" : "endpoints with \(own)"
        if let namespaces = peer.namespaceSelector?.text {
            add(selector.id, "\(endpoints) in namespaces with \(namespaces)")
        } else {
            add(selector.id, policy.namespace.isEmpty ? endpoints : "\(endpoints) in namespace \(policy.namespace)")
        }
    }

    /// The selector that Calico makes of a peer of its own rules; `nil` where it asks for no endpoints.
    private func selector(_ peer: PolicyPeer, _ policy: NetworkPolicy) -> CalicoSelector? {
        guard peer.alternatives.isEmpty else { return nil }
        var parts: [String] = []
        if let accounts = accounts(peer) { parts.append(accounts) }
        if let own = peer.selector, !own.text.isEmpty { parts.append(own.text) }
        var text = ""
        if parts.count == 1 { text = parts[0] }
        if parts.count == 2 { text = "(\(parts[0])) && (\(parts[1]))" }
        var namespaces = policy.namespace.isEmpty ? "" : "projectcalico.org/namespace == '\(policy.namespace)'"
        if let selector = peer.namespaceSelector, !selector.text.isEmpty {
            guard let prefixed = CalicoSelector(selector.text, prefix: "pcns.") else { return nil }
            switch prefixed.text {
            case "all()": namespaces = "has(projectcalico.org/namespace)"
            case "global()": namespaces = "!has(projectcalico.org/namespace)"
            default: namespaces = prefixed.text
            }
            if text.isEmpty { return CalicoSelector(namespaces) }
        }
        guard !text.isEmpty else { return nil }
        return CalicoSelector(namespaces.isEmpty ? text : "(\(namespaces)) && (\(text))")
    }

    private func accounts(_ peer: PolicyPeer) -> String? {
        var chosen: String?
        if let selector = peer.serviceAccountSelector, !selector.text.isEmpty {
            chosen = CalicoSelector(selector.text, prefix: "pcsa.")?.text
        }
        guard !peer.serviceAccounts.isEmpty else { return chosen }
        var list = ""
        for name in peer.serviceAccounts { list += (list.isEmpty ? "'" : ", '") + name + "'" }
        guard let named = CalicoSelector("projectcalico.org/serviceaccount in { \(list) }")?.text else { return chosen }
        return chosen.map { "(\($0)) && (\(named))" } ?? named
    }
}
