public import NetTypes
public import SourceText

/// A range out of which Calico gives pods their addresses.
public struct IPPool: Hashable, Sendable {
    /// When packets between nodes are put into others.
    public enum Encapsulation: UInt8, Hashable, Sendable { case never, always, crossSubnet }

    public var name: String
    public var range: IPPrefix
    public var ipip = Encapsulation.never
    public var vxlan = Encapsulation.never
    public var masqueradesOutgoing = false
    /// Length of the prefix of a block.
    public var blockLength: UInt8
    public var isDisabled = false
    /// Of nodes, in Calico's language; empty: all.
    public var nodeSelector = ""
    public var place: Place

    public init(name: String, range: IPPrefix, place: Place) {
        self.name = name
        self.range = range
        self.place = place
        blockLength = range.address.version == .v4 ? 26 : 122
    }
}

/// An interface of a host that policies hold for.
public struct HostEndpoint: Hashable, Sendable {
    public var name: String
    public var node = ""
    /// `*`: every interface; empty: those with one of `addresses`.
    public var interface = ""
    public var addresses: [IPAddress] = []
    public var profiles: [String] = []
    public var labels: [Label] = []
    public var ports: [ContainerPort] = []
    public var place: Place

    public init(name: String, place: Place) {
        self.name = name
        self.place = place
    }
}

/// Calico's view of a pod's interface.
public struct WorkloadEndpoint: Hashable, Sendable {
    public var namespace: String
    public var name: String
    /// Empty for a workload that is no pod.
    public var pod = ""
    public var node = ""
    /// The host's side, such as `cali1234567890a`.
    public var interface = ""
    public var addresses: [IPAddress] = []
    public var profiles: [String] = []
    public var labels: [Label] = []
    public var place: Place

    public init(namespace: String, name: String, place: Place) {
        self.namespace = namespace
        self.name = name
        self.place = place
    }
}

/// Rules that hold for an endpoint where no policy does.
public struct Profile: Hashable, Sendable {
    public var name: String
    public var ingress: [PolicyRule] = []
    public var egress: [PolicyRule] = []
    public var labelsToApply: [Label] = []
    public var place: Place

    public init(name: String, place: Place) {
        self.name = name
        self.place = place
    }
}

/// Felix's settings, by the name the object has them under, such as `chainInsertMode`.
public struct FelixConfiguration: Hashable, Sendable {
    /// `default`, or `node.NAME`.
    public var name: String
    public var settings: [Setting] = []
    public var place: Place

    public init(name: String, place: Place) {
        self.name = name
        self.place = place
    }

    public struct Setting: Hashable, Sendable {
        public var key: String
        /// Numbers and words as they were written; lists and objects as JSON.
        public var value: String
        public var place: Place

        public init(key: String, value: String, place: Place) {
            self.key = key
            self.value = value
            self.place = place
        }
    }

    /// The value of `key`, in any case of its letters.
    public func value(_ key: String) -> String? {
        let wanted = key.lowercased()
        return settings.last { $0.key.lowercased() == wanted }?.value
    }
}

/// What Calico tells its BGP daemon.
public struct BGPConfiguration: Hashable, Sendable {
    public var name: String
    public var autonomousSystem = ""
    /// `nil`: not told, which means yes.
    public var hasNodeMesh: Bool?
    public var serviceClusterRanges: [IPPrefix] = []
    public var serviceExternalRanges: [IPPrefix] = []
    public var serviceLoadBalancerRanges: [IPPrefix] = []
    public var listenPort: UInt16?
    public var place: Place

    public init(name: String, place: Place) {
        self.name = name
        self.place = place
    }
}

/// A peer that Calico's nodes talk BGP to besides each other.
public struct BGPPeer: Hashable, Sendable {
    public var name: String
    /// Empty: all nodes, or those of `nodeSelector`.
    public var node = ""
    public var nodeSelector = ""
    public var peerAddress: IPAddress?
    /// In Calico's language; empty where `peerAddress` says it.
    public var peerSelector = ""
    public var autonomousSystem = ""
    public var place: Place

    public init(name: String, place: Place) {
        self.name = name
        self.place = place
    }
}

/// A block of addresses that belongs to one node.
public struct IPAMBlock: Hashable, Sendable {
    public var range: IPPrefix
    /// The node it belongs to; empty: none.
    public var node = ""
    /// How many of its addresses are given away; `nil`: not told.
    public var usedCount: Int?
    /// Addresses that pods have, where the block tells.
    public var owners: [AddressOwner] = []
    public var place: Place

    public init(range: IPPrefix, place: Place) {
        self.range = range
        self.place = place
    }
}

/// Who has an address of a block.
public struct AddressOwner: Hashable, Sendable {
    public var address: IPAddress
    /// Empty where it is no pod's.
    public var namespace: String
    public var pod: String
    public var node: String

    public init(address: IPAddress, namespace: String, pod: String, node: String) {
        self.address = address
        self.namespace = namespace
        self.pod = pod
        self.node = node
    }
}
