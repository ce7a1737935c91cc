internal import NetTypes
internal import RuleModel
internal import SourceText

/// Values of which a packet must have one for a rule to match.
typealias IndexedCondition = [(question: RuleIndex.Question, value: UInt32)]

/// The conditions of `rule` that it can stand under in an index, those of its prefilter among them.
func conditions(of rule: Rule, _ prefilter: CompiledRule) -> [IndexedCondition] {
    var found: [IndexedCondition] = []
    func add(_ field: RuleIndex.Question.Field, _ mask: UInt32, _ value: UInt32) {
        if mask != 0 { found.append([(RuleIndex.Question(field: field, mask: mask), value)]) }
    }
    func add(_ field: RuleIndex.Question.Field, _ ranges: [(first: UInt32, last: UInt32)], bits: Int) {
        var condition: IndexedCondition = []
        for range in ranges {
            for block in blocks(range.first, range.last, bits: bits) {
                condition.append((RuleIndex.Question(field: field, mask: block.mask), block.value))
            }
            if condition.count > RuleIndex.mostValues { return }
        }
        if condition.isEmpty || condition.contains(where: { $0.question.mask == 0 }) { return }
        found.append(condition)
    }
    add(.destination, prefilter.destinationMask, prefilter.destination)
    add(.source, prefilter.sourceMask, prefilter.source)
    add(.mark, prefilter.markMask, prefilter.markValue)
    if prefilter.asksPort {
        add(
            .destinationPort,
            [(UInt32(prefilter.destinationPortFirst), UInt32(prefilter.destinationPortLast))], bits: 16)
    }
    for statement in rule.statements {
        guard case .match(let match) = statement, !match.hasItsTurn else { break }
        switch match {
        case .inInterface(.is(let pattern)) where !pattern.isPrefix: add(.inInterface, .max, pattern.name.index)
        case .outInterface(.is(let pattern)) where !pattern.isPrefix: add(.outInterface, .max, pattern.name.index)
        case .tcp(let match) where !match.inversion.contains(.sourcePorts): addSourcePorts(match.sourcePorts)
        case .udp(let match) where !match.sourceIsNegated: addSourcePorts(match.sourcePorts)
        case .multiport(let match) where match.side != .either && !match.ports.isNegated:
            add(
                match.side == .source ? .sourcePort : .destinationPort,
                match.ports.value.map { (UInt32($0.first), UInt32($0.last)) }, bits: 16)
        case .addressRange(let match):
            if case .is(let range)? = match.source { addRange(.source, range) }
            if case .is(let range)? = match.destination { addRange(.destination, range) }
        default: break
        }
    }
    func addSourcePorts(_ range: PortRange) {
        if !range.isAll { add(.sourcePort, [(UInt32(range.first), UInt32(range.last))], bits: 16) }
    }
    func addRange(_ field: RuleIndex.Question.Field, _ range: AddressRange) {
        guard range.first.version == .v4, range.first <= range.last else { return }
        add(field, [(range.first.v4Bits, range.last.v4Bits)], bits: 32)
    }
    if found.isEmpty, prefilter.protocolNumber != 0 { add(.protocol, .max, UInt32(prefilter.protocolNumber)) }
    return found
}

/// The range as blocks of values that have their upper bits in common, at most two for each bit; empty where it is.
private func blocks(_ first: UInt32, _ last: UInt32, bits: Int) -> [(mask: UInt32, value: UInt32)] {
    var result: [(mask: UInt32, value: UInt32)] = []
    var start = UInt64(first)
    while start <= UInt64(last) {
        var size = bits
        if start != 0 { size = min(size, start.trailingZeroBitCount) }
        while start + (1 << UInt64(size)) - 1 > UInt64(last) { size -= 1 }
        let mask = size == 32 ? 0 : UInt32.max << UInt32(size)
        result.append((mask, UInt32(truncatingIfNeeded: start)))
        start += 1 << UInt64(size)
    }
    return result
}

extension Match {
    /// Whether it does something besides being tested, or may: what stands behind it can't be asked before it.
    var hasItsTurn: Bool {
        switch self {
        case .recent, .hashLimit, .limit, .quota, .statistic, .connectionLabel, .socket, .connectionLimit, .cluster,
            .eui64, .unknown:
            true
        case .source, .destination, .sourceV4, .destinationV4, .inInterface, .outInterface, .protocol, .laterFragment,
            .addressType, .ah, .bpf, .cgroup, .comment, .connectionBytes, .connectionMark, .conntrack, .cpu, .dccp,
            .deviceGroup, .dscp, .destinationOptions, .ecn, .esp, .frag, .hopByHop, .helper, .timeToLive, .icmp,
            .ipComp, .addressRange, .ipv6Header, .ipvs, .length, .mac, .mark, .mobilityHeader, .multiport, .accounting,
            .operatingSystem, .owner, .physicalDevice, .packetType, .policy, .rateEstimate, .realm, .reversePath,
            .routingHeader, .sctp, .set, .segmentRouting, .state, .string, .tcp, .tcpMSS, .time, .tos, .u32, .udp,
            .udplite, .native:
            false
        }
    }
}
