internal import NetTypes
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Whether `match` may change something.
    func hasEffect(_ match: Match) -> Bool {
        switch match {
        case .recent(let match): match.operation.value != .check
        case .connectionLabel(let match): match.sets
        case .socket(let match): match.restoresMark
        case .cluster: true
        case .source, .destination, .sourceV4, .destinationV4, .inInterface, .outInterface, .protocol, .laterFragment,
            .addressType, .ah, .bpf, .cgroup, .comment, .connectionBytes, .connectionLimit, .connectionMark, .conntrack,
            .cpu, .dccp, .deviceGroup, .dscp, .destinationOptions, .ecn, .esp, .eui64, .frag, .hashLimit, .hopByHop,
            .helper, .timeToLive, .icmp, .ipComp, .addressRange, .ipv6Header, .ipvs, .length, .limit, .mac, .mark,
            .mobilityHeader, .multiport, .accounting, .operatingSystem, .owner, .physicalDevice, .packetType, .policy,
            .quota, .rateEstimate, .realm, .reversePath, .routingHeader, .sctp, .set, .segmentRouting, .state,
            .statistic, .string, .tcp, .tcpMSS, .time, .tos, .u32, .udp, .udplite, .native, .unknown:
            false
        }
    }

    /// Does what `match` does to the packet or its connection besides being tested.
    ///
    /// The kernel does it as soon as the match is reached, so it stays done where a later match of the rule fails.
    ///
    /// - Parameter answer: what the test came to; never perhaps.
    func applyEffect(of match: Match, holding answer: Bool, to state: inout WalkState) {
        switch match {
        case .recent(let match):
            let isInList = answer != match.operation.isNegated
            var entry = RecentEntry(match, state.packet)
            switch match.operation.value {
            // `--set` puts the address in whether or not the rule asks for the negative.
            case .set: break
            case .update: if !isInList { return }
            case .remove: entry.isListed = false
            case .check: return
            }
            state.recentEntries.removeAll { $0.list == entry.list && $0.address == entry.address }
            state.recentEntries.append(entry)
        case .connectionLabel(let match):
            guard match.sets, case .entry(var tracked) = state.connection, !tracked.entry.lacksLabels,
                !tracked.entry.labels.contains(match.label.value)
            else { return }
            tracked.entry.labels.append(match.label.value)
            state.connection = .entry(tracked)
        case .socket(let match):
            // The socket's mark is not in any dump.
            if match.restoresMark, answer { state.packet.unknown.insert(.mark) }
        case .cluster:
            // Source: net/netfilter/xt_cluster.c: a unicast packet in a multicast frame becomes one for this host.
            if state.packet.packetType == .multicast, !state.packet.destination.isMulticast {
                state.packet.packetType = .unicast
            }
        case .source, .destination, .sourceV4, .destinationV4, .inInterface, .outInterface, .protocol, .laterFragment,
            .addressType, .ah, .bpf, .cgroup, .comment, .connectionBytes, .connectionLimit, .connectionMark, .conntrack,
            .cpu, .dccp, .deviceGroup, .dscp, .destinationOptions, .ecn, .esp, .eui64, .frag, .hashLimit, .hopByHop,
            .helper, .timeToLive, .icmp, .ipComp, .addressRange, .ipv6Header, .ipvs, .length, .limit, .mac, .mark,
            .mobilityHeader, .multiport, .accounting, .operatingSystem, .owner, .physicalDevice, .packetType, .policy,
            .quota, .rateEstimate, .realm, .reversePath, .routingHeader, .sctp, .set, .segmentRouting, .state,
            .statistic, .string, .tcp, .tcpMSS, .time, .tos, .u32, .udp, .udplite, .native, .unknown:
            break
        }
    }
}

extension RecentEntry {
    /// The entry that `match` asks about, taken to be there.
    init(_ match: RecentMatch, _ packet: Packet) {
        list = match.name
        let address = match.usesDestination ? packet.destination : packet.source
        self.address = match.mask.map { AddressMask(address, mask: $0).address } ?? address
    }
}
