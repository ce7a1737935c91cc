internal import NetTypes
internal import RuleModel
internal import SourceText

/// What the routing tables are asked: the kernel's `struct flowi`.
struct RouteQuery: Hashable, Sendable {
    var destination: IPAddress
    /// `nil`: a local packet whose source is still to be chosen.
    var source: IPAddress?
    /// `nil`: made on this host; `ip rule`'s `iif lo` then holds.
    var inInterface: Symbol?
    /// Only where the interface is demanded, as by a socket bound to it: most packets have `nil`.
    var outInterface: Symbol?
    /// Among IPv6 routes to one prefix those by this interface come first, as for `-m rpfilter`.
    var preferredInterface: Symbol?
    var mark: UInt32 = 0
    var tos: UInt8 = 0
    var `protocol` = IPProtocol(0)
    var sourcePort: UInt16 = 0
    var destinationPort: UInt16 = 0
    /// The sending socket's user. Packets that no socket of this host sent have 0 (`sock_net_uid`); `nil`: not known.
    var userID: UInt32? = 0
    /// Fields whose values above are not known.
    var unknown: PacketFields = []
    /// Whether routes over links without carrier count even where `ignore_routes_with_linkdown` is set, as for
    /// `-m rpfilter`.
    var ignoresLinkState = false

    init(destination: IPAddress, source: IPAddress? = nil) {
        self.destination = destination
        self.source = source
    }

    /// What is asked for `packet` as it stands, come in by `inInterface` or made on this host.
    init(_ packet: Packet, inInterface: Symbol?) {
        destination = packet.destination
        source = packet.source
        self.inInterface = inInterface
        mark = packet.mark
        tos = packet.tos
        self.protocol = packet.protocol
        // Of a fragment no ports are read, though the first one has them: net/core/flow_dissector.c without
        // FLOW_DISSECTOR_F_PARSE_1ST_FRAG, Linux 6.18; observed there.
        let isFragment = packet.isFragment || packet.fragmentOffset > 0
        if !isFragment {
            sourcePort = packet.sourcePort
            destinationPort = packet.destinationPort
        }
        if !stopsAtFragmentHeader(packet) { takeSecurityIndex(packet, isFragment: isFragment && packet.version == .v4) }
        if inInterface == nil {
            userID = packet.userID ?? (packet.unknown.contains(.owner) || packet.hasSocket ? nil : 0)
        }
        unknown.formUnion(packet.unknown)
        if isFragment { unknown.subtract([.sourcePort, .destinationPort]) }
        if packet.sourcePortChoices != nil { unknown.insert(.sourcePort) }
    }

    /// Takes the protocol behind a fragment header of IPv6, whatever that is, and no ports: the kernel looks no farther,
    /// and not behind an AH before it. Source: net/core/flow_dissector.c `__skb_flow_dissect`, Linux 6.18; observed there.
    private mutating func stopsAtFragmentHeader(_ packet: Packet) -> Bool {
        guard let layout = PacketLayout(packet.bytes), layout.version == .v6,
            let header = layout.firstExtension(.fragment), header.offset < packet.bytes.count
        else { return false }
        if let other = layout.firstExtension(.ah), other.offset < header.offset { return false }
        // One that is cut off stands for itself.
        self.protocol = header.offset + 8 > packet.bytes.count ? .fragment : IPProtocol(packet.bytes[header.offset])
        (sourcePort, destinationPort) = (0, 0)
        return true
    }

    /// The index of ESP and AH stands where the kernel looks for ports, and AH is a transport of its own there.
    /// Source: net/core/flow_dissector.c, include/linux/in.h `proto_ports_offset`; observed on Linux 6.18.
    private mutating func takeSecurityIndex(_ packet: Packet, isFragment: Bool) {
        let layout = PacketLayout(packet.bytes)
        let header = layout?.firstExtension(.ah) ?? layout?.transport
        let kind = header?.kind ?? packet.protocol
        guard kind == .ah || kind == .esp, packet.version == .v6 || packet.fragmentOffset == 0 else { return }
        self.protocol = kind
        (sourcePort, destinationPort) = (0, 0)
        if isFragment { return }
        guard let header else {
            unknown.formUnion([.sourcePort, .destinationPort])
            return
        }
        let place = header.offset + (kind == .ah ? 4 : 0)
        guard place + 4 <= packet.bytes.count else { return }
        let index = packet.bytes[place..<place + 4].map { UInt16($0) }
        sourcePort = index[0] << 8 | index[1]
        destinationPort = index[2] << 8 | index[3]
    }

    /// Asks without a source port, whatever the packet has.
    mutating func takeNoSourcePort() {
        sourcePort = 0
        unknown.remove(.sourcePort)
    }

    /// Asks for `protocol` without ports, whatever the packet has.
    mutating func setTransport(_ protocol: IPProtocol) {
        self.protocol = `protocol`
        sourcePort = 0
        destinationPort = 0
        unknown.subtract([.protocol, .sourcePort, .destinationPort])
    }
}

/// What the routing tables say.
enum RouteResult: Hashable, Sendable {
    case found(RouteDecision)
    /// One of these, by a hash of the flow or by what the input does not tell.
    case several([RouteChoice])
    /// No rule and table has a route: the kernel answers "network is unreachable".
    case none
    /// The input does not tell; a sentence without a final stop.
    case unknown(String)
}

/// One of several results.
struct RouteChoice: Hashable, Sendable {
    /// `nil`: no route.
    var decision: RouteDecision?
    /// The next hop's weight; 0 where the choice is not by a hash of the flow.
    var weight: UInt32
    /// When it is this one: a sentence without a final stop.
    var condition: String
}

/// A route that was chosen.
struct RouteDecision: Hashable, Sendable {
    /// `nil` where an `ip rule` itself decides (`blackhole`, `unreachable`, `prohibit`).
    var route: Route?
    /// The `ip rule` that led to the table.
    var rule: RoutingRule
    /// `nil` for types that have none. A local packet to a `local` route goes over lo, whatever this says.
    var nextHop: NextHop?
    var type: RouteType
    /// 0 where no table was asked.
    var table: UInt32
    /// Whether the input lacks the routes, and this one follows from an interface's address.
    var followsFromAddress = false

    /// Whether it sends nothing on.
    var isRefusal: Bool {
        switch type {
        case .blackhole, .unreachable, .prohibit, .throw: true
        case .unicast, .local, .broadcast, .multicast, .anycast, .nat: false
        }
    }

    /// Whether a packet goes on alike.
    func leadsLike(_ other: RouteDecision) -> Bool {
        type == other.type && nextHop?.interface == other.nextHop?.interface
            && nextHop?.gateway == other.nextHop?.gateway && route?.source == other.route?.source
    }
}

extension Evaluator {
    /// Asks the routing policy and tables of `version`.
    func routeLookup(_ query: RouteQuery, _ version: IPVersion) -> RouteResult {
        RouteFinder(model, version).lookup(query)
    }

    /// The type that the local table gives `address`, of which `interface` must be the owner where it is given;
    /// `nil` where the input does not tell.
    func addressType(_ address: IPAddress, on interface: Symbol? = nil) -> RouteType? {
        RouteFinder(model, address.version).addressType(address, on: interface)
    }

    /// The source address that a local packet without one gets; `nil` where there is none or it is not known.
    func selectSource(for decision: RouteDecision, to destination: IPAddress) -> IPAddress? {
        RouteFinder(model, destination.version).selectSource(for: decision, to: destination)
    }
}
