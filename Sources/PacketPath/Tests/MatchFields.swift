internal import NetTypes
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// The fields of a packet of `version`, and its surroundings, that `match` looks at.
    func fields(of match: Match, in version: IPVersion) -> PacketFields {
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
        case .bpf(let match): match.pinnedPath == .empty ? fields(of: match.program, version) : anyBytes(version)
        case .u32(let test): fields(of: test.value, version)
        case .string: [.payload, .length]
        case .recent(let match): match.usesDestination ? .destination : .source
        case .hashLimit(let match): fields(of: match)
        case .reversePath(let match): match.usesMark ? [.source, .inInterface, .mark] : [.source, .inInterface]
        case .set(let match): fields(of: match)
        // A SYN begins a connection, for which no socket is connected yet.
        case .socket: [.protocol, .destination, .destinationPort, .tcpFlags]
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
        // Only a SYN carries the maximum segment size.
        if match.option == 2 { fields.insert(.tcpFlags) }
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

    /// What lies in `count` bytes of a packet from `first` on.
    private func fields(at first: UInt32, _ count: UInt32, _ version: IPVersion) -> PacketFields {
        let places: [(first: UInt32, fields: PacketFields)]
        switch version {
        case .v4:
            places = [
                (1, .dscp), (2, .length), (4, []), (6, .fragment), (8, .ttl), (9, .protocol), (10, []), (12, .source),
                (16, .destination), (20, behindIP),
            ]
        case .v6:
            places = [
                (0, .dscp), (2, []), (4, .length), (6, .protocol), (7, .ttl), (8, .source), (24, .destination),
                (40, behindIP),
            ]
        }
        var fields: PacketFields = []
        for (index, place) in places.enumerated() {
            let next = index + 1 < places.count ? places[index + 1].first : .max
            let isBefore = place.first < first || place.first - first < count
            if first < next, isBefore { fields.formUnion(place.fields) }
        }
        return fields
    }

    private var behindIP: PacketFields {
        [.sourcePort, .destinationPort, .icmpType, .tcpFlags, .tcpOptions, .length, .protocol, .payload, .otherHeaders]
    }

    private func anyBytes(_ version: IPVersion) -> PacketFields { fields(at: 0, .max, version) }

    /// What lies at the offsets that the program begins its loads from, and behind the IP header where it goes on from
    /// what it has loaded.
    private func fields(of program: U32Program, _ version: IPVersion) -> PacketFields {
        var fields: PacketFields = []
        for test in program.tests {
            fields.formUnion(self.fields(at: test.start, 4, version))
            if test.steps.contains(where: { $0.operation == .at }) { fields.formUnion(behindIP) }
        }
        return fields
    }

    /// What a classic program may load. One that goes on from the length of an IPv4 header alone looks behind that.
    /// Source: include/uapi/linux/filter.h, bpf_common.h.
    private func fields(of program: [BPFMatch.Instruction], _ version: IPVersion) -> PacketFields {
        var fields: PacketFields = []
        let toIndex = program.compactMap { instruction -> Bool? in
            switch instruction.operation {
            case .load(let source, into: .index): source == .headerLength && instruction.constant == 0
            case .move(into: .index): false
            case .load, .store, .calculate, .jump, .branch, .end, .move: nil
            }
        }
        let isBehindHeader = !toIndex.isEmpty && !toIndex.contains(false)
        for instruction in program {
            guard case .load(let source, _) = instruction.operation else { continue }
            switch source {
            case .packet(let size) where instruction.constant < 0x8000_0000:
                fields.formUnion(self.fields(at: instruction.constant, size, version))
            case .packet: fields.formUnion(anyBytes(version))
            case .behindIndex: fields.formUnion(isBehindHeader ? behindIP : anyBytes(version))
            case .packetLength: fields.insert(.length)
            case .headerLength where instruction.constant != 0: fields.formUnion(anyBytes(version))
            case .headerLength, .constant, .memory, .unknown: continue
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
