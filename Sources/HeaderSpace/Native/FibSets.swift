internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// What a look-up in the routing tables hangs on, beside the packet.
struct FibKey: Hashable {
    var query: FibQuery
    var context: SetEvaluator.Context
    var isLoopedBack: Bool
    var sources: [FieldSource]
}

// `fib`: what the routing tables say of addresses, asked of one packet of each class that they tell apart.
extension SetEvaluator {
    func cases(of query: FibQuery, _ asked: Asked) -> [NativeCase] {
        let flow = asked.flow
        let fields: [PacketField] = [.source, .destination, .protocol, .mark, .tos]
        let key = FibKey(
            query: query, context: asked.context, isLoopedBack: flow.arrivesByLo, sources: fields.map { flow[$0] })
        if let known = fibCases[key] { return known }
        // Asked of all packets, so that the answer holds for every rule.
        var all = asked
        all.packets = .all
        let expression = Expression.fib(query)
        let cuts = fibCuts(query, flow)
        // Addresses of a link are looked up by the packet's own device.
        let isByInterface =
            query.flags.contains(.inInterface) || query.result != .addressType || space.version == .v6
        var result: [NativeCase] = []
        for atom in atoms(query.flags.contains(.destination) ? .destination : .source, flow) {
            var part = all
            part.packets = atom
            let own =
                isByInterface
                ? byInInterface(expression, cuts: cuts, part) : byAsking(expression, cuts: cuts, part)
            for one in own { result.append(NativeCase(packets: space.and(one.packets, atom), word: one.word)) }
        }
        let made = grouped(result)
        fibCases[key] = made
        return made
    }

    /// Parts of all packets with addresses that every routing table treats alike.
    private func atoms(_ field: PacketField, _ flow: Flow) -> [PacketSet] {
        switch flow[field] {
        case .arriving: addressAtoms(field).map { $0.packets }
        case .bits(let bits): makeAtoms(routedPrefixes, field, .bits(bits)).map { $0.packets }
        case .constant, .lowered, .unknown, .various: [.all]
        }
    }

    /// What a look-up asks beside the address that it is about.
    private func fibCuts(_ query: FibQuery, _ flow: Flow) -> [PacketSet] {
        var cuts: [PacketSet] = []
        switch space.version {
        case .v4:
            // Before Linux 5.3 all of 0.0.0.0/8 counts as no address.
            let ofThisNetwork = addresses(.source, [IPPrefix(IPAddress(v4: 0), length: 8)], flow)
            let zero = addresses(.source, [IPPrefix(host: .zero(.v4))], flow)
            let near = addresses(
                .destination, [IPPrefix(IPAddress(v4: 0xe000_0000), length: 24), IPPrefix(host: IPAddress(v4: .max))],
                flow)
            cuts += [space.and(zero, near), space.and(ofThisNetwork, near)]
        case .v6:
            let groups = (0..<16).map { IPPrefix(IPAddress(v6High: (0xff02 | $0 << 4) << 48, low: 0), length: 16) }
            let near = addresses(
                .destination, groups + [IPPrefix(IPAddress(v6High: 0xfe80 << 48, low: 0), length: 10)], flow)
            let zero = addresses(.source, [IPPrefix(host: .zero(.v6))], flow)
            cuts.append(space.and(isOf(.icmpv6, flow), space.and(zero, near)))
        }
        let asksDestination = query.flags.contains(.destination)
        return cuts
            + lookupCuts(from: asksDestination ? .source : .destination, usesMark: query.flags.contains(.mark), flow)
    }

    /// What rules of routing ask of a look-up besides the address that it is about.
    ///
    /// - Parameter other: the packet's address that is the look-up's source.
    func lookupCuts(from other: PacketField, usesMark: Bool, _ flow: Flow) -> [PacketSet] {
        var cuts: [PacketSet] = []
        var hasSource = false
        for rule in model.routes(space.version).rules {
            if let from = rule.from, from.length > 0 {
                hasSource = true
                cuts.append(addresses(other, [from], flow))
            }
            if let mark = rule.mark, usesMark {
                cuts.append(word(.is(mark), flow[.mark], .mark, "mark"))
            }
            if rule.tos != 0 { cuts.append(typeOfService(rule.tos, flow)) }
            if let wanted = rule.protocol { cuts.append(isOf(wanted, flow)) }
        }
        for route in model.routes(space.version).routes {
            if route.tos != 0 { cuts.append(typeOfService(route.tos, flow)) }
            if let from = route.from, from.length > 0 {
                hasSource = true
                cuts.append(addresses(other, [from], flow))
            }
        }
        if hasSource { cuts.append(addresses(other, specialPrefixes, flow)) }
        return cuts
    }

    private func addresses(_ field: PacketField, _ prefixes: [IPPrefix], _ flow: Flow) -> PacketSet {
        space.union(prefixes.map { space.packets(flow[field], of: field, in: $0) ?? .none })
    }
}
