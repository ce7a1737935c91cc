internal import CNetfilter
internal import Glibc
public import KernelLink
public import NetTypes
internal import NetlinkBytes

/// The links, addresses and neighbours of a namespace, as the kernel itself has them.
public struct NodeView: Sendable {
    public struct Link: Hashable, Sendable {
        public var index: UInt32
        public var name = ""
        /// `bridge`, `vxlan`, `tun`, …; empty for `lo`.
        public var kind = ""
        public var hardware: MACAddress?
        /// The bridge that it is a port of.
        public var bridge: UInt32?
        public var tunnel: Tunnel?
    }

    /// What a VXLAN device puts around a packet.
    public struct Tunnel: Hashable, Sendable {
        public var id: UInt32 = 0
        public var local: IPAddress?
        /// The link below, where it is told.
        public var below: UInt32?
        public var port: UInt16 = 8472
        /// The other ends, in the kernel's order.
        public var peers: [IPAddress] = []
    }

    private struct Neighbour: Hashable {
        var address: IPAddress
        var link: UInt32
    }

    private struct Station: Hashable {
        var hardware: MACAddress
        var bridge: UInt32
    }

    public private(set) var links: [UInt32: Link] = [:]
    public private(set) var ownAddresses: Set<IPAddress> = []
    public private(set) var broadcasts: Set<IPAddress> = []
    private var neighbours: [Neighbour: MACAddress] = [:]
    private var ports: [Station: UInt32] = [:]
    private var numbers: [String: UInt32] = [:]

    public init() {}

    /// Reads all of this namespace, over a socket of the `route` bus.
    public init(_ socket: inout NetlinkSocket) throws(LabFailure) {
        for payload in try Self.dump(&socket, RTM_GETLINK, 16) { add(link: payload.span) }
        for payload in try Self.dump(&socket, RTM_GETADDR, 8) { add(address: payload.span) }
        for payload in try Self.dump(&socket, RTM_GETNEIGH, 12) { add(neighbour: payload.span) }
        let bridge = try Self.dump(&socket, RTM_GETNEIGH, 12, family: UInt8(PF_BRIDGE))
        for payload in bridge { add(forwarding: payload.span) }
    }

    fileprivate static func dump(
        _ socket: inout NetlinkSocket, _ type: some BinaryInteger, _ size: Int, family: UInt8 = 0
    ) throws(LabFailure) -> [[UInt8]] {
        let header = [family] + [UInt8](repeating: 0, count: size - 1)
        return try socket.dump(NetlinkRequest(type: Int(type), header: header), "links")
    }

    /// The UDP ports by which a tunnel's packet is known.
    public var tunnelPorts: Set<UInt16> { Set(links.values.compactMap { $0.tunnel?.port }) }

    public func link(_ name: String) -> Link? { numbers[name].flatMap { links[$0] } }

    public func name(_ index: UInt32) -> String { links[index]?.name ?? "" }

    /// The bridge that `name` is a port of, or itself: where the packet's interface is for the rules.
    public func master(_ name: String) -> String {
        guard let bridge = link(name)?.bridge, let link = links[bridge] else { return name }
        return link.name
    }

    /// The hardware address of a neighbour.
    public func hardware(of address: IPAddress, on link: String) -> MACAddress? {
        numbers[link].flatMap { neighbours[Neighbour(address: address, link: $0)] }
    }

    /// The port of a bridge behind which a hardware address is known to be.
    public func port(of hardware: MACAddress, on bridge: String) -> String? {
        guard let bridge = numbers[bridge], let port = ports[Station(hardware: hardware, bridge: bridge)] else {
            return nil
        }
        return links[port]?.name
    }

    /// The names of a bridge's ports, the oldest first.
    public func ports(of bridge: String) -> [String] {
        guard let number = numbers[bridge] else { return [] }
        return links.values.filter { $0.bridge == number }.sorted { $0.index < $1.index }.map(\.name)
    }

    mutating func add(link payload: Span<UInt8>) {
        var link = Link(index: payload.native(UInt32.self, at: 4))
        // ARPHRD_ETHER
        let isEthernet = payload.native(UInt16.self, at: 2) == 1
        var walk = AttributeWalk(payload, after: 16)
        while let attribute = walk.next(in: payload) {
            let value = attribute.value
            switch Int(attribute.type) {
            case Int(IFLA_ADDRESS):
                if isEthernet { link.hardware = MACAddress(bits: payload.bigEndian(value)) }
            case Int(IFLA_IFNAME): link.name = payload.text(value)
            case Int(IFLA_MASTER): link.bridge = payload.native(UInt32.self, at: value.lowerBound)
            case Int(IFLA_LINKINFO):
                var inner = AttributeWalk(value)
                while let part = inner.next(in: payload) {
                    if part.type == Int(IFLA_INFO_KIND) { link.kind = payload.text(part.value) }
                    if part.type == Int(IFLA_INFO_DATA), link.kind == "vxlan" {
                        link.tunnel = Self.tunnel(payload, part.value)
                    }
                }
            default: break
            }
        }
        links[link.index] = link
        numbers[link.name] = link.index
    }

    private static func tunnel(_ payload: Span<UInt8>, _ range: Range<Int>) -> Tunnel {
        var tunnel = Tunnel()
        var walk = AttributeWalk(range)
        while let part = walk.next(in: payload) {
            // Source: IFLA_VXLAN_… of include/uapi/linux/if_link.h.
            switch part.type {
            case 1: tunnel.id = payload.native(UInt32.self, at: part.value.lowerBound)
            case 2, 16:
                if let group = IPAddress(wire: payload, part.value), !group.isZero { tunnel.peers.append(group) }
            case 3: tunnel.below = payload.native(UInt32.self, at: part.value.lowerBound)
            case 4, 17: tunnel.local = IPAddress(wire: payload, part.value)
            case 15: tunnel.port = UInt16(truncatingIfNeeded: payload.bigEndian(part.value))
            default: break
            }
        }
        if tunnel.below == 0 { tunnel.below = nil }
        return tunnel
    }

    mutating func add(address payload: Span<UInt8>) {
        var walk = AttributeWalk(payload, after: 8)
        var own: IPAddress?
        while let attribute = walk.next(in: payload) {
            let address = IPAddress(wire: payload, attribute.value)
            switch attribute.type {
            // With a peer IFA_ADDRESS is the peer's and IFA_LOCAL, which comes later, our own.
            case Int(IFA_ADDRESS), Int(IFA_LOCAL): own = address ?? own
            case Int(IFA_BROADCAST): if let address { broadcasts.insert(address) }
            default: break
            }
        }
        if let own { ownAddresses.insert(own) }
    }

    mutating func add(neighbour payload: Span<UInt8>) {
        let found = Self.neighbour(payload)
        guard let address = found.address, let hardware = found.hardware else { return }
        neighbours[Neighbour(address: address, link: found.link)] = hardware
    }

    mutating func add(forwarding payload: Span<UInt8>) {
        let found = Self.neighbour(payload)
        if let peer = found.address { links[found.link]?.tunnel?.peers.append(peer) }
        // Not the port's own address, which the kernel lists as permanent (NUD_PERMANENT).
        guard let hardware = found.hardware, let bridge = links[found.link]?.bridge, found.state & 0x80 == 0 else {
            return
        }
        ports[Station(hardware: hardware, bridge: bridge)] = found.link
    }

    fileprivate static func neighbour(
        _ payload: Span<UInt8>
    ) -> (link: UInt32, state: UInt16, address: IPAddress?, hardware: MACAddress?) {
        var address: IPAddress?
        var hardware: MACAddress?
        var walk = AttributeWalk(payload, after: 12)
        while let attribute = walk.next(in: payload) {
            if attribute.type == Int(NDA_DST) { address = IPAddress(wire: payload, attribute.value) }
            if attribute.type == Int(NDA_LLADDR), attribute.value.count == 6 {
                hardware = MACAddress(bits: payload.bigEndian(attribute.value))
            }
        }
        return (payload.native(UInt32.self, at: 4), payload.native(UInt16.self, at: 8), address, hardware)
    }
}

/// Where the routes lead.
public struct KernelRoute: Hashable, Sendable {
    public var link: UInt32
    /// The source address that the host itself would take.
    public var source: IPAddress?
    /// Of IPv6 the table that it stands in (255: local); for a number over 255, 252.
    var table: UInt8 = 0
}

extension NetlinkSocket {
    /// The route that a packet of the host's own to `destination` takes; `nil` where there is none.
    public mutating func route(to destination: IPAddress, mark: UInt32 = 0) -> KernelRoute? {
        let isSix = destination.version == .v6
        var header = [UInt8(isSix ? AF_INET6 : AF_INET), UInt8(destination.version.addressBits)]
        header += [UInt8](repeating: 0, count: 10)
        var request = NetlinkRequest(type: Int(RTM_GETROUTE), header: header)
        // RTA_DST, RTA_MARK, RTA_OIF, RTA_PREFSRC
        request.put(1, destination.bytes)
        if mark != 0 { request.put(16, native: mark) }
        var answer: [UInt8]?
        do throws(LabFailure) {
            answer = try get(request).first
        } catch {
            // ENETUNREACH and its like are the answer.
            return nil
        }
        guard let answer else { return nil }
        var found: KernelRoute?
        var source: IPAddress?
        let span = answer.span
        var walk = AttributeWalk(span, after: 12)
        while let attribute = walk.next(in: span) {
            if attribute.type == 4 {
                found = KernelRoute(link: span.native(UInt32.self, at: attribute.value.lowerBound))
            }
            if attribute.type == 7 { source = IPAddress(wire: span, attribute.value) }
        }
        found?.source = source
        // rtm_table of struct rtmsg.
        if span.count > 4 { found?.table = span[4] }
        return found
    }

    /// Makes a neighbour known for good.
    mutating func setNeighbour(_ address: IPAddress, _ hardware: MACAddress, link: UInt32) throws(LabFailure) {
        var header: [UInt8] = [UInt8(address.version == .v6 ? AF_INET6 : AF_INET), 0, 0, 0]
        header.append(native: link)
        // NUD_PERMANENT
        header.append(native: UInt16(0x80))
        header += [0, 0]
        var request = NetlinkRequest(
            type: Int(RTM_NEWNEIGH), flags: Int(NLM_F_CREATE | NLM_F_REPLACE), header: header)
        request.put(Int(NDA_DST), address.bytes)
        request.put(Int(NDA_LLADDR), hardware.bytes)
        try perform(request, "neighbour")
    }

    /// Tells of every neighbour on `link` that packets wait for; whether there was one. A link without a link-local address
    /// asks for none of IPv6.
    mutating func tellNeighbours(
        _ version: IPVersion, _ hardware: MACAddress, link: UInt32
    ) throws(LabFailure) -> Bool {
        var isTold = false
        let family = UInt8(version == .v6 ? AF_INET6 : AF_INET)
        for payload in try NodeView.dump(&self, RTM_GETNEIGH, 12, family: family) {
            let found = NodeView.neighbour(payload.span)
            // NUD_INCOMPLETE, NUD_FAILED
            guard found.link == link, found.state & 0x21 != 0, let address = found.address else { continue }
            try setNeighbour(address, hardware, link: link)
            isTold = true
        }
        return isTold
    }
}

extension MACAddress {
    /// Six bytes, first on the wire first.
    var bytes: [UInt8] {
        stride(from: 40, through: 0, by: -8).map { UInt8(truncatingIfNeeded: bits >> UInt64($0)) }
    }
}
