internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

// Parts of a way that the IP layer tells apart, of each of which one packet is asked for all.
extension SetEvaluator {
    /// Classes of sources that the way out of what this host makes hangs on, which together are all: their form, the
    /// interface that has them, by which the host sends to groups from there, and which routing rules and routes ask for them.
    /// Source: net/ipv4/route.c `ip_route_output_key_hash_rcu`, Linux 6.18.
    func localSources() -> [PacketSet] {
        struct Kind: Hashable {
            var form: AddressForm
            var owner: Symbol?
            var asked: [Bool]
        }
        let asked = askedSources
        var owners: [IPAddress: Symbol] = [:]
        for interface in model.host.interfaces {
            for own in interface.addresses where owners[own.address] == nil { owners[own.address] = interface.name }
        }
        var classes: [Kind: [PacketSet]] = [:]
        var order: [Kind] = []
        for atom in addressAtoms(.source) {
            let kind = Kind(
                form: AddressForm(atom.address), owner: owners[atom.address],
                asked: asked.map { $0.contains(atom.address) })
            if classes[kind] == nil { order.append(kind) }
            classes[kind, default: []].append(atom.packets)
        }
        return order.map { space.union(classes[$0] ?? []) }
    }

    /// Of what this host sends by one of several next hops, packets from each address of their interfaces: the next hop may go
    /// with the source (`RouteFinder.bySource`).
    func ownSources(of route: Route, _ flow: Flow) -> [PacketSet] {
        guard space.version == .v4, flow.startedHere, route.nextHops.count > 1 else { return [] }
        let interfaces = route.nextHops.compactMap { $0.interface.flatMap { model.interface($0) } }
        let own = interfaces.flatMap { $0.addresses }.filter { $0.address.version == .v4 }
        return own.compactMap { space.packets(flow[.source], of: .source, in: IPPrefix(host: $0.address)) }
    }

    /// Sources by the port of a bridge that they are known to be behind.
    func sourcesByPort() -> [PacketSet] {
        var ports: [Symbol: [PacketSet]] = [:]
        var order: [Symbol] = []
        for atom in addressAtoms(.source) {
            guard let port = stages.bridgePort(toward: atom.address) else { continue }
            if ports[port] == nil { order.append(port) }
            ports[port, default: []].append(atom.packets)
        }
        return order.map { space.union(ports[$0] ?? []) }
    }

    /// Packets from an address of a bridge's subnet to itself, which are for the port that they came by; `nil` for a subnet
    /// too large to go through, as all of IPv6 are.
    func toSender(in subnet: IPPrefix) -> PacketSet? {
        let bits = space.version.addressBits - Int(subnet.length)
        guard bits <= 10 else { return nil }
        let first = space.number(subnet.address)
        return space.union(
            (0..<UInt128(1) << UInt128(bits)).map { offset in
                space.and(space.packets(.source, first | offset), space.packets(.destination, first | offset))
            })
    }

    /// The sources that routing rules and routes ask for.
    var askedSources: [IPPrefix] {
        let table = model.routes(space.version)
        return table.rules.compactMap { $0.from } + table.routes.compactMap { $0.from }
    }

    /// Apart to groups of IPv4 what speaks of groups itself: IGMP may come from hosts that have no address yet.
    /// Source: net/ipv4/route.c `ip_mc_validate_source`, Linux 6.18.
    func byGroupMessages(
        _ all: (group: RoutedDestinations, packets: PacketSet), _ part: PacketSet, _ flow: Flow
    )
        -> [(group: RoutedDestinations, packets: PacketSet, part: PacketSet)]
    {
        guard space.version == .v4, !all.group.destination.joined.isEmpty else {
            return [(all.group, all.packets, part)]
        }
        let messages = isOf(.igmp, flow)
        return [messages, space.complement(messages)].map { own in
            (all.group, space.and(all.packets, own), space.and(part, own))
        }.filter { !$0.1.isEmpty }
    }

    func byBothAddresses(_ way: Way) -> [Way] {
        byDestination(way).flatMap { part in
            addressAtoms(.source).map { Way(packets: space.and(part.packets, $0.packets), flow: way.flow) }
                .filter { !$0.packets.isEmpty }
        }
    }

    /// Parts that the kernel tells apart by addresses alone where a packet leaves: groups, links, this host itself.
    func bySpecialAddress(_ way: Way) -> [Way] {
        var parts = [way]
        let isBridged = model.host.interfaces.contains { stages.isBridge($0.name) }
        for field in [PacketField.destination, .source]
        where field == .destination || way.flow.startedHere || isBridged {
            guard way.flow[field] == .arriving else { continue }
            let classes = specialClasses(field)
            parts = parts.flatMap { part in
                classes.map { Way(packets: space.and(part.packets, $0), flow: part.flow) }.filter {
                    !$0.packets.isEmpty
                }
            }
        }
        return parts
    }

    /// Parts with the time to live that keeps what this host sends to many from leaving, and with any other.
    func byTimeToLive(_ way: Way) -> [Way] {
        guard way.flow.startedHere, space.free.contains(.ttl) else { return [way] }
        switch way.flow[.ttl] {
        case .arriving: return parts(way, [space.packets(.ttl, 0), space.packets(.ttl, 1)])
        case .lowered(let count): return parts(way, [space.packets(.ttl, count + 1)])
        case .constant, .bits, .unknown, .various: return [way]
        }
    }

    /// What this host sends to many it gets a copy of, with IPv4 before POSTROUTING: those without time to live left to go
    /// farther end there. Source: net/ipv4/ip_output.c `ip_mc_output`, Linux 6.18.
    func withTimeToLeave(_ ways: [Way]) -> [Way] {
        ways.map { way in
            let copied = copied(way)
            guard !copied.isEmpty, let spent = space.packets(way.flow[.ttl], of: .ttl, 0) else { return way }
            let ending = Way(packets: space.and(space.and(copied, toAllHosts(way.flow)), spent), flow: way.flow)
            if ending.packets.isEmpty { return way }
            end(ending, PathEnd(.filtered, .ttl))
            return Way(packets: space.subtract(way.packets, ending.packets), flow: way.flow)
        }.filter { !$0.packets.isEmpty }
    }

    /// Whether rules before nat's in POSTROUTING ask for the socket, so that a copy may not get to nat where the packet does:
    /// such packets are followed one by one alone.
    private var keepsCopies: Bool {
        model.linked.baseChains(.v4, .postrouting).contains { chain in
            model.linked.base(of: chain)?.type != .nat
                && !reads(of: chain).fields.isDisjoint(with: PacketField.user.fields)
        }
    }

    /// Parts with a next hop of their own on a tunnel that asks where each is.
    func byTunnelEnd(_ way: Way) -> [Way] {
        // Of a bridge with tunnels, or with ports that pass nothing on, packets are followed one by one alone.
        if let bridge = way.flow.route?.interface, stages.isBridge(bridge), stages.hasSpecialPorts(bridge) {
            var own = PathEnd(.undecided, nil)
            own.beyond = bridge
            end(way, own)
            return []
        }
        guard let route = way.flow.route, route.nextHop == nil, let interface = route.interface,
            model.host.knowsForwardingEntries, stages.hasForwardingEntries(interface)
        else { return [way] }
        let neighbours = model.host.neighbours.filter {
            $0.interface == interface && $0.address.version == space.version
        }
        return parts(
            way,
            neighbours.map {
                space.packets(way.flow[.destination], of: .destination, space.number($0.address)) ?? .none
            })
    }

    /// The nat step of POSTROUTING: what has a copy that comes there first is translated as that is, which has no socket.
    func translatedLeaving(_ chains: [ChainID], _ ways: [Way], _ context: Context) -> [Way] {
        let parts = ways.flatMap { way -> [Way] in
            var ofCopy = way
            ofCopy.packets = copied(way)
            if ofCopy.packets.isEmpty { return [way] }
            let others = Way(packets: space.subtract(way.packets, ofCopy.packets), flow: way.flow)
            if keepsCopies {
                var own = PathEnd(.undecided, nil)
                own.beyond = way.flow.route?.interface
                end(ofCopy, own)
                return others.packets.isEmpty ? [] : [others]
            }
            ofCopy.flow.isWithoutSocket = true
            return [ofCopy, others].filter { !$0.packets.isEmpty }
        }
        return translated(chains, parts, context).map { way in
            var way = way
            way.flow.isWithoutSocket = false
            return way
        }
    }

    /// Whether a copy that the host gets of packets of IPv6 to a group may change their own bytes on its way.
    /// Source: net/ipv6/ip6_output.c `ip6_finish_output2`, net/ipv6/netfilter/ip6t_NPT.c, Linux 6.18.
    func isChangedByCopy(_ way: Way) -> Bool {
        guard space.version == .v6, way.flow.startedHere, exchangesPrefixes, let interface = way.flow.route?.interface,
            model.interface(interface)?.isLoopback != true, let packet = situation(way, .postrouting)?.packet
        else { return false }
        return packet.destination.isMulticast
    }

    /// Packets of `way` that the host gets a copy of before they go to POSTROUTING.
    private func copied(_ way: Way) -> PacketSet {
        guard space.version == .v4, way.flow.startedHere, let route = way.flow.route, let interface = route.interface,
            model.interface(interface)?.isLoopback != true
        else { return .none }
        if route.type == .broadcast { return way.packets }
        let all = space.packets(way.flow[.destination], of: .destination, UInt128(UInt32.max)) ?? .none
        return space.and(way.packets, space.or(all, toAllHosts(way.flow)))
    }

    /// The one group of IPv4 that every host is in.
    private func toAllHosts(_ flow: Flow) -> PacketSet {
        space.packets(flow[.destination], of: .destination, in: IPPrefix(host: IPAddress(v4: 0xe000_0001))) ?? .none
    }

    /// What tells apart packets that are too long for some link or route, and cannot be cut in pieces, from others.
    func lengthCuts(_ flow: Flow) -> [PacketSet] {
        guard space.free.contains(.length) else { return [] }
        var limits = Set(model.host.interfaces.map { $0.mtu })
        limits.formUnion(model.host.interfaces.compactMap { model.mtu($0.name, space.version) })
        for route in model.routes(space.version).routes { if let mtu = route.mtu { limits.insert(mtu) } }
        limits.insert(1280)
        var cuts = [mayNotBeCut(flow)]
        for limit in limits.sorted() where limit < 65535 {
            cuts.append(space.packets(.length, from: 0, through: UInt128(limit)))
        }
        return cuts
    }

    /// The same of what a bridge passes on, with the room that it leaves for a VLAN's tag.
    /// Source: net/core/dev.c `is_skb_forwardable`, Linux 6.18.
    func bridgedLengthCuts(_ flow: Flow) -> [PacketSet] {
        let limits = Set(model.host.interfaces.map { $0.mtu }).filter { $0 < 65531 }.sorted()
        guard space.free.contains(.length) else { return [] }
        return lengthCuts(flow) + limits.map { space.packets(.length, from: 0, through: UInt128($0) + 4) }
    }

    /// Packets whose don't-fragment bit is set where nothing is said of it, or of IPv6.
    func mayNotBeCut(_ flow: Flow) -> PacketSet {
        space.version == .v6 ? .all : space.or(isOf(.tcp, flow), isOf(.udp, flow))
    }

    /// Parts of one length as far as the route, its link and a bridge's ports limit it. Source: `Evaluator.transmit`.
    func byLength(_ way: Way) -> [Way] {
        guard space.free.contains(.length), let route = way.flow.route else { return [way] }
        var limits: Set<UInt32> = []
        if let limit = route.route?.mtu ?? route.interface.flatMap({ model.mtu($0, space.version) }) {
            // No link of IPv6 takes less than 1280.
            limits = space.version == .v6 ? [limit, max(1280, limit)] : [limit]
        }
        // Where the route says more than a bridge's ports take; they leave room for a VLAN's tag.
        if route.route?.mtu != nil, let bridge = route.interface {
            for port in model.host.interfaces where port.master == bridge && port.mtu < 65531 {
                limits.insert(port.mtu + 4)
            }
        }
        let cuts = limits.filter { $0 < 65535 }.sorted().map { space.packets(.length, from: 0, through: UInt128($0)) }
        return cuts.isEmpty ? [way] : parts(way, cuts + [mayNotBeCut(way.flow)])
    }
}
