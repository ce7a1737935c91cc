/// What Kubernetes' and Calico's own objects say: the names and intentions behind the rules. All arrays are in the order
/// of the input, and an array is empty both where there are no such objects and where the input does not hold any.
public struct ClusterObjects: Hashable, Sendable {
    public var pods: [Pod] = []
    public var services: [Service] = []
    /// From EndpointSlices and Endpoints.
    public var endpointSets: [EndpointSet] = []
    public var nodes: [ClusterNode] = []
    public var namespaces: [Namespace] = []
    /// Kubernetes' and Calico's, staged ones too.
    public var policies: [NetworkPolicy] = []
    public var tiers: [Tier] = []
    /// Calico's sets of addresses that selectors name.
    public var networkSets: [NetworkSet] = []
    public var pools: [IPPool] = []
    public var hostEndpoints: [HostEndpoint] = []
    public var workloadEndpoints: [WorkloadEndpoint] = []
    public var profiles: [Profile] = []
    /// One named `default`, and one named `node.NAME` for each node that differs.
    public var felixConfigurations: [FelixConfiguration] = []
    public var bgpConfigurations: [BGPConfiguration] = []
    public var bgpPeers: [BGPPeer] = []
    public var addressBlocks: [IPAMBlock] = []
    /// What `calicoctl node status` or `birdcl show protocols` says of this node's sessions; `nil`: not in the input.
    public var bgpSessions: [BGPSession]?
    /// What `calicoctl node status` misses on this node.
    public var missingDaemons: [MissingDaemon] = []
    /// What `birdcl show route` says; `nil`: not in the input.
    public var bgpRoutes: [BGPRoute]?
    /// What `calicoctl ipam show --show-blocks` says; `nil`: not in the input.
    public var addressUsage: [AddressUsage]?
    /// Which kinds of objects there were and are not kept here, with how many of each, in the order of the input.
    public var otherKinds: [ObjectCount] = []
    /// Kinds of which the input holds a list, even an empty one, such as `Pod`: that none is there then means something.
    public var listedKinds: [String] = []

    public init() {}

    /// Whether nothing of a cluster is known. Objects of other kinds are nothing.
    public var isEmpty: Bool {
        pods.isEmpty && services.isEmpty && endpointSets.isEmpty && nodes.isEmpty && namespaces.isEmpty
            && policies.isEmpty && tiers.isEmpty && networkSets.isEmpty && pools.isEmpty && hostEndpoints.isEmpty
            && workloadEndpoints.isEmpty && profiles.isEmpty && felixConfigurations.isEmpty
            && bgpConfigurations.isEmpty && bgpPeers.isEmpty && addressBlocks.isEmpty && bgpSessions == nil
            && missingDaemons.isEmpty && bgpRoutes == nil && addressUsage == nil
    }
}

/// How many objects of one kind there were.
public struct ObjectCount: Hashable, Sendable {
    public var kind: String
    public var count: Int

    public init(kind: String, count: Int) {
        self.kind = kind
        self.count = count
    }
}

/// One label of an object.
public struct Label: Hashable, Sendable {
    public var key: String
    public var value: String

    public init(_ key: String, _ value: String) {
        self.key = key
        self.value = value
    }
}

/// A selector over labels.
public struct LabelSelector: Hashable, Sendable {
    /// Calico's as it was written; Kubernetes' as kubectl prints it: `app=web,tier in (a,b),!old`. Empty: everything.
    public var text: String
    /// What all must hold, for a selector of Kubernetes'; `nil` for one in Calico's language.
    public var requirements: [LabelRequirement]?

    /// A selector in Calico's language.
    public init(text: String) { self.text = text }

    /// A selector of Kubernetes'.
    public init(requirements: [LabelRequirement]) {
        self.requirements = requirements
        var text = ""
        for requirement in requirements {
            if !text.isEmpty { text += "," }
            text += requirement.text
        }
        self.text = text
    }

    /// Whether an object with these labels is selected; `nil` for a selector in Calico's language.
    public func selects(_ labels: [Label]) -> Bool? {
        guard let requirements else { return nil }
        for requirement in requirements where !requirement.holds(for: labels) { return false }
        return true
    }
}

/// One condition of a selector of Kubernetes'.
public struct LabelRequirement: Hashable, Sendable {
    public enum Relation: UInt8, Hashable, Sendable {
        case isIn, isNotIn, exists, doesNotExist
    }

    public var key: String
    public var relation: Relation
    public var values: [String]

    public init(key: String, relation: Relation, values: [String]) {
        self.key = key
        self.relation = relation
        self.values = values
    }

    /// A label's absence satisfies `NotIn`.
    public func holds(for labels: [Label]) -> Bool {
        let value = labels.last { $0.key == key }?.value
        switch relation {
        case .isIn: return value.map { values.contains($0) } ?? false
        case .isNotIn: return value.map { !values.contains($0) } ?? true
        case .exists: return value != nil
        case .doesNotExist: return value == nil
        }
    }

    fileprivate var text: String {
        switch relation {
        case .isIn where values.count == 1: key + "=" + (values.first ?? "")
        case .isIn: key + " in (" + list + ")"
        case .isNotIn where values.count == 1: key + "!=" + (values.first ?? "")
        case .isNotIn: key + " notin (" + list + ")"
        case .exists: key
        case .doesNotExist: "!" + key
        }
    }

    private var list: String {
        var text = ""
        for value in values { text += text.isEmpty ? value : "," + value }
        return text
    }
}
