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
    func translate(_ target: Target, _ rule: RuleReference, _ way: Way, _ context: Context) -> SetAction {
        if case .arrived = way.flow.standing {
            // Only new connections come to a chain of type nat.
            return .continue([way])
        }
        guard case .tracked(let tracked) = way.flow.standing else { return .continue([way]) }
        if tracked.state != .new { return .end(.accept) }
        let isDestination = context.hook == .prerouting || context.hook == .output
        var ends: [(SetVerdict, Way)] = []
        for part in alikeForNAT(target, way, context) {
            guard let situation = situation(part, context.hook) else { continue }
            switch stages.translate(target, rule, situation) {
            case .none: return .continue([way])
            case .dropped: ends.append((.drop, part))
            case .packets(let packets):
                for (index, choice) in choices(packets, part, target, rule).enumerated() {
                    let after = packets[min(index, packets.count - 1)]
                    for mapped in mapped(choice, target, situation.packet, after, isDestination) {
                        ends.append((.accept, mapped))
                    }
                }
            }
        }
        return .several(ends: ends, onward: [])
    }

    /// Parts of `way` of which one packet tells for all what address NAT gives them.
    private func alikeForNAT(_ target: Target, _ way: Way, _ context: Context) -> [Way] {
        func byAddress(_ field: PacketField) -> [Way] {
            guard way.flow[field] == .arriving else { return [way] }
            return addressAtoms(field).map { Way(packets: space.and(way.packets, $0.packets), flow: way.flow) }
                .filter { !$0.packets.isEmpty }
        }
        switch target {
        case .masquerade:
            return hasSeveralAddresses(context.outInterface) ? byAddress(.destination) : [way]
        case .redirect where context.hook == .prerouting && !way.flow.arrivesByLo:
            return space.interfaces.indices.map { number in
                let own = space.packets(.inInterface, UInt128(number))
                return Way(packets: space.and(way.packets, own), flow: way.flow)
            }.filter { !$0.packets.isEmpty }
        default: return [way]
        }
    }

    /// Whether the interface has more addresses than one that MASQUERADE may take; also where that is not known.
    func hasSeveralAddresses(_ name: Symbol?) -> Bool {
        guard let name, let interface = model.host.interface(name) else { return true }
        return interface.addresses.count { $0.address.version == space.version && $0.scope == .global } > 1
    }

    /// A part of `way` for each of the packets of which the kernel chooses one.
    private func choices(_ packets: [Packet], _ way: Way, _ target: Target, _ rule: RuleReference) -> [Way] {
        if packets.count < 2 { return [way] }
        var rest = way
        var result: [Way] = []
        for packet in packets.dropLast() {
            let isSource = packet.source != packets[packets.count - 1].source
            let address = isSource ? packet.source : packet.destination
            let holds = unknown("nat-address@\(cite(rule))=\(address)", "the kernel chooses \(address) (\(cite(rule)))")
            result.append(Way(packets: space.and(rest.packets, holds), flow: way.flow))
            rest.packets = space.subtract(rest.packets, holds)
        }
        return result + [rest]
    }

    /// `way` as mapped the way one of its packets was, from `before` to `after`.
    private func mapped(
        _ way: Way, _ target: Target, _ before: Packet, _ after: Packet, _ isDestination: Bool
    ) -> [Way] {
        let field = isDestination ? PacketField.destination : .source
        let portField = isDestination ? PacketField.destinationPort : .sourcePort
        var flow = way.flow
        let address = isDestination ? after.destination : after.source
        switch target {
        case .netmap(let prefix):
            flow[field] = space.written(
                flow[field], of: field, keeping: ~space.number(prefix.mask), xor: space.number(prefix.address))
        default:
            if after.unknown.contains(isDestination ? .destination : .source) {
                flow[field] = .unknown
            } else if gives(target) {
                flow[field] = .constant(space.number(address))
            }
        }
        let isDrawn =
            after.unknown.contains(isDestination ? .destinationPort : .sourcePort)
            && !before.unknown.contains(isDestination ? .destinationPort : .sourcePort)
            || !isDestination && after.sourcePortChoices != nil
        if isDrawn {
            flow[portField] = .unknown
        } else if let port = givenPort(target) {
            flow[portField] = .constant(UInt128(port))
        } else if shiftsPort(target) {
            flow[portField] = .unknown
        }
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
        // Source: net/netfilter/nf_nat_proto.c `nf_nat_ipv4_pre_routing`, Linux 6.18; see `Evaluator.askNAT`.
        if isDestination, flow.arrivesByLo { flow.isLoopedBack = false }
        result.append(Way(packets: space.subtract(way.packets, same), flow: flow))
        return result
    }

    /// Packets of which both sources make one value.
    private func equal(_ a: FieldSource, _ b: FieldSource, _ field: PacketField) -> PacketSet {
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

    private func givenPort(_ target: Target) -> UInt16? {
        switch target {
        case .dnat(let nat), .snat(let nat), .masquerade(let nat), .redirect(let nat):
            guard nat.basePort == nil, let ports = nat.ports, ports.isSingle else { return nil }
            return ports.first
        default: return nil
        }
    }

    private func shiftsPort(_ target: Target) -> Bool {
        switch target {
        case .dnat(let nat), .snat(let nat), .masquerade(let nat), .redirect(let nat): nat.basePort != nil
        default: false
        }
    }
}
