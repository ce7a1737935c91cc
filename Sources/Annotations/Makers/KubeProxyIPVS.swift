internal import ChainGraph
internal import NetTypes
internal import RuleModel

/// An ipset of kube-proxy's in ipvs mode: its rules speak of these, and no rule names a Service.
/// Source: kubernetes pkg/proxy/ipvs/ipset.go (v1.20 to v1.34).
public enum KubeProxySet: UInt8, Hashable, Sendable, CaseIterable {
    case loopBack, clusterIP, externalIP, externalIPLocal
    case loadBalancer, loadBalancerLocal, loadBalancerFirewall, loadBalancerSourceIP, loadBalancerSourceCIDR
    case nodePortTCP, nodePortLocalTCP, nodePortUDP, nodePortLocalUDP, nodePortSCTP, nodePortLocalSCTP
    case healthCheckNodePort, serviceAddresses

    /// The set of that name: `KUBE-CLUSTER-IP`, of IPv6 `KUBE-6-CLUSTER-IP`.
    public init?(name: String) {
        guard let bare = rest(of: name, after: "KUBE-6-") ?? rest(of: name, after: "KUBE-"),
            let found = Self.allCases.first(where: { $0.suffix == bare })
        else { return nil }
        self = found
    }

    private var suffix: String {
        switch self {
        case .loopBack: "LOOP-BACK"
        case .clusterIP: "CLUSTER-IP"
        case .externalIP: "EXTERNAL-IP"
        case .externalIPLocal: "EXTERNAL-IP-LOCAL"
        case .loadBalancer: "LOAD-BALANCER"
        case .loadBalancerLocal: "LOAD-BALANCER-LOCAL"
        case .loadBalancerFirewall: "LOAD-BALANCER-FW"
        case .loadBalancerSourceIP: "LOAD-BALANCER-SOURCE-IP"
        case .loadBalancerSourceCIDR: "LOAD-BALANCER-SOURCE-CIDR"
        case .nodePortTCP: "NODE-PORT-TCP"
        case .nodePortLocalTCP: "NODE-PORT-LOCAL-TCP"
        case .nodePortUDP: "NODE-PORT-UDP"
        case .nodePortLocalUDP: "NODE-PORT-LOCAL-UDP"
        case .nodePortSCTP: "NODE-PORT-SCTP-HASH"
        case .nodePortLocalSCTP: "NODE-PORT-LOCAL-SCTP-HASH"
        case .healthCheckNodePort: "HEALTH-CHECK-NODE-PORT"
        case .serviceAddresses: "IPVS-IPS"
        }
    }

    /// What an element is: `a cluster IP with its port`.
    public var element: String {
        switch self {
        case .loopBack: "an endpoint on this node, with itself as the client"
        case .clusterIP: "a cluster IP with its port"
        case .externalIP: "an external IP with its port"
        case .externalIPLocal: "an external IP whose service has the policy Local"
        case .loadBalancer: "a load balancer IP with its port"
        case .loadBalancerLocal: "a load balancer IP whose service has the policy Local"
        case .loadBalancerFirewall: "a load balancer IP that has source ranges"
        case .loadBalancerSourceIP: "a load balancer IP with itself as the client"
        case .loadBalancerSourceCIDR: "a load balancer IP with one of its source ranges"
        case .nodePortTCP: "a TCP node port"
        case .nodePortLocalTCP: "a TCP node port whose service has the policy Local"
        case .nodePortUDP: "a UDP node port"
        case .nodePortLocalUDP: "a UDP node port whose service has the policy Local"
        case .nodePortSCTP: "an SCTP node port"
        case .nodePortLocalSCTP: "an SCTP node port whose service has the policy Local"
        case .healthCheckNodePort: "a health check port of a load balancer"
        case .serviceAddresses: "an address of a service"
        }
    }
}

extension KubeProxyRules {
    /// A rule that asks one of the sets of ipvs mode, or one without a name in a chain of that mode.
    func ipvsPurpose(of rule: RuleFacts, in chain: KubeProxyPurpose) -> KubeProxyPurpose? {
        let outline = rule.outline
        for use in outline.sets where !use.isNegated {
            guard let set = KubeProxySet(name: use.name) else { continue }
            switch outline.effect {
            case .jump("KUBE-MARK-MASQ"):
                return .ipvs(outline.source?.excluded == nil ? .mark : .markFromOutside, set)
            case .jump("KUBE-MARK-DROP"), .drop: return .ipvs(.drop, set)
            case .jump: return .ipvs(.go, set)
            case .accept: return .ipvs(set == .healthCheckNodePort ? .letIn : .leave, set)
            case .return: return .ipvs(.goOn, set)
            case .reject: return .ipvs(.refuse, set)
            case .masquerade: return .ipvs(.masquerade, set)
            default: return nil
            }
        }
        switch (rule.chain.name, outline.effect) {
        case ("KUBE-LOAD-BALANCER", .jump("KUBE-MARK-MASQ")): return .ipvs(.mark, .loadBalancer)
        case ("KUBE-SOURCE-RANGES-FIREWALL", .drop), ("KUBE-FIREWALL", .jump("KUBE-MARK-DROP")):
            return .ipvs(.drop, .loadBalancerFirewall)
        case ("KUBE-IPVS-OUT-FILTER", .drop): return .ipvs(.drop, .loadBalancerFirewall)
        case ("KUBE-SERVICES", .return) where outline.source?.wanted == "127.0.0.0/8": return .leaveLoopback
        default: return nil
        }
    }
}

/// What a rule of ipvs mode does with what is in a set.
public enum KubeProxyIPVSVerb: UInt8, Hashable, Sendable {
    case mark, markFromOutside, go, goOn, leave, letIn, drop, refuse, masquerade

    func text(_ set: KubeProxySet) -> String {
        switch self {
        case .mark: "marks the connection for masquerading: it comes to \(set.element)"
        case .markFromOutside:
            "marks the connection for masquerading: it comes from outside the pod network to \(set.element)"
        case .go: set.element
        case .goOn: "\(set.element): goes on as it is"
        case .leave: "\(set.element): goes on to IPVS, which chooses the endpoint"
        case .letIn: "lets in what comes to \(set.element)"
        case .drop: "drops it: the client is in none of the load balancer's source ranges"
        case .refuse: "refuses what comes to \(set.element) by a port that it does not have"
        case .masquerade:
            set == .loopBack
                ? "masquerades what an endpoint on this node sends to itself by its service"
                : "masquerades what reaches \(set.element)"
        }
    }
}
