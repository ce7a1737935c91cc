public import NetTypes
public import SourceText

/// A virtual service of IPVS, from `ipvsadm -Ln` or `ipvsadm -Sn`.
public struct VirtualService: Hashable, Sendable {
    /// What packets it takes.
    public enum Key: Hashable, Sendable {
        case address(IPProtocol, IPAddress, port: UInt16)
        case mark(UInt32, IPVersion)
    }

    public var key: Key
    /// `rr`, `wrr`, `lc`, …
    public var scheduler: String
    /// `sh-fallback`, `flag-1`, …, as they were written.
    public var flags: [String] = []
    /// Seconds that a client stays with its backend; `nil`: not at all.
    public var persistence: UInt32?
    /// `ops`: each packet alone, without a connection.
    public var isOnePacket = false
    public var servers: [RealServer] = []
    public var place: Place

    public init(key: Key, scheduler: String, place: Place) {
        self.key = key
        self.scheduler = scheduler
        self.place = place
    }

    public var version: IPVersion {
        switch key {
        case .address(_, let address, _): address.version
        case .mark(_, let version): version
        }
    }
}

/// Where a virtual service leads.
public struct RealServer: Hashable, Sendable {
    /// How packets get there.
    public enum Method: UInt8, Hashable, Sendable { case masquerade, route, tunnel, local, bypass }

    public var address: IPAddress
    public var port: UInt16
    public var method: Method
    /// 0: no new connections.
    public var weight: UInt32
    public var place: Place

    public init(address: IPAddress, port: UInt16, method: Method, weight: UInt32, place: Place) {
        self.address = address
        self.port = port
        self.method = method
        self.weight = weight
        self.place = place
    }
}
