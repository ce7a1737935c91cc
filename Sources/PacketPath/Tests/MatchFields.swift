internal import NetTypes
internal import RuleModel

extension Evaluator {
    /// The fields of the packet and its surroundings that `match` looks at.
    func fields(of match: Match) -> PacketFields {
        switch match {
        case .source, .sourceV4: .source
        case .destination, .destinationV4: .destination
        case .inInterface: .inInterface
        case .protocol: .protocol
        case .laterFragment, .frag: .fragment
        case .addressType(let match): addressFields(match.source == nil, match.destination == nil)
        case .addressRange(let match): addressFields(match.source == nil, match.destination == nil)
        case .deviceGroup(let match): match.source == nil ? [] : .inInterface
        case .physicalDevice: .inInterface
        case .connectionMark: .connectionMark
        case .conntrack(let match): fields(of: match)
        case .state: .connectionState
        case .connectionBytes(let match):
            match.mode == .packets ? .connectionState : [.connectionState, .length]
        case .connectionLabel, .helper: .connectionState
        case .cluster, .connectionLimit: [.source, .connectionState]
        case .dscp, .tos: .dscp
        case .ecn(let match):
            (match.ect == nil ? [] : PacketFields.dscp).union(match.ece == nil && match.cwr == nil ? [] : .tcpFlags)
        case .timeToLive: .ttl
        case .length: .length
        case .mark: .mark
        case .mac: .mac
        case .eui64: [.mac, .source]
        case .packetType: .packetType
        case .owner, .cgroup: .owner
        case .icmp: [.protocol, .icmpType]
        case .tcp(let match): fields(of: match)
        case .udp(let match), .udplite(let match):
            portFields(match.sourcePorts.isAll, match.destinationPorts.isAll)
        case .sctp(let match):
            portFields(match.sourcePort == nil, match.destinationPort == nil)
                .union(match.chunkMode == nil ? [] : .otherHeaders)
        case .dccp(let match):
            portFields(match.sourcePort == nil, match.destinationPort == nil)
                .union(match.types == nil && match.option == nil ? [] : .otherHeaders)
        case .multiport(let match): portFields(match.side == .destination, match.side == .source)
        case .tcpMSS: [.protocol, .tcpFlags, .tcpOptions]
        case .operatingSystem: [.protocol, .tcpFlags, .tcpOptions]
        case .ah, .esp, .ipComp, .mobilityHeader: [.protocol, .otherHeaders]
        case .destinationOptions, .hopByHop, .routingHeader, .segmentRouting, .ipv6Header: .otherHeaders
        case .bpf: [.payload, .otherHeaders]
        case .u32(let test): fields(of: test.value)
        case .string: [.payload, .length]
        case .recent(let match): match.usesDestination ? .destination : .source
        case .hashLimit(let match): fields(of: match)
        case .reversePath(let match): match.usesMark ? [.source, .inInterface, .mark] : [.source, .inInterface]
        case .set(let match): fields(of: match)
        case .socket: [.protocol, .destination, .destinationPort]
        case .ipvs: [.protocol, .destination, .destinationPort]
        case .outInterface, .comment, .cpu, .limit, .accounting, .policy, .quota, .rateEstimate, .realm, .statistic,
            .time, .unknown:
            []
        case .native(let comparison):
            comparison.expressions.reduce(PacketFields()) { $0.union(fields(of: $1)) }
        }
    }

    private func addressFields(_ hasNoSource: Bool, _ hasNoDestination: Bool) -> PacketFields {
        var fields: PacketFields = []
        if !hasNoSource { fields.insert(.source) }
        if !hasNoDestination { fields.insert(.destination) }
        return fields
    }

    private func portFields(_ hasNoSource: Bool, _ hasNoDestination: Bool) -> PacketFields {
        var fields: PacketFields = .protocol
        if !hasNoSource { fields.insert(.sourcePort) }
        if !hasNoDestination { fields.insert(.destinationPort) }
        return fields
    }

    private func fields(of match: TCPMatch) -> PacketFields {
        var fields = portFields(match.sourcePorts.isAll, match.destinationPorts.isAll)
        if !match.flagsMask.isEmpty { fields.insert(.tcpFlags) }
        if match.option != 0 { fields.insert(.tcpOptions) }
        return fields
    }

    private func fields(of match: ConntrackMatch) -> PacketFields {
        var fields: PacketFields = .connectionState
        if match.originalSource != nil || match.replyDestination != nil { fields.insert(.source) }
        if match.originalDestination != nil || match.replySource != nil { fields.insert(.destination) }
        if match.originalSourcePort != nil || match.replyDestinationPort != nil { fields.insert(.sourcePort) }
        if match.originalDestinationPort != nil || match.replySourcePort != nil { fields.insert(.destinationPort) }
        if match.protocol != nil { fields.insert(.protocol) }
        return fields
    }

    /// What lies at the offsets of an IPv4 packet that the program begins its loads from.
    private func fields(of program: U32Program) -> PacketFields {
        var fields: PacketFields = []
        let places: [(first: UInt32, fields: PacketFields)] = [
            (0, [.dscp, .length]), (4, .fragment), (8, [.ttl, .protocol]), (12, .source), (16, .destination),
        ]
        for test in program.tests {
            for place in places where test.start < place.first + 4 && place.first < test.start &+ 4 {
                fields.formUnion(place.fields)
            }
            if test.start > 16 || test.steps.contains(where: { $0.operation == .at }) {
                fields.formUnion([.sourcePort, .destinationPort, .payload])
            }
        }
        return fields
    }

    private func fields(of match: HashLimitMatch) -> PacketFields {
        var fields: PacketFields = []
        if match.mode.contains(.sourceAddress) { fields.insert(.source) }
        if match.mode.contains(.destinationAddress) { fields.insert(.destination) }
        if match.mode.contains(.sourcePort) { fields.insert(.sourcePort) }
        if match.mode.contains(.destinationPort) { fields.insert(.destinationPort) }
        return fields
    }

    /// A set's type is not in the rule: every address and port that its directions may stand for.
    private func fields(of match: SetMatch) -> PacketFields {
        var fields: PacketFields = []
        for (index, isSource) in match.directions.enumerated() {
            fields.insert(isSource ? .source : .destination)
            if index > 0 { fields.formUnion([.protocol, isSource ? .sourcePort : .destinationPort]) }
        }
        return fields
    }
}
