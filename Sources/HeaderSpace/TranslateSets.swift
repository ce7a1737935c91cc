internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

// NAT of sets of packets: where their addresses and ports then come from.
extension SetEvaluator {
    /// A step of NAT: the chains are asked of new connections that have no mapping of that end yet.
    func translated(_ chains: [ChainID], _ entering: [Way], _ context: Context) -> [Way] {
        let isDestination = context.hook == .prerouting || context.hook == .output
        var settled: [Way] = []
        var open: [Way] = []
        // Without chains of NAT nothing tells new connections from others.
        let asked = chains.isEmpty ? entering : entering.flatMap { newAndOthers($0) }
        for way in asked {
            guard case .tracked(let tracked) = way.flow.standing, tracked.state == .new,
                !(isDestination ? tracked.hasDestinationMapping : tracked.hasSourceMapping)
            else {
                settled.append(way)
                continue
            }
            open.append(way)
        }
        for chain in chains where !open.isEmpty {
            var next: [Way] = []
            for end in ended(called(chain, open, context, depth: 0, by: nil), of: chain) {
                if isMapped(end.way.flow, isDestination) || end.verdict == .passedBy {
                    settled.append(end.way)
                } else {
                    next.append(end.way)
                }
            }
            open = space.merged(next)
        }
        return space.merged(
            settled
                + open.map { way in
                    var way = way
                    settle(&way.flow, isDestination)
                    return way
                })
    }

    /// New connections apart from all others.
    private func newAndOthers(_ way: Way) -> [Way] {
        guard case .arrived = way.flow.standing else { return [way] }
        let new = part(of: way, .new)
        let others = Way(packets: space.subtract(way.packets, new.packets), flow: way.flow)
        return [new, others].filter { !$0.packets.isEmpty }
    }

    private func isMapped(_ flow: Flow, _ isDestination: Bool) -> Bool {
        guard case .tracked(let tracked) = flow.standing else { return true }
        return isDestination ? tracked.hasDestinationMapping : tracked.hasSourceMapping
    }

    private func settle(_ flow: inout Flow, _ isDestination: Bool) {
        guard case .tracked(var tracked) = flow.standing else { return }
        if isDestination { tracked.hasDestinationMapping = true } else { tracked.hasSourceMapping = true }
        flow.standing = .tracked(tracked)
    }

    /// DNAT, SNAT, MASQUERADE, REDIRECT and NETMAP: each class of packets is mapped as the simulator maps one of it.
    ///
    /// - Parameters:
    ///   - address: where the new address comes from, if it is not the target's own.
    ///   - port: the same of the port.
    func translate(
        _ target: Target, _ rule: RuleReference, _ way: Way, _ context: Context, address: FieldSource? = nil,
        port: FieldSource? = nil
    ) -> SetAction {
        // Only new connections come to a chain of type nat.
        if case .arrived = way.flow.standing { return .continue([way]) }
        guard case .tracked(let tracked) = way.flow.standing else { return .continue([way]) }
        if tracked.state != .new || tracked.isConfirmed { return .end(.accept) }
        let isDestination = context.hook == .prerouting || context.hook == .output
        if address == nil, leadsPastGoal(target) { return .several(ends: [], onward: []) }
        var ends: [(SetVerdict, Way)] = []
        var onward: [Way] = []
        for one in alikeForNAT(target, rule, way, context) {
            guard let values = space.values(in: one.way.packets), var situation = situation(one.way, context.hook)
            else {
                continue
            }
            var part = one
            part.place(address, port, isDestination, values, space, &situation)
            // MASQUERADE lets by what has no address. Source: net/netfilter/nf_nat_masquerade.c.
            if case .masquerade = target, space.version == .v4, situation.original.source.isZero {
                settle(&part.way.flow, isDestination)
                ends.append((.accept, part.way))
                continue
            }
            switch stages.translate(part.target, rule, situation) {
            case .none: onward.append(part.way)
            case .dropped(let reason): ends.append((reason.map { .untranslated($0) } ?? .drop, part.way))
            case .packets(let packets):
                for (index, choice) in choices(packets, part.way, rule).enumerated() {
                    var mapped = part
                    mapped.way = choice
                    let after = packets[min(index, packets.count - 1)]
                    for way in self.mapped(mapped, situation.packet, after, isDestination) {
                        ends.append((.accept, way))
                    }
                }
            }
        }
        return .several(ends: ends, onward: onward)
    }

    /// Packets that NAT maps in one way, and how.
    private struct NATPart {
        var way: Way
        var target: Target
        var address: FieldSource?
        var port: FieldSource?
        /// Whether conntrack knows the packets by their ports.
        var hasPorts = true
        /// Whether one of a range of addresses is taken that nobody can tell.
        var isDrawn = false

        var nat: NATTarget? {
            switch target {
            case .dnat(let nat), .snat(let nat), .masquerade(let nat), .redirect(let nat): nat
            default: nil
            }
        }

        func with(_ nat: NATTarget) -> NATPart {
            var part = self
            switch target {
            case .dnat: part.target = .dnat(nat)
            case .snat: part.target = .snat(nat)
            case .masquerade: part.target = .masquerade(nat)
            case .redirect: part.target = .redirect(nat)
            default: break
            }
            return part
        }

        /// Gives the target the values that an address and a port from elsewhere have in the packet that is asked.
        mutating func place(
            _ address: FieldSource?, _ port: FieldSource?, _ isDestination: Bool, _ values: FieldValues,
            _ space: PacketSpace, _ situation: inout Situation
        ) {
            self.address = address
            self.port = port
            guard var nat else { return }
            if let address {
                let field = isDestination ? PacketField.destination : .source
                if let value = space.value(address, of: field, values) {
                    let own = space.address(value)
                    nat.addresses = AddressRange(own, own)
                } else {
                    situation.packet.unknown.formUnion(field.fields)
                }
            }
            let field = isDestination ? PacketField.destinationPort : .sourcePort
            if let value = port.flatMap({ space.value($0, of: field, values) }) {
                nat.ports = PortRange(UInt16(truncatingIfNeeded: value))
            }
            self = with(nat)
        }
    }

    /// Parts of `way` of which one packet tells for all what NAT gives them.
    private func alikeForNAT(_ target: Target, _ rule: RuleReference, _ way: Way, _ context: Context) -> [NATPart] {
        var ways = [way]
        switch target {
        case .masquerade:
            // Those without an address keep it.
            if space.version == .v4, case .tracked(let tracked) = way.flow.standing {
                let none = space.packets(tracked.source, of: .source, 0) ?? .none
                ways = [space.and(way.packets, none), space.subtract(way.packets, none)].map {
                    Way(packets: $0, flow: way.flow)
                }
            }
            let choices = hasSeveralAddresses(context.outInterface) ? sourceChoices(way.flow[.destination]) : []
            if !choices.isEmpty {
                ways = ways.flatMap { way in
                    choices.map { Way(packets: space.and(way.packets, $0.packets), flow: way.flow) }
                }
            }
        case .redirect where context.hook == .prerouting:
            // IPv6 takes an address of the destination's scope.
            let byScope = parts(way, scopeCuts(way.flow))
            if way.flow.arrivesByLo {
                ways = byScope
                break
            }
            ways = interfaces.indices.flatMap { number in
                let own = space.packets(.inInterface, UInt128(number))
                return byScope.map { Way(packets: space.and($0.packets, own), flow: $0.flow) }
            }
        default: break
        }
        let open = ways.filter { !$0.packets.isEmpty }.map { NATPart(way: $0, target: target) }
        let isSource = context.hook == .input || context.hook == .postrouting
        return open.flatMap { byPorts($0, isSource) }.flatMap { byMember($0, rule, isSource) }
    }

    /// What tells apart the scopes of destinations of IPv6. Source: net/ipv6/addrconf_core.c `__ipv6_addr_type`.
    private func scopeCuts(_ flow: Flow) -> [PacketSet] {
        guard space.version == .v6 else { return [] }
        let scopes: [(value: UInt128, mask: UInt128)] = [
            (1, .max), (0xff01 << 112, 0xff0f << 112), (0xff02 << 112, 0xff0f << 112), (0xff05 << 112, 0xff0f << 112),
            (0xfe80 << 112, 0xffc0 << 112), (0xfec0 << 112, 0xffc0 << 112),
        ]
        return scopes.map { space.packets(flow[.destination], of: .destination, $0.value, mask: $0.mask) ?? .none }
    }

    /// Whether the interface has more addresses than one that MASQUERADE may take; also where that is not known.
    func hasSeveralAddresses(_ name: Symbol?) -> Bool {
        guard let name, let interface = model.interface(name) else { return true }
        let count = interface.addresses.count {
            $0.address.version == space.version && (space.version == .v6 || $0.scope == .global)
        }
        // IPv6 takes the address of a link for what is on it, and where the interface has none one of another's; to an
        // address of its own the host sends from that. Source: net/ipv6/addrconf.c `ipv6_dev_get_saddr`, Linux 6.18.
        return space.version == .v6 ? count != 1 || interface.isLoopback : count > 1
    }

    private func divided(_ part: NATPart, by cut: PacketSet) -> (inside: NATPart, outside: NATPart) {
        var (inside, outside) = (part, part)
        inside.way.packets = space.and(part.way.packets, cut)
        outside.way.packets = space.subtract(part.way.packets, cut)
        return (inside, outside)
    }

    /// Apart where there are no ports, and where a port already is among those it may become.
    private func byPorts(_ part: NATPart, _ isSource: Bool) -> [NATPart] {
        guard let nat = part.nat, nat.ports != nil || nat.isRandom || nat.isFullyRandom else { return [part] }
        let tracked = IPProtocol.withPorts.filter { $0.isTrackedByPorts }
        var (inside, outside) = divided(part, by: space.union(tracked.map { isOf($0, part.way.flow) }))
        outside.hasPorts = false
        var result = [outside, inside]
        if let ports = nat.ports, !ports.isSingle, nat.basePort == nil {
            let field = isSource ? PacketField.sourcePort : .destinationPort
            let own = space.packets(
                part.way.flow[field], of: field, from: UInt128(ports.first), through: UInt128(ports.last))
            let (among, beside) = divided(inside, by: own ?? .none)
            result = [outside, among, beside]
        }
        return result.filter { !$0.way.packets.isEmpty }
    }

    /// Of a range of addresses one is taken by a hash over the packet's: a part for each. A source stays that is in it.
    private func byMember(_ part: NATPart, _ rule: RuleReference, _ isSource: Bool) -> [NATPart] {
        guard var nat = part.nat, let range = nat.addresses, !range.isSingle, range.first.version == space.version
        else {
            return [part]
        }
        var result: [NATPart] = []
        var open = part
        if isSource, !nat.isRandom, !nat.isFullyRandom {
            var stays =
                space.packets(
                    part.way.flow[.source], of: .source, from: space.number(range.first),
                    through: space.number(range.last)) ?? .none
            if part.hasPorts, let ports = nat.ports {
                let own = space.packets(
                    part.way.flow[.sourcePort], of: .sourcePort, from: UInt128(ports.first),
                    through: UInt128(ports.last))
                stays = space.and(stays, own ?? .none)
            }
            let (inside, outside) = divided(part, by: stays)
            if !inside.way.packets.isEmpty {
                nat.addresses = nil
                result.append(inside.with(nat))
            }
            open = outside
            if open.way.packets.isEmpty { return result }
        }
        let count = space.number(range.last) - space.number(range.first)
        guard count < 16 else {
            open.isDrawn = true
            return result + [open]
        }
        let members = (0...count).map { space.address(space.number(range.first) + $0) }
        let place = cite(rule)
        let parts = alternatives("nat-address@\(place)", members.map { "\($0)" }, open.way) {
            "the kernel chooses \($0) (\(place))"
        }
        for (index, way) in parts {
            nat.addresses = AddressRange(members[index], members[index])
            var own = open.with(nat)
            own.way = way
            result.append(own)
        }
        return result
    }

    /// A part of `way` for each of the packets of which the kernel chooses one.
    private func choices(_ packets: [Packet], _ way: Way, _ rule: RuleReference) -> [Way] {
        if packets.count < 2 { return [way] }
        let isSource = packets[0].source != packets[packets.count - 1].source
        let texts = packets.map { "\(isSource ? $0.source : $0.destination)" }
        let place = cite(rule)
        var result = [Way](repeating: Way(packets: .none, flow: way.flow), count: packets.count)
        let parts = alternatives("nat-address@\(place)", texts, way) { "the kernel chooses \($0) (\(place))" }
        for (index, part) in parts { result[index] = part }
        return result
    }

    /// `part` as mapped the way one of its packets was, from `before` to `after`.
    private func mapped(_ part: NATPart, _ before: Packet, _ after: Packet, _ isDestination: Bool) -> [Way] {
        let way = part.way
        if way.packets.isEmpty { return [] }
        let field = isDestination ? PacketField.destination : .source
        let portField = isDestination ? PacketField.destinationPort : .sourcePort
        var flow = way.flow
        let address = isDestination ? after.destination : after.source
        if case .netmap(let prefix) = part.target {
            flow[field] = space.written(
                flow[field], of: field, keeping: ~space.number(prefix.mask), xor: space.number(prefix.address))
        } else if part.isDrawn || after.unknown.contains(isDestination ? .destination : .source) {
            flow[field] = .unknown
        } else if let address = part.address {
            flow[field] = address
        } else if gives(part.target) {
            flow[field] = .constant(space.number(address))
        }
        if part.hasPorts { flow[portField] = newPort(part, before, after, isDestination) ?? flow[portField] }
        guard case .tracked(var tracked) = flow.standing else { return [way] }
        if isDestination { tracked.hasDestinationMapping = true } else { tracked.hasSourceMapping = true }
        // What already is as it is to become counts as not translated.
        let same = space.and(
            space.and(way.packets, equal(way.flow[field], flow[field], field)),
            equal(way.flow[portField], flow[portField], portField))
        var result: [Way] = []
        if !same.isEmpty {
            var unchanged = way.flow
            unchanged.standing = .tracked(tracked)
            result.append(Way(packets: same, flow: unchanged))
        }
        if isDestination { tracked.isDestinationTranslated = true } else { tracked.isSourceTranslated = true }
        flow.standing = .tracked(tracked)
        var changed = space.subtract(way.packets, same)
        // What gets another address loses the route that it came by over lo.
        // Source: net/netfilter/nf_nat_proto.c `nf_nat_ipv4_pre_routing`, Linux 6.18; see `Evaluator.askNAT`.
        if isDestination, flow.isLoopedBack {
            let keeping = space.and(changed, equal(way.flow[field], flow[field], field))
            if !keeping.isEmpty { result.append(Way(packets: keeping, flow: flow)) }
            changed = space.subtract(changed, keeping)
            flow.isLoopedBack = false
        }
        result.append(Way(packets: changed, flow: flow))
        return isDestination ? towardGoal(result) : result
    }

    /// Whether a target gives every packet that it takes another destination than the one that alone is asked about.
    private func leadsPastGoal(_ target: Target) -> Bool {
        guard let goal, case .dnat(let nat) = target, let addresses = nat.addresses, addresses.isSingle else {
            return false
        }
        return addresses.first.version == space.version && addresses.first != goal
    }

    /// Of `ways` behind NAT the packets that may be for the destination that alone is asked about.
    func towardGoal(_ ways: [Way]) -> [Way] {
        guard let goal else { return ways }
        return ways.map { way in
            let there = space.packets(way.flow[.destination], of: .destination, space.number(goal)) ?? .all
            return Way(packets: space.and(way.packets, there), flow: way.flow)
        }.filter { !$0.packets.isEmpty }
    }

    /// What the port becomes; `nil`: it stays.
    private func newPort(
        _ part: NATPart, _ before: Packet, _ after: Packet, _ isDestination: Bool
    ) -> FieldSource? {
        let fields: PacketFields = isDestination ? .destinationPort : .sourcePort
        if !after.unknown.isDisjoint(with: fields) && before.unknown.isDisjoint(with: fields)
            || !isDestination && after.sourcePortChoices != nil
        {
            return .unknown
        }
        guard let nat = part.nat, let ports = nat.ports else { return nil }
        if nat.basePort != nil { return .unknown }
        if let port = part.port { return port }
        if ports.isSingle { return .constant(UInt128(ports.first)) }
        let own = isDestination ? before.destinationPort : before.sourcePort
        if ports.contains(own), before.unknown.isDisjoint(with: fields) { return nil }
        return .constant(UInt128(isDestination ? after.destinationPort : after.sourcePort))
    }

    /// Packets of which both sources make one value.
    func equal(_ a: FieldSource, _ b: FieldSource, _ field: PacketField) -> PacketSet {
        if a == b { return a == .unknown ? .none : .all }
        if case .constant(let value) = b { return space.packets(a, of: field, value) ?? .none }
        guard let left = space.bits(a, of: field), let right = space.bits(b, of: field) else { return .none }
        var result = PacketSet.all
        for (one, other) in zip(left, right) where one != other {
            guard let constant = other.constant else { return .none }
            let wanted: UInt128 = constant ? 1 : 0
            result = space.and(result, space.packets(.bits([one]), of: field, wanted, mask: 1) ?? .none)
        }
        return result
    }

    private func gives(_ target: Target) -> Bool {
        switch target {
        case .dnat(let nat), .snat(let nat): nat.addresses != nil
        case .masquerade, .redirect: true
        default: false
        }
    }
}
