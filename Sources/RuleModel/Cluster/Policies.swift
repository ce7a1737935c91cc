public import NetTypes
public import SourceText

/// A network policy of Kubernetes' or Calico's.
public struct NetworkPolicy: Hashable, Sendable {
    public enum Kind: UInt8, Hashable, Sendable {
        /// `networking.k8s.io`'s NetworkPolicy.
        case kubernetes
        /// Calico's NetworkPolicy and GlobalNetworkPolicy.
        case calico, calicoGlobal
        /// Calico's that are not enforced, StagedKubernetesNetworkPolicy too.
        case staged, stagedGlobal, stagedKubernetes
        /// `policy.networking.k8s.io`'s.
        case admin, baselineAdmin, cluster
    }

    public var kind: Kind
    /// Empty for one that holds everywhere.
    public var namespace: String
    /// As the object has it. Calico's CRDs in `crd.projectcalico.org` write `default.name` for `name` up to v3.31.
    public var name: String
    /// `default` for Kubernetes' own; `adminnetworkpolicy` and `baselineadminnetworkpolicy` for those kinds.
    public var tier = "default"
    /// A smaller one comes first; `nil` comes last. AdminNetworkPolicy: its priority. Kubernetes' own: 1000, as Calico
    /// takes them.
    public var order: Double?
    /// Whether it says anything of packets to, and of packets from, the endpoints it selects.
    public var appliesToIngress = false
    public var appliesToEgress = false
    /// The endpoints it holds for: within `namespace` if there is one.
    public var selector = LabelSelector(text: "")
    public var namespaceSelector: LabelSelector?
    public var serviceAccountSelector: LabelSelector?
    public var ingress: [PolicyRule] = []
    public var egress: [PolicyRule] = []
    public var isUntracked = false
    public var isBeforeTranslation = false
    public var appliesOnForward = false
    public var place: Place

    public init(kind: Kind, namespace: String, name: String, place: Place) {
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.place = place
    }
}

/// One rule of a policy or profile. What is absent matches everything.
public struct PolicyRule: Hashable, Sendable {
    public enum Action: UInt8, Hashable, Sendable { case allow, deny, log, pass }

    public var action: Action
    public var `protocol`: Negatable<IPProtocol>?
    public var version: IPVersion?
    public var icmpType: UInt8?
    public var icmpCode: UInt8?
    public var source = PolicyPeer()
    public var destination = PolicyPeer()
    /// Of Kubernetes' rules: all ports, each with its protocol; one of them must fit. Empty: every port.
    public var ports: [PolicyPort] = []
    /// Whether it looks at HTTP, which rules can't.
    public var asksHTTP = false
    public var place: Place

    public init(_ action: Action, place: Place) {
        self.action = action
        self.place = place
    }
}

/// One side of a policy's rule. All conditions that are there must hold; `alternatives` are of Kubernetes' rules.
public struct PolicyPeer: Hashable, Sendable {
    public var nets: [IPPrefix] = []
    public var exceptNets: [IPPrefix] = []
    public var selector: LabelSelector?
    public var exceptSelector: LabelSelector?
    public var namespaceSelector: LabelSelector?
    public var serviceAccountSelector: LabelSelector?
    public var serviceAccounts: [String] = []
    /// A service, as `namespace/name`, whose backends are meant.
    public var service: String?
    public var domains: [String] = []
    public var ports: [PolicyPort] = []
    public var exceptPorts: [PolicyPort] = []
    /// `from` and `to` of Kubernetes' rules: one of these must hold. Empty: everything (where the rule has a list at
    /// all, it is never empty).
    public var alternatives: [PolicyPeer] = []

    public init() {}

    /// Whether it says nothing, so that everything matches.
    public var isEverything: Bool { self == PolicyPeer() }
}

/// One port, range of ports or named port of a policy's rule.
public struct PolicyPort: Hashable, Sendable {
    public enum Value: Hashable, Sendable {
        case range(PortRange)
        case name(String)
    }

    public var value: Value?
    /// Of Kubernetes' rules, where each port has its own.
    public var `protocol`: IPProtocol?

    public init(_ value: Value?, protocol: IPProtocol? = nil) {
        self.value = value
        self.protocol = `protocol`
    }
}

/// A tier of Calico's policies.
public struct Tier: Hashable, Sendable {
    public enum DefaultAction: UInt8, Hashable, Sendable { case deny, pass }

    public var name: String
    /// A smaller one comes first; `nil` comes last.
    public var order: Double?
    /// What becomes of packets to endpoints that a policy of this tier selects and none decides.
    public var defaultAction = DefaultAction.deny
    public var place: Place

    public init(name: String, place: Place) {
        self.name = name
        self.place = place
    }
}
