package import NetTypes

/// Where a packet comes from.
package enum PacketArrival: Sendable, Hashable {
    /// From the wire: an interface, or a bridge port.
    case wire(String)
    /// From a socket of the host.
    case host
}

/// A packet to be sent into a random host.
///
/// `packet` has its bytes, the kernel's mark, the frame's source address and type, and the user of a local one.
package struct RandomPacket: Sendable {
    package var packet: Packet
    package var arrival: PacketArrival
    /// The frame's destination; `nil` for local packets.
    package var destinationMAC: MACAddress?
}

/// Packets for one host and its rules, one after the other. One seed, one stream.
package struct RandomPackets: Sendable {
    var chance: Chance
    let topology: RandomTopology
    private let seed: UInt64
    private let four: VersionPools
    private let six: VersionPools
    private let neighbours: [IPVersion: [RandomPools.Neighbour]]
    /// Hosts whose packets come by way of a router.
    private let gateways: [IPVersion: [RandomPools.Neighbour]]
    private let hints: [IPVersion: [PacketHint]]
    private let rareHints: [IPVersion: [PacketHint]]
    let features: RandomFeatures

    package init(
        seed: UInt64, topology: RandomTopology, rules: RandomRules, features: RandomFeatures = .everything
    ) {
        self.seed = seed
        self.topology = topology
        self.features = features
        chance = Chance(seed: seed, purpose: 5)
        four = topology.pools(.v4)
        six = topology.pools(.v6)
        neighbours = [.v4: topology.pools.neighbours(.v4), .v6: topology.pools.neighbours(.v6)]
        let gateways = topology.pools.gateways
        self.gateways = [
            .v4: gateways.filter { $0.address.version == .v4 }, .v6: gateways.filter { $0.address.version == .v6 },
        ]
        hints = [.v4: rules.hintsV4, .v6: rules.hintsV6]
        rareHints = [.v4: rules.hintsV4.filter { $0.isRare }, .v6: rules.hintsV6.filter { $0.isRare }]
    }

    /// One packet by itself.
    package mutating func single() -> RandomPacket {
        while true {
            if let packet = finished(start()) { return packet }
        }
    }

    /// A packet while it is drawn, with what is beside it.
    struct Start {
        var draft: PacketDraft
        var arrival = PacketArrival.host
        var sourceMAC: MACAddress?
        var destinationMAC: MACAddress?
        var type = PacketType.unicast
        var mark: UInt32 = 0
        var user: UInt32?
        var group: UInt32?
    }

    mutating func start(_ number: UInt8? = nil) -> Start {
        let version = chance.percent(65) ? IPVersion.v4 : .v6
        let pools = version == .v4 ? four : six
        let followed = chosenHints(version)
        var start = Start(
            draft: PacketDraft(
                source: chance.pick(pools.own), destination: destination(pools),
                number: number ?? followed.protocol ?? drawnProtocol(version)))
        if chance.percent(74) {
            arrive(&start, pools)
        } else {
            start.user = chance.pick(RandomPools.users)
            start.group = chance.pick(RandomPools.users)
            if chance.percent(6) { start.draft.source = chance.pick(pools.special + pools.near) }
            if chance.percent(6) { start.draft.destination = chance.pick(pools.own) }
        }
        drawHeaders(&start)
        for hint in followed.hints { follow(hint, &start) }
        frame(&start)
        return start
    }

    private mutating func destination(_ pools: VersionPools) -> IPAddress {
        switch chance.below(20) {
        case 0..<6: chance.pick(pools.own)
        case 6..<13: chance.pick(pools.near)
        case 13..<18: chance.pick(pools.far)
        default: chance.pick(pools.special)
        }
    }

    private static let protocolsV4: [UInt8] = [6, 17, 1, 132, 136, 33, 47, 50, 51, 108, 2, 253]
    private static let protocolsV6: [UInt8] = [6, 17, 58, 132, 136, 33, 47, 50, 51, 108, 135, 253]
    private static let protocolWeights = [40, 22, 14, 5, 3, 3, 2, 3, 2, 2, 2, 2]

    private mutating func drawnProtocol(_ version: IPVersion) -> UInt8 {
        let index = chance.weighted(Self.protocolWeights) ?? 0
        return version == .v4 ? Self.protocolsV4[index] : Self.protocolsV6[index]
    }

    /// Some of what the rules ask for.
    private mutating func chosenHints(_ version: IPVersion) -> (hints: [PacketHint], protocol: UInt8?) {
        guard let all = hints[version], !all.isEmpty, chance.percent(65) else { return ([], nil) }
        var chosen: [PacketHint] = []
        var number: UInt8?
        let first = chance.below(all.count)
        // Hints of one rule stand beside each other.
        for place in first..<min(all.count, first + chance.number(1...3)) {
            let hint = all[place]
            chosen.append(hint)
            if number == nil { number = hint.protocol(version) }
        }
        if chance.percent(30) { chosen.append(chance.pick(all)) }
        if chance.percent(30), let rare = chance.pickAny(rareHints[version] ?? []) {
            chosen.append(rare)
            if let needed = rare.protocol(version) { number = needed }
        }
        return (chosen, number ?? chosen.last?.protocol(version))
    }

    private mutating func arrive(_ start: inout Start, _ pools: VersionPools) {
        let version = pools.version
        guard let sender = chance.pickAny(neighbours[version] ?? []),
            let gateway = chance.pickAny(gateways[version] ?? [])
        else { return }
        var from = sender
        start.draft.source = sender.address
        switch chance.below(100) {
        case 0..<25:
            // From far away, mostly by the way back.
            start.draft.source = chance.pick(pools.far)
            from = gateway
        case 25..<33: from = gateway
        case 33..<36: start.draft.source = chance.pick(pools.own)
        case 36..<39: start.draft.source = chance.pick(pools.special)
        case 39: start.draft.source = version == .v4 ? v4(0, 0, 0, 0) : v6(0, 0)
        default: break
        }
        start.arrival = .wire(from.port ?? from.interface)
        start.sourceMAC = chance.percent(12) ? chance.pick(RandomPools.foreignMACs) : from.mac
        if start.draft.source == start.draft.destination { start.draft.destination = chance.pick(pools.own) }
    }

    mutating func frame(_ start: inout Start) {
        guard case .wire(let name) = start.arrival else { return }
        guard let interface = topology.interfaces.first(where: { $0.name == name }) else { return }
        var own = interface.mac
        if case .port(let bridge) = interface.role {
            if let master = topology.interfaces.first(where: { $0.name == bridge }) { own = master.mac }
            // Through the bridge to a neighbour, past the host's routing.
            let near = topology.pools.neighbours.first { $0.address == start.draft.destination && $0.port != nil }
            if let near, near.port != name { own = near.mac }
        }
        let destination = start.draft.destination
        if case .port = interface.role, start.type != .otherHost {
            // A frame to many would go on by every port and to the host as well.
            start.type = .unicast
        } else if start.type == .unicast {
            if destination.isMulticast {
                start.type = .multicast
            } else if destination.version == .v4,
                destination.v4Bits == .max || topology.pools.broadcasts.contains(destination), chance.percent(90)
            {
                start.type = .broadcast
            }
        }
        switch start.type {
        case .broadcast: start.destinationMAC = MACAddress(bits: 0xffff_ffff_ffff)
        case .multicast:
            start.destinationMAC =
                destination.version == .v4
                ? MACAddress(bits: 0x0100_5e00_0000 | UInt64(destination.v4Bits & 0x7f_ffff))
                : MACAddress(bits: 0x3333_0000_0000 | destination.low & 0xffff_ffff)
        case .otherHost: start.destinationMAC = MACAddress(bits: 0x0200_0000_eeee)
        case .unicast, .outgoing, .loopback: start.destinationMAC = own
        }
    }

    /// The packet with its bytes and what is beside them; `nil` where the draft can't be one.
    mutating func finished(_ start: Start) -> RandomPacket? {
        guard var packet = start.draft.packet() else { return nil }
        packet.mark = start.mark
        packet.sourceMAC = start.sourceMAC
        packet.packetType = start.type
        packet.userID = start.user
        packet.groupID = start.group
        packet.hasSocket = start.arrival == .host
        return RandomPacket(packet: packet, arrival: start.arrival, destinationMAC: start.destinationMAC)
    }
}

extension PacketHint {
    /// The protocol that a packet needs to follow this hint.
    func `protocol`(_ version: IPVersion) -> UInt8? {
        switch self {
        case .protocol(let number): number
        case .tcpFlags, .tcpOption, .maximumSegmentSize: 6
        case .icmp: version == .v4 ? 1 : 58
        case .chunks: 132
        case .ports, .index, .ttl, .tos, .length, .mark, .payload, .fragment, .extensionHeader, .user, .group, .source,
            .destination, .sourceMAC, .arrives, .packetType, .identifierOfMAC:
            nil
        }
    }
}
