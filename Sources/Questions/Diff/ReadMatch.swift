internal import NetTypes
internal import RuleModel
internal import SourceText

extension StatementReader {
    /// What `match` means; `nil` where it holds for every packet.
    mutating func match(_ match: Match) -> Match? {
        switch match {
        case .source(let mask): return isEvery(mask) ? nil : .source(one(mask))
        case .destination(let mask): return isEvery(mask) ? nil : .destination(one(mask))
        case .sourceV4(let mask): return mask.mask == 0 && !mask.isNegated ? nil : .sourceV4(v4(mask))
        case .destinationV4(let mask): return mask.mask == 0 && !mask.isNegated ? nil : .destinationV4(v4(mask))
        case .inInterface(let given): return isEvery(given) ? nil : .inInterface(pattern(given))
        case .outInterface(let given): return isEvery(given) ? nil : .outInterface(pattern(given))
        case .protocol(let test):
            if test.value.number.rawValue == 0, !test.isNegated { return nil }
            return .protocol(Negatable(ProtocolTest(test.value.number), isNegated: test.isNegated))
        case .comment(let text): return keepsComments ? .comment(name(text)) : nil
        case .state(let states):
            // Both test the same bit. Source: net/netfilter/xt_state.c `state_mt`, xt_conntrack.c `conntrack_mt`, Linux
            // 6.18.
            var own = ConntrackMatch()
            own.state = states
            return .conntrack(own)
        case .conntrack(var own):
            own.protocol = spellingless(own.protocol)
            own.originalSource = mask(own.originalSource)
            own.originalDestination = mask(own.originalDestination)
            own.replySource = mask(own.replySource)
            own.replyDestination = mask(own.replyDestination)
            return .conntrack(own)
        case .addressRange(var own):
            own.source = range(own.source)
            own.destination = range(own.destination)
            return .addressRange(own)
        case .physicalDevice(var own):
            own.inDevice = pattern(own.inDevice)
            own.outDevice = pattern(own.outDevice)
            return .physicalDevice(own)
        case .set(var own):
            own.name = Negatable(set(own.name.value), isNegated: own.name.isNegated)
            return .set(own)
        case .ipvs(var own):
            own.protocol = spellingless(own.protocol)
            own.address = mask(own.address)
            return .ipvs(own)
        case .policy(var own):
            for index in own.elements.indices {
                own.elements[index].protocol = spellingless(own.elements[index].protocol)
                own.elements[index].tunnelSource = mask(own.elements[index].tunnelSource)
                own.elements[index].tunnelDestination = mask(own.elements[index].tunnelDestination)
            }
            return .policy(own)
        case .segmentRouting(var own):
            own.nextHeader = spellingless(own.nextHeader)
            return .segmentRouting(own)
        case .recent(var own):
            own.name = name(own.name)
            return .recent(own)
        case .hashLimit(var own):
            own.name = name(own.name)
            return .hashLimit(own)
        case .rateEstimate(var own):
            own.name1 = name(own.name1)
            own.name2 = name(own.name2)
            return .rateEstimate(own)
        case .bpf(var own):
            own.pinnedPath = name(own.pinnedPath)
            return .bpf(own)
        case .cgroup(var own):
            if let path = own.path { own.path = name(path) }
            return .cgroup(own)
        case .string(var own):
            own.algorithm = name(own.algorithm)
            return .string(own)
        case .operatingSystem(var own):
            own.genre = name(own.genre)
            return .operatingSystem(own)
        case .helper(let helper): return .helper(name(helper))
        case .accounting(let object): return .accounting(name(object))
        case .native(let comparison): return .native(self.comparison(comparison))
        case .unknown(let module, let text): return .unknown(module: name(module), text: name(text))
        case .laterFragment, .addressType, .ah, .cluster, .connectionBytes, .connectionLabel, .connectionLimit,
            .connectionMark, .cpu, .dccp, .deviceGroup, .dscp, .destinationOptions, .ecn, .esp, .eui64, .frag,
            .hopByHop, .timeToLive, .icmp, .ipComp, .ipv6Header, .length, .limit, .mac, .mark, .mobilityHeader,
            .multiport, .owner, .packetType, .quota, .realm, .reversePath, .routingHeader, .sctp, .socket, .statistic,
            .tcp, .tcpMSS, .time, .tos, .u32, .udp, .udplite:
            return match
        }
    }

    private mutating func one(_ given: Negatable<AddressMask>) -> Negatable<AddressMask> {
        Negatable(mask(given.value), isNegated: given.isNegated)
    }

    private func isEvery(_ given: Negatable<AddressMask>) -> Bool { given.value.mask.isZero && !given.isNegated }

    private func isEvery(_ given: Negatable<InterfacePattern>) -> Bool {
        given.value.isPrefix && given.value.name == .empty && !given.isNegated
    }
}

extension Match {
    /// Whether it keeps nothing between packets, so that its place among others like it makes no difference.
    var isStateless: Bool {
        switch self {
        case .connectionLimit, .hashLimit, .limit, .quota, .recent, .statistic, .accounting, .unknown: false
        case .native(let comparison): !comparison.expressions.contains { $0.contains(where: Self.isDrawn) }
        case .source, .destination, .sourceV4, .destinationV4, .inInterface, .outInterface, .protocol, .laterFragment,
            .addressType, .ah, .bpf, .cgroup, .cluster, .comment, .connectionBytes, .connectionLabel, .connectionMark,
            .conntrack, .cpu, .dccp, .deviceGroup, .dscp, .destinationOptions, .ecn, .esp, .eui64, .frag, .hopByHop,
            .helper, .timeToLive, .icmp, .ipComp, .addressRange, .ipv6Header, .ipvs, .length, .mac, .mark,
            .mobilityHeader, .multiport, .operatingSystem, .owner, .physicalDevice, .packetType, .policy,
            .rateEstimate, .realm, .reversePath, .routingHeader, .sctp, .set, .socket, .segmentRouting, .state, .string,
            .tcp, .tcpMSS, .time, .tos, .u32, .udp, .udplite:
            true
        }
    }

    private static func isDrawn(_ expression: Expression) -> Bool {
        if case .numberGenerator = expression { return true }
        return false
    }

    /// What it looks at, coarsely: two statements of one kind may be one that was edited.
    var kind: Int {
        switch self {
        case .source, .sourceV4, .addressRange: 1
        case .destination, .destinationV4: 2
        case .inInterface: 3
        case .outInterface: 4
        case .protocol, .laterFragment: 5
        case .tcp, .udp, .udplite, .sctp, .dccp, .multiport, .icmp: 6
        case .conntrack, .state: 7
        case .mark, .connectionMark: 8
        case .set: 9
        case .comment: 10
        case .limit, .hashLimit, .connectionLimit, .quota, .statistic, .recent: 11
        case .native: 12
        case .addressType, .ah, .bpf, .cgroup, .cluster, .connectionBytes, .connectionLabel, .cpu, .deviceGroup, .dscp,
            .destinationOptions, .ecn, .esp, .eui64, .frag, .hopByHop, .helper, .timeToLive, .ipComp, .ipv6Header,
            .ipvs, .length, .mac, .mobilityHeader, .accounting, .operatingSystem, .owner, .physicalDevice, .packetType,
            .policy, .rateEstimate, .realm, .reversePath, .routingHeader, .socket, .segmentRouting, .string, .tcpMSS,
            .time, .tos, .u32, .unknown:
            13
        }
    }
}
