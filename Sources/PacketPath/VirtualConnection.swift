public import NetTypes
public import RuleModel

/// What IPVS remembers of a flow: whose packets go to which real server.
public struct VirtualConnection: Hashable, Sendable {
    public var `protocol`: IPProtocol
    public var client: IPAddress
    public var clientPort: UInt16
    /// What the client asks for.
    public var address: IPAddress
    public var port: UInt16
    public var server: IPAddress
    public var serverPort: UInt16
    public var method: RealServer.Method
    /// Whether conntrack goes on with the packets (`net.ipv4.vs.conntrack`, as it was when the flow began).
    public var isTracked = true
    /// The service keeps its clients with their servers: connections have one that controls them.
    public var isPersistent = false

    init(_ packet: Packet, _ server: RealServer, isTracked: Bool) {
        self.protocol = packet.protocol
        client = packet.source
        clientPort = packet.sourcePort
        address = packet.destination
        port = packet.destinationPort
        self.server = server.address
        // A server without a port has the client's: Source: net/netfilter/ipvs/ip_vs_core.c `ip_vs_schedule`.
        serverPort = server.port == 0 ? packet.destinationPort : server.port
        method = server.method
        self.isTracked = isTracked
    }

    /// The connection that `entry` of conntrack's table belongs to.
    init(_ entry: ConnectionEntry, _ method: RealServer.Method) {
        self.protocol = entry.original.protocol
        client = entry.original.source
        clientPort = entry.original.sourcePort
        address = entry.original.destination
        port = entry.original.destinationPort
        server = entry.reply.source
        serverPort = entry.reply.sourcePort
        self.method = method
    }

    /// Whether `packet` is one of the client's, as it came.
    func isAsked(by packet: Packet) -> Bool {
        packet.protocol == self.protocol && packet.source == client && packet.sourcePort == clientPort
            && packet.destination == address && packet.destinationPort == port
    }

    /// Whether `packet` goes between the client and the real server: one of the client's behind IPVS, or turned round
    /// one of the server's before it.
    func isPassed(from packet: Packet, isReply: Bool) -> Bool {
        guard packet.protocol == self.protocol else { return false }
        if isReply {
            return packet.source == server && packet.sourcePort == serverPort && packet.destination == client
                && packet.destinationPort == clientPort
        }
        return packet.source == client && packet.sourcePort == clientPort && packet.destination == server
            && packet.destinationPort == serverPort
    }
}

/// What IPVS did with a packet.
public struct VirtualServiceStep: Hashable, Sendable {
    public enum Act: UInt8, Hashable, Sendable {
        /// It goes to a real server.
        case request
        /// It comes from a real server, and gets the virtual address as its source.
        case reply
        /// There is no server to send it to.
        case refused
        /// It is of a connection whose server the service does not have any more.
        case gone

        public var name: String {
            switch self {
            case .request: "request"
            case .reply: "reply"
            case .refused: "refused"
            case .gone: "gone"
            }
        }
    }

    public var act: Act
    public var `protocol`: IPProtocol
    /// The virtual service's address and port as the packet has them.
    public var address: IPAddress
    public var port: UInt16
    /// The mark that the service goes by, where it does not go by an address.
    public var mark: UInt32?
    /// The scheduler that chose among the servers; `nil` where the service is not known, as for replies.
    public var scheduler: String?
    public var server: IPAddress?
    public var serverPort: UInt16 = 0
    public var method = RealServer.Method.masquerade
    /// Whether a connection that IPVS already had says so.
    public var isFromConnection = false
    /// The line of the service in the input.
    public var service: VirtualService?

    init(_ act: Act, _ packet: Packet) {
        self.act = act
        self.protocol = packet.protocol
        address = packet.destination
        port = packet.destinationPort
    }

    init(_ act: Act, _ connection: VirtualConnection) {
        self.act = act
        self.protocol = connection.protocol
        address = connection.address
        port = connection.port
        server = connection.server
        serverPort = connection.serverPort
        method = connection.method
    }

    mutating func take(_ service: VirtualService) {
        self.service = service
        scheduler = service.scheduler
        if case .mark(let mark, _) = service.key { self.mark = mark }
    }
}

extension RealServer.Method {
    /// As `ipvsadm` calls it on its options, in words.
    public var word: String {
        switch self {
        case .masquerade: "masquerade"
        case .route: "route"
        case .tunnel: "tunnel"
        case .local: "local"
        case .bypass: "bypass"
        }
    }

    /// `IP_VS_CONN_F_MASQ` and so on. Source: include/uapi/linux/ip_vs.h.
    var number: UInt8 {
        switch self {
        case .masquerade: 0
        case .local: 1
        case .tunnel: 2
        case .route: 3
        case .bypass: 4
        }
    }
}
