internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// A rule that is asked, where, and of packets of which flow.
struct Asked {
    var rule: RuleReference
    var context: SetEvaluator.Context
    var flow: Flow
    private let space: PacketSpace
    private var entering: PacketSet
    private var within = PacketSet.all

    init(_ rule: RuleReference, _ context: SetEvaluator.Context, _ way: Way, in space: PacketSpace) {
        (self.rule, self.context, self.flow, self.space) = (rule, context, way.flow, space)
        entering = way.packets
    }

    /// The packets that come to the match, of which one stands for all where they are alike.
    var packets: PacketSet {
        get { space.and(entering, within) }
        set { (entering, within) = (newValue, .all) }
    }

    /// Leaves those for which the matches before held. Most matches look at fields alone and never ask who comes to them:
    /// that is not worked out before one does.
    mutating func keep(_ held: PacketSet) { within = held }
}

// Packets that a match holds for. Plain packets: whole, without IP options and extension headers.
extension SetEvaluator {
    /// The packets for which `match` holds; what the input can't settle is an unknown by the name that a trace gives it.
    func packets(_ match: Match, _ asked: Asked) -> PacketSet {
        let flow = asked.flow
        switch match {
        case .source(let test): return address(test, .source, flow)
        case .destination(let test): return address(test, .destination, flow)
        case .sourceV4(let test): return address(test, .source, flow)
        case .destinationV4(let test): return address(test, .destination, flow)
        case .inInterface(let test): return arriving(by: test, asked)
        case .outInterface(let test): return leaving(by: test, asked)
        case .protocol(let test):
            if test.value.number.rawValue == 0 { return .all }
            return negated(isOf(test.value.number, flow), test.isNegated)
        case .laterFragment(let isNegated): return space.version == .v4 && isNegated ? .all : .none
        case .comment, .accounting: return .all
        case .tcp(let match): return packets(match, asked)
        case .udp(let match): return packets(match, of: .udp, asked)
        case .udplite(let match): return packets(match, of: .udplite, asked)
        case .multiport(let match): return packets(match, flow)
        case .icmp(let match): return packets(match, flow)
        case .mark(let test): return word(test, flow[.mark], .mark, "mark")
        case .connectionMark(let test):
            if case .arrived = flow.standing { return byState(asked) { packets(match, $0) } }
            guard case .tracked(let tracked) = flow.standing else { return ask(match, asked) }
            return word(test, tracked.mark, .connectionMark, "connection mark")
        case .state, .conntrack: return packets(ofConnection: match, asked)
        case .timeToLive(let match): return packets(match, flow)
        case .length(let test):
            return negated(range(flow, .length, test.value, "length"), test.isNegated)
        case .dscp(let test):
            let value = UInt128(test.value) << 2
            let set = space.packets(flow[.tos], of: .tos, value, mask: 0xfc) ?? hidden("dscp", "\(test.value)")
            return negated(test.value > 63 ? .none : set, test.isNegated)
        case .tos(let test):
            return word(test, flow[.tos], .tos, "type of service")
        case .ecn(let match): return packets(match, flow)
        case .addressRange(let match):
            var result = PacketSet.all
            for (test, field) in [(match.source, PacketField.source), (match.destination, .destination)] {
                guard let test else { continue }
                let low = space.number(test.value.first)
                let high = space.number(test.value.last)
                guard test.value.first.version == space.version else { return .none }
                let set =
                    space.packets(flow[field], of: field, from: low, through: high)
                    ?? hidden(field.name, "\(test.value.first)-\(test.value.last)")
                result = space.and(result, negated(set, test.isNegated))
            }
            return result
        case .addressType(let match): return packets(match, asked)
        case .reversePath(let match): return packets(match, asked)
        case .set(let match): return packets(match, asked)
        case .mac(let test): return packets(test, asked)
        case .owner(let match): return packets(match, asked)
        case .packetType(let test): return packets(test, asked)
        case .tcpMSS(let test):
            // Only a SYN has the option.
            let isSYN = space.and(isOf(.tcp, flow), flags(flow, mask: .syn, value: .syn))
            let has = hidden("maximum segment size", relation: "in", span(test.value))
            let isAsked = space.and(isSYN, has)
            return test.isNegated ? space.subtract(isOf(.tcp, flow), isAsked) : isAsked
        case .native(let comparison): return packets(comparison, match, asked)
        case .u32(let test): return packets(test, match, asked)
        case .bpf(let program): return packets(program, match, asked)
        case .string(let string): return packets(string, match, asked)
        case .sctp(let match):
            var rest = match
            (rest.sourcePort, rest.destinationPort) = (nil, nil)
            return ofPorts(match.sourcePort, match.destinationPort, .sctp, .sctp(rest), asked)
        case .dccp(let match):
            var rest = match
            (rest.sourcePort, rest.destinationPort) = (nil, nil)
            return ofPorts(match.sourcePort, match.destinationPort, .dccp, .dccp(rest), asked)
        case .socket(let socket): return packets(socket, asked)
        case .connectionBytes(let counted): return packets(counted, asked)
        case .eui64: return ofEUI64(asked)
        case .cluster(let cluster): return packets(cluster, asked)
        // Of what arrived, the way back has a realm too.
        case .realm: return asked.context.hasInInterface ? byAddress(.source, match, asked) : ask(match, asked)
        case .recent(let recent):
            return recent.operation.value == .set ? negated(.all, recent.operation.isNegated) : ask(match, asked)
        case .ah, .cgroup, .connectionLabel, .connectionLimit, .cpu, .deviceGroup, .destinationOptions, .esp,
            .frag, .hashLimit, .hopByHop, .helper, .ipComp, .ipv6Header, .ipvs, .limit, .mobilityHeader,
            .operatingSystem, .physicalDevice, .policy, .quota, .rateEstimate, .routingHeader, .segmentRouting,
            .statistic, .time, .unknown:
            return ask(match, asked)
        }
    }

    // MARK: What one packet tells of all

    /// What the simulator says of one of the packets, of each interface where that is asked, as long as the match looks at
    /// nothing else in which they differ; else an unknown of that rule.
    func ask(_ match: Match, _ asked: Asked) -> PacketSet {
        let all = stages.fields(of: match, in: space.version)
        if case .arrived = asked.flow.standing, !all.isDisjoint(with: [.connectionState, .connectionMark]) {
            return byState(asked) { ask(match, $0) }
        }
        if all.contains(.otherHeaders), asked.flow[.protocol] == .arriving {
            // Of these protocols a packet's headers go on where a trace is not told how.
            let special: [IPProtocol] = [.esp, .ah, .ipcomp, .sctp, .dccp, .mobility]
            return byCuts(special.map { isOf($0, asked.flow) }, asked) { askOfAll(match, $0, but: .protocol) }
        }
        return askOfAll(match, asked)
    }

    /// - Parameter told: fields by which the packets have been told apart.
    private func askOfAll(_ match: Match, _ asked: Asked, but told: PacketFields = []) -> PacketSet {
        let fields = stages.fields(of: match, in: space.version).subtracting(.connectionState).subtracting(told)
        if asked.flow.differs(in: fields.subtracting(.inInterface), space) {
            let name = "match@\(cite(asked.rule))"
            return unknown(name, "a condition of \(cite(asked.rule)) holds that is not followed for sets of packets")
        }
        let isByInterface = fields.contains(.inInterface) && asked.context.hasInInterface && !asked.flow.arrivesByLo
        return isByInterface ? byInterface(asked) { askOne(match, $0) } : askOne(match, asked)
    }

    /// What `make` says of the packets of each state.
    func byState(_ asked: Asked, _ make: (Asked) -> PacketSet) -> PacketSet {
        space.union(
            ArrivalState.allCases.map { state in
                let own = space.packets(.state, UInt128(state.rawValue))
                let way = part(of: Way(packets: asked.packets, flow: asked.flow), state)
                if way.packets.isEmpty { return .none }
                var part = asked
                part.packets = way.packets
                part.flow = way.flow
                return space.and(own, make(part))
            })
    }

    func askOne(_ match: Match, _ asked: Asked) -> PacketSet {
        let way = Way(packets: asked.packets, flow: asked.flow)
        guard let situation = situation(way, asked.context.hook) else { return .none }
        switch stages.test(match, asked.rule, situation) {
        case .no: return .none
        case .yes: return .all
        case .perhaps(let condition): return unknown(condition.name, condition.text, isYes: condition.isYes)
        }
    }

    /// A field's value that is not known.
    func hidden(_ subject: String, relation: String = "", _ value: String) -> PacketSet {
        let text = relation.isEmpty ? value : "\(relation) \(value)"
        return unknown(
            "\(subject)@\(value)".map { $0 == " " ? "-" : String($0) }.joined(), "the packet's \(subject) is \(text)")
    }

    /// `1-5`, or the one number.
    func span<Number>(_ range: NumberRange<Number>) -> String {
        range.isSingle ? "\(range.first)" : "\(range.first)-\(range.last)"
    }

    func negated(_ set: PacketSet, _ isNegated: Bool) -> PacketSet { isNegated ? space.complement(set) : set }

    // MARK: The IP header

    private func address(_ test: Negatable<AddressMask>, _ field: PacketField, _ flow: Flow) -> PacketSet {
        guard test.value.address.version == space.version else { return .none }
        let address = space.number(test.value.address)
        let mask = space.number(test.value.mask)
        let set = space.packets(flow[field], of: field, address, mask: mask) ?? hidden(field.name, "\(test.value)")
        return negated(set, test.isNegated)
    }

    private func address(_ test: V4Mask, _ field: PacketField, _ flow: Flow) -> PacketSet {
        guard space.version == .v4 else { return .none }
        let value = UInt128(test.address)
        let set =
            space.packets(flow[field], of: field, value, mask: UInt128(test.mask))
            ?? hidden(field.name, "\(IPAddress(v4: test.address))/\(IPAddress(v4: test.mask))")
        return negated(set, test.isNegated)
    }

    func isOf(_ wanted: IPProtocol, _ flow: Flow) -> PacketSet {
        space.packets(flow[.protocol], of: .protocol, UInt128(wanted.rawValue)) ?? hidden("protocol", wanted.shortName)
    }

    private func packets(_ match: TimeToLiveMatch, _ flow: Flow) -> PacketSet {
        guard match.version == space.version else { return .none }
        let value = match.value
        switch match.comparison {
        case .equal: return range(flow, .ttl, NumberRange(value, value), "ttl")
        case .notEqual: return space.complement(range(flow, .ttl, NumberRange(value, value), "ttl"))
        case .less: return value == 0 ? .none : range(flow, .ttl, NumberRange(0, value - 1), "ttl")
        case .greater: return value == .max ? .none : range(flow, .ttl, NumberRange(value + 1, .max), "ttl")
        }
    }

    private func packets(_ match: ECNMatch, _ flow: Flow) -> PacketSet {
        var result = PacketSet.all
        if let ect = match.ect {
            let set = space.packets(flow[.tos], of: .tos, UInt128(ect.value), mask: 3) ?? hidden("ecn", "\(ect.value)")
            result = negated(set, ect.isNegated)
        }
        for (asked, flag) in [(match.ece, TCPFlags.ece), (match.cwr, TCPFlags.cwr)] {
            guard let asked else { continue }
            let set = flags(flow, mask: flag, value: asked.value ? flag : [])
            result = space.and(result, space.and(isOf(.tcp, flow), negated(set, asked.isNegated)))
        }
        return result
    }

    /// A word under a mask; value bits outside it are never met.
    func word(_ test: Negatable<MaskedWord>, _ source: FieldSource, _ field: PacketField, _ subject: String)
        -> PacketSet
    {
        let (value, mask) = (test.value.value, test.value.mask)
        let set =
            value & ~mask != 0
            ? .none
            : space.packets(source, of: field, UInt128(value), mask: UInt128(mask))
                ?? hidden(subject, "\(hexadecimal(value))/\(hexadecimal(mask))")
        return negated(set, test.isNegated)
    }

    func range<Number>(_ flow: Flow, _ field: PacketField, _ range: NumberRange<Number>, _ subject: String) -> PacketSet
    where Number: UnsignedInteger {
        space.packets(flow[field], of: field, from: UInt128(range.first), through: UInt128(range.last))
            ?? hidden(subject, relation: "in", span(range))
    }

    // MARK: Transport

    func flags(_ flow: Flow, mask: TCPFlags, value: TCPFlags) -> PacketSet {
        if !value.isSubset(of: mask) { return .none }
        return space.packets(flow[.tcpFlags], of: .tcpFlags, UInt128(value.rawValue), mask: UInt128(mask.rawValue))
            ?? hidden("tcp flags", "\(mask.rawValue) \(value.rawValue)")
    }

    func ports(_ field: PacketField, _ ranges: [PortRange], _ flow: Flow) -> PacketSet {
        space.union(
            ranges.map { range(flow, field, $0, field == .sourcePort ? "source port" : "destination port") })
    }

    private func packets(_ match: TCPMatch, _ asked: Asked) -> PacketSet {
        let flow = asked.flow
        var result = isOf(.tcp, flow)
        result = space.and(
            result,
            bothPorts(
                (match.sourcePorts, match.inversion.contains(.sourcePorts)),
                (match.destinationPorts, match.inversion.contains(.destinationPorts)), asked,
                isLoad: match.option == 0))
        let isInverted = match.inversion.contains(.flags)
        if match.flagsMask.isEmpty {
            if match.flagsValue.isEmpty == isInverted { return .none }
        } else {
            let set = flags(flow, mask: match.flagsMask, value: match.flagsValue)
            result = space.and(result, negated(set, isInverted))
        }
        guard match.option != 0 else { return result }
        var has = hidden("tcp options", relation: "with number", "\(match.option)")
        // The maximum segment size, which only a SYN carries.
        if match.option == 2 { has = space.and(has, flags(flow, mask: .syn, value: .syn)) }
        return space.and(result, negated(has, match.inversion.contains(.option)))
    }

    /// Ports of TCP or UDP; iptables-nft before 1.8.11 compares two negated ones as one number.
    private func bothPorts(
        _ source: (range: PortRange, isNegated: Bool), _ destination: (range: PortRange, isNegated: Bool),
        _ asked: Asked, isLoad: Bool
    ) -> PacketSet {
        let from = ports(.sourcePort, [source.range], asked.flow)
        let to = ports(.destinationPort, [destination.range], asked.flow)
        if isLoad, model.linked.table(of: asked.rule.chain).joinsNegatedPorts,
            stages.joinsPorts(source, destination)
        {
            return space.complement(space.and(from, to))
        }
        return space.and(negated(from, source.isNegated), negated(to, destination.isNegated))
    }

    private func packets(_ match: UDPMatch, of wanted: IPProtocol, _ asked: Asked) -> PacketSet {
        let ports = bothPorts(
            (match.sourcePorts, match.sourceIsNegated), (match.destinationPorts, match.destinationIsNegated), asked,
            isLoad: wanted == .udp)
        return space.and(isOf(wanted, asked.flow), ports)
    }

    /// Ports of a protocol whose headers are asked for more, of which one packet tells.
    private func ofPorts(
        _ source: Negatable<PortRange>?, _ destination: Negatable<PortRange>?, _ wanted: IPProtocol, _ rest: Match,
        _ asked: Asked
    ) -> PacketSet {
        var result = isOf(wanted, asked.flow)
        for (test, field) in [(source, PacketField.sourcePort), (destination, .destinationPort)] {
            guard let test else { continue }
            result = space.and(result, negated(ports(field, [test.value], asked.flow), test.isNegated))
        }
        var own = asked
        own.packets = space.and(asked.packets, result)
        return own.packets.isEmpty ? .none : space.and(result, askOne(rest, own))
    }

    private func packets(_ match: MultiportMatch, _ flow: Flow) -> PacketSet {
        let ranges = match.ports.value
        let set: PacketSet
        switch match.side {
        case .source: set = ports(.sourcePort, ranges, flow)
        case .destination: set = ports(.destinationPort, ranges, flow)
        case .either: set = space.or(ports(.sourcePort, ranges, flow), ports(.destinationPort, ranges, flow))
        }
        return space.and(space.union(IPProtocol.withPorts.map { isOf($0, flow) }), negated(set, match.ports.isNegated))
    }

    private func packets(_ match: ICMPMatch, _ flow: Flow) -> PacketSet {
        guard match.version == space.version else { return .none }
        let own = isOf(match.version == .v4 ? .icmp : .icmpv6, flow)
        if match.version == .v4, match.type == 255 { return match.isNegated ? .none : own }
        let type = UInt16(match.type) << 8
        let codes = NumberRange(type | UInt16(match.codes.first), type | UInt16(match.codes.last))
        let set = range(flow, .destinationPort, codes, "icmp type")
        return space.and(own, negated(set, match.isNegated))
    }

    // MARK: Interfaces

    func arriving(by test: Negatable<InterfacePattern>, _ asked: Asked) -> PacketSet {
        if test.value.isPrefix, test.value.name == .empty { return negated(.all, test.isNegated) }
        guard asked.context.hasInInterface else { return test.isNegated ? .all : .none }
        if asked.flow.arrivesByLo {
            let isLo = model.names.find("lo").map { matches($0, test.value) } ?? false
            return isLo != test.isNegated ? .all : .none
        }
        if let known = interfaceSets[test] { return known }
        var sets: [PacketSet] = []
        for (number, name) in interfaces.enumerated() {
            guard let name, matches(name, test.value) else { continue }
            sets.append(space.packets(.inInterface, UInt128(number)))
        }
        let result = negated(space.union(sets), test.isNegated)
        interfaceSets[test] = result
        return result
    }

    func leaving(by test: Negatable<InterfacePattern>, _ asked: Asked) -> PacketSet {
        if test.value.isPrefix, test.value.name == .empty { return negated(.all, test.isNegated) }
        switch asked.context.hook {
        case .prerouting, .input, .ingress: return test.isNegated ? .all : .none
        case .forward, .output, .postrouting, .egress: break
        }
        guard let out = asked.context.outInterface else { return ask(.outInterface(test), asked) }
        return matches(out, test.value) != test.isNegated ? .all : .none
    }

    func matches(_ name: Symbol, _ pattern: InterfacePattern) -> Bool {
        pattern.isPrefix
            ? model.names.bytes(name).starts(with: model.names.bytes(pattern.name)) : name == pattern.name
    }
}
