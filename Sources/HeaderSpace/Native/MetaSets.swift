internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// What the names of interfaces that rules see are asked with.
struct NameKey: Hashable {
    var key: MetaKey
    var context: SetEvaluator.Context
}

// Words of `meta`, `ct` and `rt` for sets of packets.
extension SetEvaluator {
    func cases(of key: MetaKey, _ asked: Asked) -> [NativeCase] {
        let flow = asked.flow
        let expression = Expression.meta(key)
        func same(_ bits: [Bit?]) -> [NativeCase] { [NativeCase(packets: .all, word: .bits(bits))] }
        switch key {
        case .mark: return same(word(flow[.mark], .mark))
        case .layer4Protocol: return same(word(flow[.protocol], .protocol))
        case .length:
            guard space.free.contains(.length) else { return byProtocol(expression, within: .all, asked) }
            return same(NativeWord.fitted(word(flow[.length], .length), 32))
        case .inIndex, .inName, .inType, .inGroup, .inKind: return names(key, asked)
        case .userID, .groupID, .cgroup:
            let syn = flags(flow, mask: [.syn, .ack], value: .syn)
            let icmp = isOf(space.version == .v4 ? .icmp : .icmpv6, flow)
            let field: PacketField? = key == .userID ? .user : key == .groupID ? .group : nil
            return byAsking(expression, cuts: [icmp, space.and(isOf(.tcp, flow), syn)], asked).map { one in
                guard case .bits(let bits) = one.word, !bits.contains(nil), let field, space.free.contains(field) else {
                    return one
                }
                return NativeCase(packets: one.packets, word: .bits(word(.arriving, field)))
            }
        case .packetType: return byAsking(expression, cuts: frameCuts(flow), asked)
        case .priority:
            if flow.native.priority != .constant(0) {
                guard let bits = space.bits(flow.native.priority, of: .mark) else {
                    return same([Bit?](repeating: nil, count: 32))
                }
                return same(bits.map { Optional($0) })
            }
            return byAsking(
                expression, cuts: [space.packets(flow[.tos], of: .tos, 0, mask: 0x1e) ?? .none], asked)
        case .protocol, .networkProtocol, .outIndex, .outName, .outType, .outGroup, .outKind, .classIdentifier,
            .isSecured, .slaveInIndex, .slaveInName, .traces, .cpu, .random, .time, .day, .hour, .bridgeInName,
            .bridgeOutName, .bridgePVID, .bridgeProtocol:
            return byAsking(expression, asked)
        }
    }

    /// What is told of the interface that packets came by: the same for all that come by it.
    private func names(_ key: MetaKey, _ asked: Asked) -> [NativeCase] {
        if asked.flow.arrivesByLo || !asked.context.hasInInterface { return byAsking(.meta(key), asked) }
        let place = NameKey(key: key, context: asked.context)
        if let known = nameCases[place] { return known }
        var all = asked
        all.packets = .all
        let made = byInInterface(.meta(key), all)
        nameCases[place] = made
        return made
    }

    // MARK: ct

    func cases(of key: ConnectionKey, _ direction: ConnectionDirection?, _ asked: Asked) -> [NativeCase] {
        let flow = asked.flow
        let expression = Expression.connection(key, direction)
        func same(_ word: NativeWord) -> [NativeCase] { [NativeCase(packets: .all, word: word)] }
        if case .arrived = flow.standing {
            return ArrivalState.allCases.flatMap { state -> [NativeCase] in
                let way = part(of: Way(packets: asked.packets, flow: flow), state)
                if way.packets.isEmpty { return [] }
                var own = asked
                (own.packets, own.flow) = (way.packets, way.flow)
                let there = space.packets(.state, UInt128(state.rawValue))
                return cases(of: key, direction, own).map {
                    NativeCase(packets: space.and($0.packets, there), word: $0.word)
                }
            }
        }
        if key == .state { return same(NativeWord(Literal(stateBit(flow), .connectionState, bits: 32).bytes)) }
        guard case .tracked(let tracked) = flow.standing else { return same(.absent) }
        switch key {
        case .mark: return same(.bits(word(tracked.mark, .connectionMark)))
        case .protocol: return same(.bits(word(flow[.protocol], .protocol)))
        case .source, .destination, .sourceV4, .destinationV4, .sourceV6, .destinationV6, .sourcePort, .destinationPort:
            return tupleCases(key, direction ?? .original, tracked, asked)
        case .bytes, .averagePacket:
            if direction == .reply || !space.free.contains(.length) {
                return byProtocol(expression, within: .all, asked)
            }
            return byAsking(expression, asked).map { one in
                guard case .bits(let bits) = one.word, let bytes = space.constant(bits),
                    bytes.contains(where: { $0 != 0 })
                else { return one }
                return NativeCase(
                    packets: one.packets, word: .bits(NativeWord.fitted(word(flow[.length], .length), 64)))
            }
        case .state, .direction, .status, .expiration, .helper, .networkProtocol, .label, .packets, .zone, .eventMask,
            .identifier:
            return byAsking(expression, asked)
        }
    }

    /// Source: include/uapi/linux/netfilter/nf_conntrack_common.h `NF_CT_STATE_BIT`.
    private func stateBit(_ flow: Flow) -> UInt64 {
        switch flow.standing {
        // `cases(of:)` has parted those by state.
        case .arrived: 8
        case .none: flow.template == nil ? 1 : 8
        case .invalid: 1
        case .untracked: 64
        case .tracked(let tracked):
            tracked.state.contains(.established) ? 2 : tracked.state.contains(.related) ? 4 : 8
        }
    }

    private func tupleCases(
        _ key: ConnectionKey, _ direction: ConnectionDirection, _ tracked: Flow.Tracked, _ asked: Asked
    ) -> [NativeCase] {
        let flow = asked.flow
        func same(_ word: NativeWord) -> [NativeCase] { [NativeCase(packets: .all, word: word)] }
        switch key {
        case .sourceV4, .destinationV4: if space.version != .v4 { return same(.absent) }
        case .sourceV6, .destinationV6: if space.version != .v6 { return same(.absent) }
        default: break
        }
        // Answers come from where the packet goes now, and go to where it now comes from. What rules wrote into it is not
        // in the entry.
        let isTranslated = tracked.isSourceTranslated || tracked.isDestinationTranslated
        func end(_ isSource: Bool, _ field: (source: PacketField, destination: PacketField)) -> [Bit?] {
            let isOriginal = direction == .original
            let asksSource = isSource == isOriginal
            let own = asksSource ? field.source : field.destination
            if isOriginal || !isTranslated {
                switch own {
                case .source: return word(tracked.source, own)
                case .destination: return word(tracked.destination, own)
                case .sourcePort: return word(tracked.sourcePort, own)
                default: return word(tracked.destinationPort, own)
                }
            }
            return word(flow[own], own)
        }
        switch key {
        case .source, .sourceV4, .sourceV6: return same(.bits(end(true, (.source, .destination))))
        case .destination, .destinationV4, .destinationV6: return same(.bits(end(false, (.source, .destination))))
        default: break
        }
        let tracks = IPProtocol.withPorts.filter { $0.isTrackedByPorts }
        let withPorts = space.union(tracks.map { isOf($0, flow) })
        let bits = end(key == .sourcePort, (.sourcePort, .destinationPort))
        var others = asked
        others.packets = space.subtract(asked.packets, withPorts)
        // Of ICMP it is type and code, which differ as ports do.
        let icmp = isOf(space.version == .v4 ? .icmp : .icmpv6, flow)
        var result = [NativeCase(packets: withPorts, word: .bits(bits))]
        let expression = Expression.connection(key, direction)
        for region in [icmp, space.complement(space.or(icmp, withPorts))] {
            guard let word = valueOfOne(expression, region, others) else { continue }
            guard region == icmp, key == .destinationPort else {
                result.append(NativeCase(packets: region, word: word))
                continue
            }
            let own =
                direction == .original
                ? NativeWord.bits(self.word(tracked.destinationPort, .destinationPort)) : .unknown
            result.append(NativeCase(packets: region, word: own))
        }
        return grouped(result)
    }

    // MARK: rt

    func cases(of key: RouteKey, _ asked: Asked) -> [NativeCase] {
        let found = byAsking(.route(key), asked)
        guard key == .nextHopV4 || key == .nextHopV6, asked.flow.route?.nextHop == nil else { return found }
        return found.map { one in
            guard case .bits(let bits) = one.word, !bits.contains(nil) else { return one }
            // On a link the next hop is the destination itself.
            return NativeCase(packets: one.packets, word: .bits(word(asked.flow[.destination], .destination)))
        }
    }
}
