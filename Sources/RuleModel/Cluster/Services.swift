public import NetTypes
public import SourceText

/// A service, as `kubectl get services` has it.
public struct Service: Hashable, Sendable {
    public enum Kind: UInt8, Hashable, Sendable { case clusterIP, nodePort, loadBalancer, externalName, other }

    public var namespace: String
    public var name: String
    public var kind = Kind.clusterIP
    /// Empty for a headless service.
    public var clusterAddresses: [IPAddress] = []
    /// `clusterIP: None`.
    public var isHeadless = false
    public var externalAddresses: [IPAddress] = []
    /// `status.loadBalancer.ingress`.
    public var loadBalancerAddresses: [IPAddress] = []
    public var sourceRanges: [IPPrefix] = []
    public var ports: [ServicePort] = []
    public var internalPolicy = TrafficPolicy.cluster
    public var externalPolicy = TrafficPolicy.cluster
    /// `sessionAffinity: ClientIP`, with its time in seconds; `nil`: none.
    public var affinitySeconds: UInt32?
    public var healthCheckPort: UInt16?
    public var selector = LabelSelector(requirements: [])
    public var place: Place

    public init(namespace: String, name: String, place: Place) {
        self.namespace = namespace
        self.name = name
        self.place = place
    }
}

/// Whether a service leads to every backend or only to those on the node that a packet reaches.
public enum TrafficPolicy: UInt8, Hashable, Sendable { case cluster, local }

/// One port of a service.
public struct ServicePort: Hashable, Sendable {
    /// Empty where the service has one port only.
    public var name: String
    public var number: UInt16
    public var `protocol`: IPProtocol
    public var nodePort: UInt16?
    /// The backend's port, by number or by name.
    public var target: TargetPort?

    public init(name: String, number: UInt16, protocol: IPProtocol) {
        self.name = name
        self.number = number
        self.protocol = `protocol`
    }
}

/// A port of a pod.
public enum TargetPort: Hashable, Sendable {
    case number(UInt16)
    case name(String)
}

/// Backends of one service: an EndpointSlice, or one subset of an Endpoints object.
public struct EndpointSet: Hashable, Sendable {
    public enum Source: UInt8, Hashable, Sendable { case endpointSlice, endpoints }

    public var source: Source
    public var namespace: String
    /// The service's name; empty where the slice names none.
    public var service: String
    public var ports: [EndpointPort] = []
    public var endpoints: [ServiceEndpoint] = []
    public var place: Place

    public init(source: Source, namespace: String, service: String, place: Place) {
        self.source = source
        self.namespace = namespace
        self.service = service
        self.place = place
    }
}

/// A port of all backends of an `EndpointSet`.
public struct EndpointPort: Hashable, Sendable {
    /// The name of the service's port; empty where it has none.
    public var name: String
    /// `nil`: every port.
    public var number: UInt16?
    public var `protocol`: IPProtocol

    public init(name: String, number: UInt16?, protocol: IPProtocol) {
        self.name = name
        self.number = number
        self.protocol = `protocol`
    }
}

/// One backend.
public struct ServiceEndpoint: Hashable, Sendable {
    public var addresses: [IPAddress]
    /// Empty where it is not told.
    public var node = ""
    /// Not told counts as ready, as in Kubernetes.
    public var isReady = true
    /// `nil`: not told; then as `isReady`.
    public var isServing: Bool?
    public var isTerminating = false
    /// The pod behind it; empty for another thing.
    public var pod = ""
    public var place: Place

    public init(addresses: [IPAddress], place: Place) {
        self.addresses = addresses
        self.place = place
    }
}
