/// Which way policy is asked, seen from the endpoint: `ingress` is what comes to it.
public enum PolicyDirection: UInt8, Hashable, Sendable, CaseIterable {
    case ingress, egress

    public var name: String { self == .ingress ? "ingress" : "egress" }
    /// The word before an endpoint's name: `to` pod a, `from` pod a.
    public var preposition: String { self == .ingress ? "to" : "from" }
}

/// A policy as the one who wrote it calls it.
public struct PolicyName: Hashable, Sendable {
    public enum Kind: UInt8, Hashable, Sendable, CaseIterable {
        case networkPolicy, globalNetworkPolicy, kubernetesNetworkPolicy
        case stagedNetworkPolicy, stagedGlobalNetworkPolicy, stagedKubernetesNetworkPolicy
        case adminNetworkPolicy, baselineAdminNetworkPolicy, clusterNetworkPolicy
        case openStackSecurityGroup
        /// Only the chain's name is known, which is a hash: it is the `name`.
        case unnamed

        /// As the object's `kind` says it.
        public var name: String {
            switch self {
            case .networkPolicy: "NetworkPolicy"
            case .globalNetworkPolicy: "GlobalNetworkPolicy"
            case .kubernetesNetworkPolicy: "KubernetesNetworkPolicy"
            case .stagedNetworkPolicy: "StagedNetworkPolicy"
            case .stagedGlobalNetworkPolicy: "StagedGlobalNetworkPolicy"
            case .stagedKubernetesNetworkPolicy: "StagedKubernetesNetworkPolicy"
            case .adminNetworkPolicy: "AdminNetworkPolicy"
            case .baselineAdminNetworkPolicy: "BaselineAdminNetworkPolicy"
            case .clusterNetworkPolicy: "KubernetesClusterNetworkPolicy"
            case .openStackSecurityGroup: "OpenStack security group"
            case .unnamed: "policy"
            }
        }
    }

    public var kind: Kind
    /// Empty where the kind has none.
    public var namespace: String
    /// As the object has it: in another tier than `default` up to v3.31 with the tier and a dot before it.
    public var name: String
    /// Empty where it is not known.
    public var tier: String

    public init(_ kind: Kind, namespace: String = "", name: String, tier: String = "") {
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.tier = tier
    }

    /// `NetworkPolicy shop/allow-web`; with the tier where it is another than `default` and the name does not say it.
    public var text: String {
        if kind == .unnamed { return "the policy of chain id \(name)" }
        let full = namespace.isEmpty ? name : "\(namespace)/\(name)"
        let words = "\(kind.words) \(full)"
        return tier.isEmpty || tier == "default" || name.hasPrefix(tier + ".") ? words : "\(words) of tier \(tier)"
    }
}

extension PolicyName.Kind {
    /// As `name`, but Kubernetes' own kinds in two words.
    fileprivate var words: String {
        switch self {
        case .kubernetesNetworkPolicy: "Kubernetes NetworkPolicy"
        case .clusterNetworkPolicy: "Kubernetes ClusterNetworkPolicy"
        case .networkPolicy, .globalNetworkPolicy, .stagedNetworkPolicy, .stagedGlobalNetworkPolicy,
            .stagedKubernetesNetworkPolicy, .adminNetworkPolicy, .baselineAdminNetworkPolicy, .openStackSecurityGroup,
            .unnamed:
            name
        }
    }
}

/// A pod's or other workload's interface on the host, with its pod where that is known.
public struct WorkloadName: Hashable, Sendable {
    public var interface: String
    /// Empty where only the interface is known.
    public var namespace: String
    public var pod: String

    public init(interface: String, namespace: String = "", pod: String = "") {
        self.interface = interface
        self.namespace = namespace
        self.pod = pod
    }

    /// `pod shop/web-0 (cali1234567890a)`, or `the workload behind cali1234567890a`.
    public var text: String {
        pod.isEmpty ? "the workload behind \(interface)" : "pod \(namespace)/\(pod) (\(interface))"
    }
}

/// Which rule of a policy's or profile's list a rule of the kernel's is part of, and which part.
public struct PolicyRulePart: Hashable, Sendable {
    public enum Action: UInt8, Hashable, Sendable {
        case allow, deny, pass, log

        public var verb: String {
            switch self {
            case .allow: "allows"
            case .deny: "denies"
            case .pass: "passes on to the next tier"
            case .log: "logs"
            }
        }
    }

    /// Felix spreads one rule of a policy over several.
    public enum Step: UInt8, Hashable, Sendable {
        /// Notes in a mark that a part of the conditions holds.
        case condition
        /// Its conditions hold: marks the packet, or drops it at once (up to v3.29).
        case decision
        /// Does what the mark says: returns or drops.
        case verdict
        /// Tells the flow log.
        case flowLog
    }

    /// Its place in the policy's own list of this direction, from 0. `nil` where rules before it can't be counted.
    public var index: Int?
    public var action: Action
    public var step: Step

    public init(index: Int?, action: Action, step: Step) {
        self.index = index
        self.action = action
        self.step = step
    }

    /// `rule 2`, counted from 1, as a person counts the list in the object.
    public var number: String { index.map { "rule \($0 + 1)" } ?? "a rule" }
}
