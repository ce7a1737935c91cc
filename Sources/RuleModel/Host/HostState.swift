public import NetTypes
public import SourceText

/// What a host's own tools told of it besides its rules. What was not in the input is `nil`, not empty: "no routes
/// known" and "no routes" lead to different answers.
public struct HostState: Hashable, Sendable {
    /// From `ip link` or `ip addr`, in their order.
    public var interfaces: [NetworkInterface] = []
    /// Whether links were in the input.
    public var knowsInterfaces = false
    /// Whether addresses of this version were in the input.
    public var knowsAddressesV4 = false
    public var knowsAddressesV6 = false
    public var routes: [Route] = []
    public var routesKnownV4 = RouteKnowledge.none
    public var routesKnownV6 = RouteKnowledge.none
    /// `nil`: not in the input; the kernel's three default rules are assumed.
    public var routingRulesV4: [RoutingRule]?
    public var routingRulesV6: [RoutingRule]?
    /// Names of routing tables by number, where the input has names. A name whose number the input does not tell has a
    /// number of 0x80000000 or more here.
    public var routingTableNames: [UInt32: Symbol] = [:]
    /// By which IPv6 chooses sources, the first that holds an address counting; `nil`: not in the input, and taken to be
    /// those that every kernel has from the start.
    public var addressLabels: [AddressLabel]?
    public var neighbours: [Neighbour] = []
    /// From `bridge fdb`: where bridges and VXLAN devices send frames.
    public var forwardingEntries: [ForwardingEntry] = []
    public var knowsForwardingEntries = false
    public var knowsNeighbours = false
    /// By dotted name, as `sysctl -a` prints it (`net.ipv4.conf.eth0.1.rp_filter` has slashes for dots in names).
    public var sysctls: [String: String] = [:]
    /// `nil`: not in the input.
    public var connections: [ConnectionEntry]?
    public var sets: [AddressSet] = []
    /// Whether an ipset dump was in the input: a set that is not in it then does not exist.
    public var knowsSets = false
    /// Sockets that listen, from `ss -lntup` or `netstat -lntup`.
    public var listeners: [Listener]?
    /// IPVS's, from `ipvsadm`; `nil`: not in the input.
    public var virtualServices: [VirtualService]?
    /// What the host calls itself, and its kernel's release; empty where the input does not tell.
    public var name = ""
    public var kernelRelease = ""
    /// Whether names and addresses were replaced: hashes that were made of them then match nothing.
    public var isRedacted = false
    /// What else on the host decides about packets.
    public var otherDeciders: [OtherDecider] = []
    public init() {}

    /// From so many settings on, one that is not there is taken to be none of the host's.
    public static let mostlyKnownSysctls = 20

    /// The interface named `name`.
    public func interface(_ name: Symbol) -> NetworkInterface? {
        for interface in interfaces where interface.name == name { return interface }
        return nil
    }

    public func knowsAddresses(_ version: IPVersion) -> Bool { version == .v4 ? knowsAddressesV4 : knowsAddressesV6 }

    public func routesKnown(_ version: IPVersion) -> RouteKnowledge {
        version == .v4 ? routesKnownV4 : routesKnownV6
    }

    public func routingRules(_ version: IPVersion) -> [RoutingRule]? {
        version == .v4 ? routingRulesV4 : routingRulesV6
    }
}

/// How much of the routing tables the input holds.
public enum RouteKnowledge: UInt8, Hashable, Sendable {
    case none
    /// `ip route` or `route -n`: the main table; local routes follow from the addresses.
    case mainTable
    /// `ip route show table all`.
    case allTables
}

/// One network interface.
public struct NetworkInterface: Hashable, Sendable {
    public var name: Symbol
    /// 0 where it is not known.
    public var index: UInt32 = 0
    public var isUp = true
    /// Whether `LOWER_UP`/`NO-CARRIER` was told.
    public var hasCarrier = true
    public var isLoopback = false
    public var isPointToPoint = false
    public var mtu: UInt32 = 1500
    public var mac: MACAddress?
    /// `vxlan`, `ipip`, `wireguard`, `bridge`, `veth`, … from `ip -d link`; `.other` where it is not known.
    public var kind = InterfaceKind.other
    /// The interface named behind its own (`va@vb`): the other end of a veth pair, or what a VLAN stands on.
    public var link: Symbol?
    /// The bridge or VRF it belongs to.
    public var master: Symbol?
    /// Whether this port of a bridge sends frames back that came by itself (`hairpin` of `ip -d link`); `nil` where that
    /// is not told.
    public var isHairpin: Bool?
    /// Whether this port of a bridge learns who is behind it; `nil` where that is not told.
    public var isLearning: Bool?
    /// Whether this port of a bridge passes frames on (`state forwarding`); `nil` where that is not told.
    public var isForwarding: Bool?
    /// Whether this port of a bridge sends nothing to others that are so too.
    public var isIsolated = false
    /// Whether this port of a bridge is sent what is for an address that the bridge does not know, or for many.
    public var takesUnknown = true
    public var takesMulticast = true
    public var takesBroadcast = true
    /// Whether this port of a bridge takes frames of known senders alone.
    public var isLocked = false
    /// Of a bridge by `ip -d link`: whether its frames pass iptables and ip6tables by its own setting, and whether it tells
    /// VLANs apart.
    public var callsIptables = false
    public var callsIp6tables = false
    public var filtersVLANs = false
    /// Whether flags say that it is a bond or a VRF, or belongs to a bond (`MASTER`, `SLAVE`).
    public var isMaster = false
    public var isSlave = false
    public var group: UInt32 = 0
    /// Whether the group was told by a name whose number is not known.
    public var hasUnknownGroup = false
    /// The routing table of a VRF.
    public var vrfTable: UInt32?
    public var addresses: [InterfaceAddress] = []
    /// Where tunnels lead, from `ip -d link` and `ip tunnel`.
    public var tunnel: TunnelParameters?
    public var place: Place

    public init(name: Symbol, place: Place) {
        self.name = name
        self.place = place
    }
}

public enum InterfaceKind: UInt8, Hashable, Sendable {
    case other, loopback, ethernet, bridge, veth, vxlan, ipip, gre, wireguard, vlan, vrf, tun, dummy, bond, sit, geneve
}

/// The outer side of a tunnel interface.
public struct TunnelParameters: Hashable, Sendable {
    public var local: IPAddress?
    public var remote: IPAddress?
    /// UDP port for VXLAN and WireGuard.
    public var port: UInt16?
    public var identifier: UInt32?
    /// The underlay device.
    public var device: Symbol?
    public var mark: UInt32 = 0
    /// Whether routes and programs choose the other end for each packet (`external`).
    public var isExternal = false
    /// Which outer packets may not be fragmented (`df` of VXLAN and Geneve).
    public var fragmenting = TunnelFragmenting.allowed
    public init() {}
}

/// Whether a tunnel's outer packets of IPv4 may be fragmented.
public enum TunnelFragmenting: UInt8, Hashable, Sendable {
    case allowed, forbidden
    /// As the packet inside may; one of IPv6 may not.
    case inherited
}

/// One address of an interface.
public struct InterfaceAddress: Hashable, Sendable {
    public var address: IPAddress
    /// Length of the subnet's prefix.
    public var prefixLength: UInt8
    /// The peer of a point-to-point address.
    public var peer: IPAddress?
    public var broadcast: IPAddress?
    public var scope = RouteScope.global
    /// Secondary of IPv4, temporary of IPv6: the kernel has one flag for both.
    public var isSecondary = false
    /// Deprecated, tentative: IPv6 only.
    public var isDeprecated = false
    public var isTentative = false

    public init(_ address: IPAddress, prefixLength: UInt8) {
        self.address = address
        self.prefixLength = prefixLength
    }

    public var prefix: IPPrefix { IPPrefix(peer ?? address, length: prefixLength) }
}

/// Scopes by their number in the kernel; a smaller number reaches further.
public enum RouteScope: UInt8, Hashable, Sendable {
    case global = 0
    case site = 200
    case link = 253
    case host = 254
    case nowhere = 255
}

/// One entry of `ip addrlabel`.
public struct AddressLabel: Hashable, Sendable {
    public var prefix: IPPrefix
    public var label: UInt32
    /// The interface that it is for; `nil`: all.
    public var interface: Symbol?

    public init(_ prefix: IPPrefix, label: UInt32, interface: Symbol? = nil) {
        self.prefix = prefix
        self.label = label
        self.interface = interface
    }
}

/// One neighbour (ARP or NDP) entry.
public struct Neighbour: Hashable, Sendable {
    public var address: IPAddress
    public var interface: Symbol
    public var mac: MACAddress?
    /// `FAILED` or `INCOMPLETE`: packets to it do not leave.
    public var isUnreachable = false
    public var place: Place

    public init(address: IPAddress, interface: Symbol, place: Place) {
        self.address = address
        self.interface = interface
        self.place = place
    }
}

/// One entry of a bridge's or VXLAN device's forwarding database.
public struct ForwardingEntry: Hashable, Sendable {
    /// All zeros: every address that has no entry of its own.
    public var mac: MACAddress
    public var interface: Symbol
    /// The other end of the tunnel, for VXLAN.
    public var destination: IPAddress?
    public var port: UInt16?
    public var identifier: UInt32?
    /// Whether a group of nexthops stands for the other end (`nhid`).
    public var isByNexthops = false
    public var place: Place

    public init(mac: MACAddress, interface: Symbol, place: Place) {
        self.mac = mac
        self.interface = interface
        self.place = place
    }
}

/// A socket that waits for packets.
public struct Listener: Hashable, Sendable {
    public var `protocol`: IPProtocol
    /// `nil`: any address, of `version` (or of both where `version` is `nil`).
    public var address: IPAddress?
    public var version: IPVersion?
    public var port: UInt16
    public var interface: Symbol?
    public var process: String
    public var place: Place

    public init(
        protocol: IPProtocol, address: IPAddress?, version: IPVersion?, port: UInt16, process: String, place: Place
    ) {
        self.protocol = `protocol`
        self.address = address
        self.version = version
        self.port = port
        self.process = process
        self.place = place
    }
}

/// Something outside the rules that decides about packets on this host.
public struct OtherDecider: Hashable, Sendable {
    public enum Kind: UInt8, Hashable, Sendable {
        case trafficControl, xdp, bpf, ipvs, openVSwitch, flowtable, xfrm, vrf, otherNamespace
    }

    public var kind: Kind
    /// What showed it: the line's text.
    public var evidence: String
    /// The interface it is bound to, if any.
    public var interface: Symbol?
    public var place: Place

    public init(_ kind: Kind, evidence: String, interface: Symbol? = nil, place: Place) {
        self.kind = kind
        self.evidence = evidence
        self.interface = interface
        self.place = place
    }
}
