public import NetTypes
public import SourceText

/// One session of the node's BGP daemon.
public struct BGPSession: Hashable, Sendable {
    /// `calicoctl node status`'s; BIRD's protocol names such as `Mesh_192_0_2_20` tell it too.
    public var peerAddress: IPAddress?
    /// `node-to-node mesh`, `global`, `node specific`; BIRD: the protocol's name.
    public var kind: String
    /// `up`, `start`, `down`.
    public var state: String
    public var since: String
    /// `Established`, `Connect`, `Active Socket: Connection refused`, …
    public var details: String
    public var place: Place

    public init(peerAddress: IPAddress?, kind: String, state: String, since: String, details: String, place: Place) {
        self.peerAddress = peerAddress
        self.kind = kind
        self.state = state
        self.since = since
        self.details = details
        self.place = place
    }

    public var isEstablished: Bool { state == "up" && details.hasPrefix("Established") }
}

/// A daemon of Calico's that `calicoctl node status` did not find among the processes, or could not ask.
public struct MissingDaemon: Hashable, Sendable {
    public enum Daemon: UInt8, Hashable, Sendable {
        /// Writes rules, sets and routes of pods.
        case felix
        /// Exchanges routes with other nodes, for IPv4, IPv6, or both.
        case birdV4, birdV6, bird
    }

    public var daemon: Daemon
    public var place: Place

    public init(_ daemon: Daemon, place: Place) {
        self.daemon = daemon
        self.place = place
    }
}

/// One line of `calicoctl ipam show --show-blocks`.
public struct AddressUsage: Hashable, Sendable {
    public enum Kind: UInt8, Hashable, Sendable { case pool, block }

    public var kind: Kind
    public var range: IPPrefix
    public var total: UInt64
    public var used: UInt64
    public var free: UInt64
    public var place: Place

    public init(kind: Kind, range: IPPrefix, total: UInt64, used: UInt64, free: UInt64, place: Place) {
        self.kind = kind
        self.range = range
        self.total = total
        self.used = used
        self.free = free
        self.place = place
    }
}

/// One route of the node's BGP daemon, from `birdcl show route`.
public struct BGPRoute: Hashable, Sendable {
    public var destination: IPPrefix
    /// `nil`: straight out of `interface`, or not at all.
    public var nextHop: IPAddress?
    /// Empty: none, for `blackhole` and `unreachable`.
    public var interface: String
    /// Such as `Mesh_192_0_2_20`, `kernel1`, `static1`.
    public var origin: String
    /// Whether it is the one in use among those to this destination.
    public var isChosen: Bool
    public var place: Place

    public init(
        destination: IPPrefix, nextHop: IPAddress?, interface: String, origin: String, isChosen: Bool, place: Place
    ) {
        self.destination = destination
        self.nextHop = nextHop
        self.interface = interface
        self.origin = origin
        self.isChosen = isChosen
        self.place = place
    }
}
