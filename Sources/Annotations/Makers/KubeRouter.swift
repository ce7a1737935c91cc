internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// kube-router's network policies (also k3s' own) and its service proxy.
///
/// Source: kube-router pkg/controllers/netpol/network_policy_controller.go, policy.go, pod.go (v2.2),
/// pkg/controllers/proxy/network_services_controller.go (v1.6 and v2.2).
enum KubeRouter {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        switch chain.name {
        case "KUBE-ROUTER-INPUT": return words("network policies of pods: what comes to this host")
        case "KUBE-ROUTER-FORWARD": return words("network policies of pods: what is forwarded")
        case "KUBE-ROUTER-OUTPUT": return words("network policies of pods: what this host sends")
        case "KUBE-ROUTER-SERVICES": return words("lets in what is for services, and nothing else to their addresses")
        case "KUBE-ROUTER-HAIRPIN": return words("masquerades what pods send to their own services")
        case "KUBE-NWPLCY-DEFAULT": return words("pods that no network policy selects in this direction")
        default: break
        }
        if let hash = rest(of: chain.name, after: "KUBE-POD-FW-"), hash.utf8.count == 16 {
            for comment in chain.comments() {
                if let pod = pod(in: comment) { return words("network policies of pod \(pod)") }
            }
            return words("network policies of a pod")
        }
        if let hash = rest(of: chain.name, after: "KUBE-NWPLCY-"), hash.utf8.count == 16 {
            for comment in chain.comments() {
                if let policy = policy(in: comment) { return words("network policy \(policy)") }
            }
            return words("a network policy")
        }
        return nil
    }

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        let comments = rule.comments
        if chain == nil {
            let accept = "KUBE-ROUTER rule to explicitly ACCEPT traffic that comply to network policies"
            guard rule.chain.isBase, comments.contains(accept) else { return nil }
            return words("lets through what network policies allowed")
        }
        guard chain?.maker == .kubeRouter, let chain else { return nil }
        let outline = rule.outline
        let name = rule.chain.name
        if name.hasPrefix("KUBE-ROUTER-") { return dispatchPurpose(of: outline, comments) }
        if name.hasPrefix("KUBE-POD-FW-") { return podPurpose(of: outline, comments, pods: chain.text) }
        return policyPurpose(of: outline, policy: chain.text)
    }

    static let marks = [
        MarkMeaning(mask: 0x1_0000, maker: .kubeRouter, text: "a network policy allows the packet"),
        MarkMeaning(mask: 0x2_0000, maker: .kubeRouter, text: "the network policies of its pods allow the packet"),
    ]

    static func purpose(ofSet name: String) -> Purpose? {
        let bare = rest(of: name, after: "inet6:") ?? name
        if bare.hasPrefix("KUBE-SRC-") { return words("sources that a network policy speaks of") }
        if bare.hasPrefix("KUBE-DST-") { return words("destinations that a network policy speaks of") }
        switch bare {
        case "kube-router-pod-subnets": return words("pod networks of the nodes")
        case "kube-router-node-ips": return words("addresses of the nodes")
        case "kube-router-local-pods": return words("pods on this node")
        case "kube-router-local-ips": return words("addresses of this node")
        case "kube-router-svip": return words("addresses of services")
        case "kube-router-svip-prt": return words("addresses and ports of services")
        default: return nil
        }
    }

    // MARK: Rules

    private static func dispatchPurpose(of outline: RuleOutline, _ comments: [String]) -> Purpose? {
        for comment in comments {
            if let pod = pod(in: comment) {
                return words(
                    comment.holds("traffic destined to") ? "what goes to pod \(pod)" : "what pod \(pod) sends")
            }
            if comment.hasPrefix("allow traffic to") {
                guard let range = outline.destination?.wanted else { return nil }
                let kind =
                    comment.holds("external IP")
                    ? "external IPs" : comment.holds("load balancer") ? "load balancer IPs" : "cluster IPs"
                return words("leaves what goes to \(kind) (\(range)) to the services")
            }
            if comment.hasPrefix("allow LOCAL ") {
                return words("leaves node ports (\(outline.service)) to the services")
            }
            if comment == "allow input traffic to ipvs services" {
                return words("lets in what is for a service's port")
            }
            if comment == "reject all unexpected traffic to service IPs" {
                return words("refuses ports that a service's address does not have")
            }
        }
        if outline.effect == .source("") || outline.effect == .masquerade {
            return words("masquerades what a pod sends to its own service")
        }
        return outline.effect == .accept && outline.transport.hasPrefix("icmp") ? words("lets ICMP in") : nil
    }

    private static func podPurpose(of outline: RuleOutline, _ comments: [String], pods: String) -> Purpose? {
        switch outline.effect {
        case .accept where outline.isForKnownConnections: return words("lets answers through")
        case .accept where outline.isFromLocal == true: return words("lets in what the pod's own node sends")
        case .drop where outline.isForInvalid: return words("drops what conntrack calls invalid")
        case .reject, .log:
            let name = comments.lazy.compactMap { pod(in: $0) }.first ?? "that this chain is of"
            return words(
                outline.effect == .log
                    ? "logs what no network policy of pod \(name) allows"
                    : "refuses what no network policy of pod \(name) allows")
        case .jump("KUBE-NWPLCY-DEFAULT"):
            return words(
                outline.source == nil
                    ? "no network policy selects the pod for what comes to it"
                    : "no network policy selects the pod for what it sends")
        case .jump:
            for comment in comments {
                if let policy = rest(of: comment, after: "run through nw policy ") {
                    return words("network policy \(policy)")
                }
            }
            return nil
        case .mark(let word):
            return words(
                word.value == 0
                    ? "takes the mark of the policies off" : "marks the packet as allowed by this pod's policies")
        default: return nil
        }
    }

    private static func policyPurpose(of outline: RuleOutline, policy: String) -> Purpose? {
        switch outline.effect {
        case .mark: words("\(policy): allows it")
        case .return: words("\(policy): goes on, since it allowed it")
        case .accept: words("lets \(outline.service) through for every pod")
        default: nil
        }
    }

    // MARK: Names

    /// The pod in `… POD name:web-1 namespace: shop …`.
    private static func pod(in comment: String) -> String? {
        guard comment.holds("POD name:"), let name = word(after: "name:", in: comment),
            let namespace = word(after: "namespace:", in: comment)
        else { return nil }
        return "\(namespace)/\(name)"
    }

    /// The policy in `… selected by policy name web namespace shop`.
    private static func policy(in comment: String) -> String? {
        guard comment.holds("policy name"), let name = word(after: "name", in: comment),
            let namespace = word(after: "namespace", in: comment)
        else { return nil }
        return "\(namespace)/\(name)"
    }

    private static func words(_ text: String) -> Purpose { .other(.kubeRouter, text) }
}
