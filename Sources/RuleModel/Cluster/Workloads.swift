public import NetTypes
public import SourceText

/// A pod, as `kubectl get pods` has it.
public struct Pod: Hashable, Sendable {
    public var namespace: String
    public var name: String
    /// `status.podIPs`, the main one first.
    public var addresses: [IPAddress] = []
    /// The node it runs on; empty while it is not scheduled.
    public var node = ""
    /// Whether it shares the node's network: its addresses are then the node's.
    public var isHostNetwork = false
    public var labels: [Label] = []
    public var ports: [ContainerPort] = []
    /// `Running`, `Pending`, `Succeeded`, `Failed`, `Unknown`; empty where it is not told. Addresses of pods that
    /// succeeded or failed may belong to others by now.
    public var phase = ""
    /// From the condition `Ready`; `nil`: not told.
    public var isReady: Bool?
    public var serviceAccount = ""
    public var place: Place

    public init(namespace: String, name: String, place: Place) {
        self.namespace = namespace
        self.name = name
        self.place = place
    }

    /// Whether it no longer runs, so that its addresses say nothing.
    public var isFinished: Bool { phase == "Succeeded" || phase == "Failed" }
}

/// A port that a container declares.
public struct ContainerPort: Hashable, Sendable {
    /// Empty where it has none.
    public var name: String
    public var number: UInt16
    public var `protocol`: IPProtocol
    /// The node's port that leads here (CNI portmap), if any.
    public var hostPort: UInt16?
    public var hostAddress: IPAddress?

    public init(name: String, number: UInt16, protocol: IPProtocol) {
        self.name = name
        self.number = number
        self.protocol = `protocol`
    }
}

/// A node of the cluster, from Kubernetes' or Calico's Node object.
public struct ClusterNode: Hashable, Sendable {
    public enum Source: UInt8, Hashable, Sendable { case kubernetes, calico }

    public var name: String
    public var source: Source
    /// Kubernetes: each `InternalIP` and `ExternalIP`. Calico: those of `spec.bgp`.
    public var addresses: [NodeAddress] = []
    /// Kubernetes' ranges for its pods; Calico may not use them.
    public var podRanges: [IPPrefix] = []
    /// `nil`: not told.
    public var isReady: Bool?
    public var labels: [Label] = []
    /// Addresses of its tunnel devices: Calico's `ipv4VXLANTunnelAddr`, `ipv4IPIPTunnelAddr`, `wireguard`; flannel's
    /// `public-ip` is none of them.
    public var tunnelAddresses: [IPAddress] = []
    public var autonomousSystem = ""
    /// How flannel carries packets between nodes: `vxlan`, `host-gw`; empty where it does not, or is not told to.
    public var flannelBackend = ""
    public var place: Place

    public init(name: String, source: Source, place: Place) {
        self.name = name
        self.source = source
        self.place = place
    }
}

/// One address of a node and what it is for.
public struct NodeAddress: Hashable, Sendable {
    public enum Kind: UInt8, Hashable, Sendable { case `internal`, external, bgp }

    public var kind: Kind
    public var address: IPAddress

    public init(_ kind: Kind, _ address: IPAddress) {
        self.kind = kind
        self.address = address
    }
}

/// A namespace of Kubernetes'.
public struct Namespace: Hashable, Sendable {
    public var name: String
    public var labels: [Label] = []
    public var place: Place

    public init(name: String, place: Place) {
        self.name = name
        self.place = place
    }
}

/// A set of addresses with labels: Calico's NetworkSet or GlobalNetworkSet.
public struct NetworkSet: Hashable, Sendable {
    /// Empty: global.
    public var namespace: String
    public var name: String
    public var labels: [Label] = []
    public var nets: [IPPrefix] = []
    public var place: Place

    public init(namespace: String, name: String, place: Place) {
        self.namespace = namespace
        self.name = name
        self.place = place
    }
}
