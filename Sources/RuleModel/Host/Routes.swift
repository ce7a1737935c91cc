public import NetTypes
public import SourceText

/// What a route does with a packet that it matches.
public enum RouteType: UInt8, Hashable, Sendable {
    case unicast, local, broadcast, anycast, multicast, blackhole, unreachable, prohibit, `throw`, nat
}

/// One route of one table.
public struct Route: Hashable, Sendable {
    public var destination: IPPrefix
    public var type = RouteType.unicast
    /// 255 local, 254 main, 253 default.
    public var table: UInt32 = RoutingRule.mainTable
    public var nextHops: [NextHop] = []
    /// The preferred source (`src`).
    public var source: IPAddress?
    /// Smaller is preferred.
    public var metric: UInt32 = 0
    public var scope = RouteScope.global
    /// The type-of-service byte it is for, 0 for any.
    public var tos: UInt8 = 0
    public var mtu: UInt32?
    /// Whether `mtu lock` was given: the path's own limit does not lower it.
    public var isMTULocked = false
    /// Source prefix of a source-specific IPv6 route (`from`).
    public var from: IPPrefix?
    /// Whether a router has announced it (`proto ra`): IPv6 takes no two of those for one route with several next hops.
    public var isAnnounced = false
    /// `pref` of IPv6: -1 low, 0 medium, 1 high.
    public var preference: Int8 = 0
    /// Whether its next hops are those of a nexthop object (`nhid`).
    public var isByNextHopObject = false
    public var place: Place

    public init(destination: IPPrefix, place: Place) {
        self.destination = destination
        self.place = place
    }

    /// The first next hop's interface.
    public var interface: Symbol? { nextHops.first?.interface }
}

/// One way on: a gateway, an interface, or both.
public struct NextHop: Hashable, Sendable {
    public var gateway: IPAddress?
    public var interface: Symbol?
    public var isOnLink = false
    /// The kernel's flag `dead`: not used.
    public var isDead = false
    /// The kernel's flag `linkdown`: used all the same, unless `ignore_routes_with_linkdown` is set, and then `dead`
    /// is there too. Observed on Linux 6.18.
    public var isLinkDown = false
    public var weight: UInt32 = 1
    /// `realms FROM/TO` as one number, FROM in its upper half; 0 is none. `nil`: a name whose number is not known.
    public var realm: UInt32? = 0
    /// `encap …` of lightweight tunnels, word for word; empty for none.
    public var encapsulation: Symbol = .empty

    public init(gateway: IPAddress? = nil, interface: Symbol? = nil) {
        self.gateway = gateway
        self.interface = interface
    }
}

/// One rule of the routing policy (`ip rule`).
public struct RoutingRule: Hashable, Sendable {
    public enum Action: Hashable, Sendable {
        case lookup(table: UInt32)
        case blackhole, unreachable, prohibit, nop
        /// To the rule of this priority.
        case goto(priority: UInt32)
        /// `l3mdev`: the table of the VRF.
        case vrf
    }

    public static let localTable: UInt32 = 255
    public static let mainTable: UInt32 = 254
    public static let defaultTable: UInt32 = 253

    public var priority: UInt32
    public var isNegated = false
    public var from: IPPrefix?
    public var to: IPPrefix?
    public var inInterface: Symbol?
    public var outInterface: Symbol?
    public var mark: MaskedWord?
    public var tos: UInt8 = 0
    public var `protocol`: IPProtocol?
    public var sourcePorts: PortRange?
    public var destinationPorts: PortRange?
    public var users: NumberRange<UInt32>?
    /// `suppress_prefixlength N`: a route this short or shorter counts as none.
    public var suppressedPrefixLength: UInt8?
    /// `suppress_ifgroup N`: a route by an interface of this group counts as none.
    public var suppressedGroup: UInt32?
    /// `realms FROM/TO` as with next hops.
    public var realm: UInt32? = 0
    /// Parts of the rule that this program does not read, word for word; such a rule answers perhaps.
    public var unknownPart: Symbol = .empty
    public var action: Action
    public var place: Place

    public init(priority: UInt32, action: Action, place: Place) {
        self.priority = priority
        self.action = action
        self.place = place
    }

    /// What a kernel has from the start: local, main, default (IPv6: without default).
    public static func defaults(_ version: IPVersion) -> [RoutingRule] {
        var rules = [
            RoutingRule(priority: 0, action: .lookup(table: localTable), place: .none),
            RoutingRule(priority: 32766, action: .lookup(table: mainTable), place: .none),
        ]
        if version == .v4 {
            rules.append(RoutingRule(priority: 32767, action: .lookup(table: defaultTable), place: .none))
        }
        return rules
    }
}
