internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Addresses that every routing table treats alike: a prefix without the longer ones in it.
struct AddressAtom {
    let packets: PacketSet
    /// One of them.
    let address: IPAddress
}

/// What the kernel tells of an address by its form alone.
enum AddressForm: UInt8, Hashable, CaseIterable {
    case plain, loopback, zero, ofThisNetwork, broadcast, linkLocal
    /// Multicast that leaves no link, or no host.
    case nearMulticast
    case multicast

    init(_ address: IPAddress) {
        if address.isMulticast {
            let isNear = address.version == .v6 ? address.high >> 48 & 15 <= 1 : address.v4Bits >> 8 == 0xe000_00
            self = isNear ? .nearMulticast : .multicast
        } else if address.version == .v4, address.v4Bits == .max {
            self = .broadcast
        } else if address.isLoopback {
            self = .loopback
        } else if address.isZero {
            self = .zero
        } else if address.version == .v4, address.v4Bits >> 24 == 0 {
            self = .ofThisNetwork
        } else {
            self = address.isLinkLocal ? .linkLocal : .plain
        }
    }
}

/// What the kernel tells of a destination before it looks for a route.
struct DestinationKind: Hashable {
    var form: AddressForm
    /// Whether it is a group that this host has joined, by interface; empty for what is no group.
    var joined: [Bool?]
    /// Which routing rules ask for it where the way back to a source is looked for.
    var asked: [Bool]
    /// The port of a bridge that it is behind.
    var port: Symbol?
}

// Sets of packets by what the routing tables say of an address.
extension SetEvaluator {
    /// The classes of addresses of an arriving `field`, which together are all.
    func addressAtoms(_ field: PacketField) -> [AddressAtom] {
        if let known = atoms[field] { return known }
        let made = makeAtoms(routedPrefixes, field, space.source(field))
        atoms[field] = made
        return made
    }

    /// Every prefix that a route, a routing rule or an address of the host speaks of.
    var routedPrefixes: Set<IPPrefix> {
        var prefixes: Set<IPPrefix> = [IPPrefix(.zero(space.version), length: 0)]
        for route in model.routes(space.version).routes {
            prefixes.insert(route.destination)
            if let from = route.from { prefixes.insert(from) }
        }
        for rule in model.routes(space.version).rules {
            if let from = rule.from { prefixes.insert(from) }
            if let to = rule.to { prefixes.insert(to) }
        }
        for interface in model.host.interfaces {
            for own in interface.addresses where own.address.version == space.version {
                prefixes.insert(IPPrefix(host: own.address))
                prefixes.insert(own.prefix)
                if let broadcast = own.broadcast { prefixes.insert(IPPrefix(host: broadcast)) }
            }
        }
        for service in model.host.virtualServices ?? [] {
            if case .address(_, let address, _) = service.key {
                prefixes.insert(IPPrefix(host: address))
            }
        }
        prefixes.formUnion(specialPrefixes)
        prefixes.formUnion(joinedGroups)
        prefixes.formUnion(bridgeNeighbours)
        return prefixes.filter { $0.address.version == space.version }
    }

    /// Prefixes that the kernel itself treats in a way of their own.
    var specialPrefixes: [IPPrefix] {
        switch space.version {
        case .v4:
            [
                IPPrefix(IPAddress(v4: 0), length: 8), IPPrefix(host: IPAddress(v4: 0)),
                IPPrefix(IPAddress(v4: 0x7f00_0000), length: 8), IPPrefix(IPAddress(v4: 0xe000_0000), length: 4),
                IPPrefix(IPAddress(v4: 0xe000_0000), length: 24), IPPrefix(IPAddress(v4: 0xf000_0000), length: 4),
                IPPrefix(host: IPAddress(v4: .max)), IPPrefix(IPAddress(v4: 0xa9fe_0000), length: 16),
            ]
        case .v6:
            [
                IPPrefix(host: .zero(.v6)), IPPrefix(host: IPAddress(v6High: 0, low: 1)),
                IPPrefix(IPAddress(v6High: 0, low: 0xffff_0000_0000), length: 96),
                IPPrefix(IPAddress(v6High: 0xfe80 << 48, low: 0), length: 10),
                IPPrefix(IPAddress(v6High: 0xff00 << 48, low: 0), length: 8),
            ]
                + (0..<16).flatMap { flags in
                    [0, 1, 2].map { IPPrefix(IPAddress(v6High: (0xff00 | flags << 4 | $0) << 48, low: 0), length: 16) }
                }
        }
    }

    /// Groups that the kernel itself may join.
    private var joinedGroups: [IPPrefix] {
        guard space.version == .v6 else { return [IPPrefix(host: IPAddress(v4: 0xe000_0001))] }
        let ofAll: [(UInt64, UInt64)] = [(0xff01, 1), (0xff02, 1), (0xff01, 2), (0xff02, 2), (0xff05, 2)]
        var groups = ofAll.map { IPAddress(v6High: $0.0 << 48, low: $0.1) }
        for interface in model.host.interfaces {
            for own in interface.addresses where own.address.version == .v6 {
                for low in [own.address.low, own.prefix.address.low] {
                    groups.append(IPAddress(v6High: 0xff02 << 48, low: 0x1_ff00_0000 | low & 0xff_ffff))
                }
            }
        }
        return groups.map { IPPrefix(host: $0) }
    }

    /// Neighbours on bridges: a frame does not leave by the port that it came by.
    private var bridgeNeighbours: [IPPrefix] {
        let bridges = Set(model.host.interfaces.filter { stages.isBridge($0.name) }.map { $0.name })
        return model.host.neighbours.filter { bridges.contains($0.interface) && $0.address.version == space.version }
            .map { IPPrefix(host: $0.address) }
    }

    func kind(of destination: IPAddress) -> DestinationKind {
        let interfaces = destination.isMulticast ? model.host.interfaces : []
        return DestinationKind(
            form: AddressForm(destination), joined: interfaces.map { stages.hasJoined(destination, by: $0.name) },
            asked: space.version == .v4
                ? model.routes(.v4).rules.compactMap { $0.from }.map { $0.contains(destination) } : [],
            port: bridgeNeighbours.isEmpty ? nil : stages.bridgePort(toward: destination))
    }

    /// Classes of addresses that the kernel tells apart by their form, which together are all.
    func specialClasses(_ field: PacketField) -> [PacketSet] {
        if let known = specials[field] { return known }
        var classes: [DestinationKind: [PacketSet]] = [:]
        var order: [DestinationKind] = []
        let own = specialPrefixes + joinedGroups + bridgeNeighbours
        let prefixes = Set(own + [IPPrefix(.zero(space.version), length: 0)])
        for atom in makeAtoms(prefixes, field, .arriving) {
            let kind = kind(of: atom.address)
            if classes[kind] == nil { order.append(kind) }
            classes[kind, default: []].append(atom.packets)
        }
        let made = order.map { space.union(classes[$0] ?? []) }
        specials[field] = made
        return made
    }

    /// Classes of destinations for each of which the host prefers one source; none where destinations are not told apart.
    func sourceChoices(_ destination: FieldSource) -> [AddressAtom] {
        switch destination {
        case .constant, .unknown, .various: return []
        case .arriving, .bits, .lowered: break
        }
        if let known = sourceChoices[destination] { return known }
        let choices =
            space.version == .v4 && destination == .arriving
            ? addressAtoms(.destination)
            : makeAtoms(
                routedPrefixes.union(space.version == .v4 ? [] : stages.sourceChoicePrefixes), .destination,
                destination == .arriving ? space.source(.destination) : destination)
        sourceChoices[destination] = choices
        return choices
    }

    /// - Parameter source: where the field comes from.
    func makeAtoms(_ prefixes: Set<IPPrefix>, _ field: PacketField, _ source: FieldSource) -> [AddressAtom] {
        // Each behind those that hold it.
        let sorted = prefixes.sorted {
            $0.address == $1.address ? $0.length < $1.length : $0.address < $1.address
        }
        var open: [(prefix: IPPrefix, packets: PacketSet)] = []
        var result: [AddressAtom] = []
        func close() {
            guard let last = open.popLast() else { return }
            guard let values = space.values(in: last.packets), let value = space.value(source, of: field, values) else {
                return
            }
            result.append(AddressAtom(packets: last.packets, address: space.address(value)))
        }
        for prefix in sorted {
            while let last = open.last, !last.prefix.contains(prefix.address) { close() }
            let own = space.packets(source, of: field, in: prefix) ?? .none
            for index in open.indices.reversed().prefix(1) {
                open[index].packets = space.subtract(open[index].packets, own)
            }
            open.append((prefix, own))
        }
        while !open.isEmpty { close() }
        return result
    }

    /// Packets of an address class for which `match` holds, asked of one of each.
    func byAddress(_ field: PacketField, _ match: Match, _ asked: Asked) -> PacketSet {
        switch asked.flow[field] {
        case .constant, .bits, .lowered, .unknown, .various: return ask(match, asked)
        case .arriving: break
        }
        var sets: [PacketSet] = []
        var perhaps: [PacketSet] = []
        for atom in addressAtoms(field) {
            let way = Way(packets: space.and(asked.packets, atom.packets), flow: asked.flow)
            guard let situation = situation(way, asked.context.hook) else { continue }
            switch stages.test(match, asked.rule, situation) {
            case .no: continue
            case .yes: sets.append(atom.packets)
            case .perhaps: perhaps.append(atom.packets)
            }
        }
        let surely = space.union(sets)
        if perhaps.isEmpty { return surely }
        let name = "address-type-of-\(field.name)@\(cite(asked.rule))"
        let open = unknown(name, "the type of the packet's \(field.name) address is as \(cite(asked.rule)) asks")
        return space.or(surely, space.and(space.union(perhaps), open))
    }

    func packets(_ match: AddressTypeMatch, _ asked: Asked) -> PacketSet {
        var result = PacketSet.all
        for field in [PacketField.source, .destination] {
            var one = match
            if field == .source { one.destination = nil } else { one.source = nil }
            guard one.source != nil || one.destination != nil else { continue }
            if one.limitsToInInterface, !asked.flow.arrivesByLo {
                result = space.and(result, byInterface(asked) { byAddress(field, .addressType(one), $0) })
            } else {
                result = space.and(result, byAddress(field, .addressType(one), asked))
            }
        }
        return result
    }

    func packets(_ match: ReversePathMatch, _ asked: Asked) -> PacketSet {
        if match.usesMark, asked.flow.differs(in: .mark, space) { return ask(.reversePath(match), asked) }
        if asked.flow.arrivesByLo { return byAddress(.source, .reversePath(match), asked) }
        // The way back goes from the packet's destination: a rule may ask for that.
        let cuts = lookupCuts(from: .destination, usesMark: match.usesMark, asked.flow)
        let known = byCuts(cuts, asked) { byInterface($0) { byAddress(.source, .reversePath(match), $0) } }
        return ofNoAddress(match, asked, cuts, known)
    }

    /// What has no address yet is asked for by where it goes. Source: net/ipv4/netfilter/ipt_rpfilter.c `rpfilter_mt`.
    ///
    /// - Parameter lookups: what rules of routing ask besides.
    private func ofNoAddress(
        _ match: ReversePathMatch, _ asked: Asked, _ lookups: [PacketSet], _ others: PacketSet
    ) -> PacketSet {
        let zero = IPPrefix(host: .zero(space.version))
        guard space.version == .v4, let own = space.packets(asked.flow[.source], of: .source, in: zero) else {
            return others
        }
        let group = IPAddress(v4: 0xe000_0000)
        let cuts = [IPPrefix(host: IPAddress(v4: .max)), IPPrefix(group, length: 24), IPPrefix(group, length: 4)].map {
            space.packets(asked.flow[.destination], of: .destination, in: $0) ?? .none
        }
        var part = asked
        part.packets = space.and(asked.packets, own)
        let known = byInterface(part) { byCuts(cuts + lookups, $0) { askOne(.reversePath(match), $0) } }
        return space.or(space.subtract(others, own), space.and(own, known))
    }

    /// What `make` says of the packets in each of `cuts`, and outside.
    func byCuts(_ cuts: [PacketSet], _ asked: Asked, _ make: (Asked) -> PacketSet) -> PacketSet {
        space.union(
            regions(cuts, asked).map { region in
                var part = asked
                part.packets = space.and(asked.packets, region)
                return space.and(region, make(part))
            })
    }

    /// What `make` says of the packets of each interface.
    func byInterface(_ asked: Asked, _ make: (Asked) -> PacketSet) -> PacketSet {
        var sets: [PacketSet] = []
        for number in interfaces.indices {
            let own = space.packets(.inInterface, UInt128(number))
            var part = asked
            part.packets = space.and(asked.packets, own)
            if part.packets.isEmpty { continue }
            sets.append(space.and(own, make(part)))
        }
        return space.union(sets)
    }

    // MARK: Frames and sockets

    /// A frame is addressed as its packet is, where it was not told, and stays so where NAT gives the packet another address.
    func packets(_ test: Negatable<PacketType>, _ asked: Asked) -> PacketSet {
        if asked.flow.isArriving(.destination), !asked.flow.arrivesByLo {
            return byAddress(.destination, .packetType(test), asked)
        }
        return byCuts(frameCuts(asked.flow), asked) { ask(.packetType(test), $0) }
    }

    func packets(_ test: Negatable<MACAddress>, _ asked: Asked) -> PacketSet {
        let own = space.packets(.mac, UInt128(test.value.bits))
        return ofFrames(negated(own, test.isNegated), .mac(test), asked)
    }

    /// Only a source with ff:fe in its midst is made of a hardware address. Whether of the frame's own are 48 bits against 48
    /// that stand far from them, for which no diagram has room.
    func ofEUI64(_ asked: Asked) -> PacketSet {
        guard asked.context.hasInInterface, !asked.flow.arrivesByLo else { return askOne(.eui64, asked) }
        let source = asked.flow[.source]
        let made = space.packets(source, of: .source, 0xff_fe00_0000, mask: 0xff_ff00_0000) ?? .all
        return byInterface(asked) { given in
            let own = space.and(given.packets, made)
            guard var situation = situation(Way(packets: own, flow: given.flow), given.context.hook) else {
                return .none
            }
            // What is asked of one packet is whether it came as a frame.
            situation.packet.unknown.insert(.mac)
            if case .no = stages.test(.eui64, given.rule, situation) { return .none }
            let name = source == .arriving ? "mac@source" : "mac@\(cite(given.rule))"
            return space.and(made, unknown(name, "the source address is made of the frame's hardware address"))
        }
    }

    /// Of `holds`, which says what a frame's addresses are, those that came as a frame: one packet tells of all.
    func ofFrames(_ holds: PacketSet, _ match: Match, _ asked: Asked) -> PacketSet {
        guard asked.context.hasInInterface, !asked.flow.arrivesByLo else { return askOne(match, asked) }
        guard space.free.contains(.mac) else { return ask(match, asked) }
        return byInterface(asked) { given in
            var part = given
            part.packets = space.and(part.packets, holds)
            guard let situation = situation(Way(packets: part.packets, flow: part.flow), part.context.hook) else {
                return .none
            }
            switch stages.test(match, part.rule, situation) {
            case .no: return .none
            case .yes: return holds
            case .perhaps(let condition):
                return space.and(holds, unknown(condition.name, condition.text, isYes: condition.isYes))
            }
        }
    }
}
