internal import NetTypes
public import PacketPath
public import PathModel
public import RuleModel
internal import SourceText

/// A packet ready to be followed, with what was chosen for it.
public struct PreparedPacket: Hashable, Sendable {
    public var request: TraceRequest
    /// What was worked out and should be told; sentences without a final stop.
    public var notes: [String]
}

/// Fills in what `description` does not say, as the command line's contract has it.
///
/// Interfaces that the host does not know become names of `model`. `cluster` says what names of pods, services and
/// nodes stand for.
public func prepare(
    _ description: PacketDescription, _ cluster: ClusterObjects, on model: inout HostModel
) throws(PacketFailure) -> PreparedPacket {
    let description = try resolveNames(description, cluster, on: model)
    var maker = PacketMaker(description: description)
    let packet = try maker.makePacket(on: model)
    let origin: Origin
    var inPort = description.inPort.map { model.intern($0) }
    switch maker.arrival {
    case .host?: origin = .host
    case .interface(let name)?:
        let interface = model.intern(name)
        try maker.tellUnknownInterface(name, on: model)
        if let master = maker.master(of: interface, on: model) {
            origin = .interface(master.name)
            if master.isBridge { inPort = inPort ?? interface }
        } else {
            origin = .interface(interface)
        }
    case nil: origin = .anyInterface
    }
    var request = TraceRequest(packet: packet, origin: origin)
    request.inPort = inPort
    request.outPort = description.outPort.map { model.intern($0) }
    request.state = description.state
    request.connectionMark = description.connectionMark
    return PreparedPacket(request: request, notes: maker.notes)
}

private struct PacketMaker {
    let description: PacketDescription
    /// The packet as its bytes have it, where they are given.
    let given: Packet?
    var arrival: PacketDescription.Arrival?
    var notes: [String]

    init(description: PacketDescription) {
        given = description.bytes.flatMap { Packet(decoding: $0.span) }
        self.description = given.map { description.completed(by: $0) } ?? description
        arrival = description.arrival
        notes = description.notes
    }

    mutating func makePacket(on model: HostModel) throws(PacketFailure) -> Packet {
        let (source, destination) = try ends(on: model)
        let version = destination.version
        if let given, given.version != version {
            throw PacketFailure(
                "\(destination) is IPv\(version.rawValue) and the bytes are IPv\(given.version.rawValue)")
        }
        let ipProtocol = try self.ipProtocol(version)
        var packet = Packet(source: source, destination: destination, protocol: ipProtocol)
        // A type of ICMP says the protocol.
        if description.protocol == nil, description.icmpType == nil, description.icmpCode == nil {
            packet.defaulted.insert(.protocol)
        }
        try fillPorts(&packet)
        try fillICMP(&packet, version)
        try fillTCP(&packet)
        fillHeader(&packet)
        if let given { fillBytes(&packet, given) } else { fillUnknown(&packet) }
        return packet
    }

    // MARK: Addresses

    private mutating func ends(on model: HostModel) throws(PacketFailure) -> (IPAddress, IPAddress) {
        guard let source = description.source else { throw PacketFailure("the packet has no source: --from ADDRESS") }
        guard let destination = description.destination else {
            throw PacketFailure("the packet has no destination: --to ADDRESS[:PORT][/PROTOCOL]")
        }
        let version = try self.version(source, destination)
        let from = try self.source(source, version, on: model)
        return (from, try self.destination(destination, version, from, on: model))
    }

    private func version(_ source: PacketEnd, _ destination: PacketEnd) throws(PacketFailure) -> IPVersion {
        switch (source, destination) {
        case (.address(let a), .address(let b)):
            guard a.version == b.version else {
                throw PacketFailure("\(a) is IPv\(a.version.rawValue) and \(b) is IPv\(b.version.rawValue)")
            }
            return a.version
        case (.address(let a), _): return a.version
        case (_, .address(let b)): return b.version
        default: return description.protocol == .icmpv6 ? .v6 : .v4
        }
    }

    private mutating func source(
        _ end: PacketEnd, _ version: IPVersion, on model: HostModel
    ) throws(PacketFailure) -> IPAddress {
        switch end {
        case .address(let address):
            if arrival == nil { takeAsLocal(address, on: model) }
            return address
        case .host:
            if case .interface(let name)? = arrival {
                throw PacketFailure("a packet from 'host' is made here and does not come in by \(name)")
            }
            arrival = .host
            return .zero(version)
        case .internet:
            let chosen = try internetAddress(version, on: model)
            notes.append(chosen.note)
            return chosen.address
        case .named(let kind, let name): throw PacketFailure("'\(kind):\(name)' is not known")
        }
    }

    /// A source that is the host's own makes the packet one that is made here.
    private mutating func takeAsLocal(_ address: IPAddress, on model: HostModel) {
        if address.isLoopback {
            arrival = .host
            notes.append("\(address) is this host: the packet is taken as made here (--in says otherwise)")
        } else if let interface = owner(of: address, on: model) {
            arrival = .host
            let name = model.names.text(interface.name)
            notes.append(
                "\(address) is this host's address on \(name): the packet is taken as made here (--in says otherwise)")
        }
    }

    private mutating func destination(
        _ end: PacketEnd, _ version: IPVersion, _ source: IPAddress, on model: HostModel
    ) throws(PacketFailure) -> IPAddress {
        switch end {
        case .address(let address): return address
        case .host:
            let chosen = try hostAddress(
                version, arrival: arrival, source: source.isZero ? nil : source, on: model)
            notes.append(chosen.note)
            return chosen.address
        case .internet:
            let chosen = try internetAddress(version, on: model)
            notes.append(chosen.note)
            return chosen.address
        case .named(let kind, let name): throw PacketFailure("'\(kind):\(name)' is not known")
        }
    }

    mutating func tellUnknownInterface(_ name: String, on model: HostModel) throws(PacketFailure) {
        guard model.host.knowsInterfaces, let symbol = model.names.find(name),
            model.interface(symbol) == nil
        else { return }
        var known = model.host.interfaces.prefix(8).map { model.names.text($0.name) }.joined(separator: ", ")
        if model.host.interfaces.count > 8 { known += " and \(model.host.interfaces.count - 8) more" }
        let sentence = "the snapshot has no interface '\(name)'; it has \(known)"
        if !description.arrivalMayBeGone { throw PacketFailure(sentence) }
        notes.append(sentence)
    }

    /// The interface that rules see of a packet which comes in by a port of a bridge or bond: its master. A VRF's
    /// members stay themselves, and Open vSwitch's are its own business.
    mutating func master(of interface: Symbol, on model: HostModel) -> (name: Symbol, isBridge: Bool)? {
        guard let master = model.interface(interface)?.master else { return nil }
        let kind = model.interface(master)?.kind ?? .other
        let name = model.names.text(master)
        if kind == .vrf || name == "ovs-system" { return nil }
        let port = model.names.text(interface)
        notes.append("\(port) is a port of \(name): rules see \(name) as the interface that the packet came in by")
        return (master, kind != .bond)
    }

    // MARK: What is in the packet

    private func ipProtocol(_ version: IPVersion) throws(PacketFailure) -> IPProtocol {
        let echo: IPProtocol = version == .v4 ? .icmp : .icmpv6
        guard let given = description.protocol else {
            if description.icmpType != nil || description.icmpCode != nil { return echo }
            let wantsPorts =
                description.sourcePort != nil || description.destinationPort != nil || description.tcpFlags != nil
            return wantsPorts ? .tcp : echo
        }
        if given.isICMP, given != echo, given != self.given?.protocol {
            throw PacketFailure(
                version == .v4
                    ? "icmpv6 goes with IPv6 addresses; IPv4 has icmp"
                    : "icmp goes with IPv4 addresses; IPv6 has icmpv6")
        }
        return given
    }

    private func fillPorts(_ packet: inout Packet) throws(PacketFailure) {
        guard packet.protocol.hasPorts else {
            if description.sourcePort != nil || description.destinationPort != nil {
                throw PacketFailure("a packet of protocol \(packet.protocol.shortName) has no ports")
            }
            return
        }
        let isLaterFragment = (description.fragmentOffset ?? 0) > 0
        if let port = description.destinationPort {
            packet.destinationPort = port
        } else if isLaterFragment || given != nil {
            packet.unknown.insert(.destinationPort)
        } else {
            switch packet.protocol {
            case .tcp, .udp, .sctp:
                throw PacketFailure(
                    "a \(packet.protocol.shortName) packet has a destination port: --to ADDRESS:PORT, or --dport PORT")
            default: packet.unknown.insert(.destinationPort)
            }
        }
        if let port = description.sourcePort {
            packet.sourcePort = port
        } else if given != nil {
            packet.unknown.insert(.sourcePort)
        } else {
            packet.sourcePort = 40000
            packet.defaulted.insert(.sourcePort)
        }
    }

    private func fillICMP(_ packet: inout Packet, _ version: IPVersion) throws(PacketFailure) {
        guard packet.protocol.isICMP else {
            if description.icmpType != nil || description.icmpCode != nil {
                throw PacketFailure("a packet of protocol \(packet.protocol.shortName) has no ICMP type")
            }
            return
        }
        if let text = description.icmpType {
            let (type, code) = try text.resolve(version)
            packet.icmpType = type
            packet.icmpCode = description.icmpCode ?? code ?? 0
        } else if given != nil {
            packet.unknown.insert(.icmpType)
        } else {
            packet.icmpType = version == .v4 ? 8 : 128
            packet.icmpCode = description.icmpCode ?? 0
            packet.defaulted.insert(.icmpType)
        }
        packet.icmpIdentifier = description.icmpIdentifier ?? 1
    }

    private func fillTCP(_ packet: inout Packet) throws(PacketFailure) {
        guard packet.protocol == .tcp else {
            if description.tcpFlags != nil {
                throw PacketFailure("a packet of protocol \(packet.protocol.shortName) has no TCP flags")
            }
            return
        }
        if let flags = description.tcpFlags {
            packet.tcpFlags = flags
        } else if given != nil {
            packet.unknown.insert(.tcpFlags)
        } else {
            packet.tcpFlags = .syn
            packet.defaulted.insert(.tcpFlags)
        }
        packet.maximumSegmentSize = description.maximumSegmentSize
    }

    private func fillHeader(_ packet: inout Packet) {
        packet.ttl = description.ttl ?? 64
        if description.ttl == nil { packet.defaulted.insert(.ttl) }
        packet.dscp = description.dscp ?? 0
        if description.dscp == nil { packet.defaulted.insert(.dscp) }
        packet.tos |= (description.ecn ?? 0) & 3
        packet.mark = description.mark ?? 0
        if description.mark == nil { packet.defaulted.insert(.mark) }
        packet.length = description.length ?? PacketMaker.headerBytes(packet)
        if description.length == nil { packet.defaulted.insert(.length) }
        // Linux sends TCP and UDP with DF set unless it is told not to find out the path's MTU.
        let hasPorts = packet.protocol == .tcp || packet.protocol == .udp
        packet.dontFragment = description.dontFragment ?? (hasPorts && description.fragmentOffset == nil)
        if description.dontFragment == nil, packet.version == .v4 { packet.defaulted.insert(.dontFragment) }
        packet.moreFragments = description.moreFragments ?? false
        packet.fragmentOffset = description.fragmentOffset ?? 0
        packet.userID = description.userID
        packet.groupID = description.groupID
        packet.sourceMAC = description.mac
        packet.hasSocket = arrival == .host
        if packet.destination.isMulticast {
            packet.packetType = .multicast
        } else if packet.destination == IPAddress(v4: .max) {
            packet.packetType = .broadcast
        }
    }

    /// Bytes of the IP header and what follows it, without options and contents.
    private static func headerBytes(_ packet: Packet) -> UInt32 {
        let ip: UInt32 = packet.version == .v4 ? 20 : 40
        switch packet.protocol {
        case .tcp: return ip + 20
        case .udp, .udplite, .icmp, .icmpv6: return ip + 8
        case .sctp, .dccp: return ip + 12
        case .gre: return ip + 4
        default: return ip
        }
    }

    private func fillBytes(_ packet: inout Packet, _ given: Packet) {
        packet.bytes = given.bytes
        packet.tcpSequence = given.tcpSequence
        packet.tcpAcknowledgement = given.tcpAcknowledgement
        // What else was said is known although the bytes do not have it.
        packet.unknown.formUnion(
            given.unknown.subtracting([.sourcePort, .destinationPort, .icmpType, .tcpFlags]))
        if packet.sourceMAC == nil { packet.unknown.insert(.mac) }
        if packet.userID == nil { packet.unknown.insert(.owner) }
    }

    private func fillUnknown(_ packet: inout Packet) {
        packet.unknown.insert(.payload)
        switch packet.protocol {
        case .esp, .ah, .ipcomp, .sctp, .dccp, .mobility: packet.unknown.insert(.otherHeaders)
        // A plain packet: without extension headers and IP options.
        default: packet.defaulted.insert(.otherHeaders)
        }
        if packet.protocol == .tcp, packet.maximumSegmentSize == nil { packet.unknown.insert(.tcpOptions) }
        if packet.sourceMAC == nil { packet.unknown.insert(.mac) }
        if packet.userID == nil { packet.unknown.insert(.owner) }
    }
}
