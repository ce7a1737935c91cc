internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Says of a condition and a packet what the packet has there: why the condition holds, or why it does not.
struct ConditionFacts {
    let model: HostModel
    /// The packet's connection, where it is known.
    let connection: ConnectionEntry?
    /// Assumptions of the way, for conditions that one settled.
    let assumptions: [Assumption]
    /// Bridge ports of the packet.
    var inPort: Symbol?
    var outPort: Symbol?

    func name(_ symbol: Symbol) -> String { model.names.text(symbol) }

    /// A clause such as `the source is 172.30.24.4`; `nil` for what is no condition.
    ///
    /// - Parameters:
    ///   - held: whether the whole condition, negation counted, was met.
    ///   - asked: the step of the rule, to find the assumption that settled this; `nil` for a rule that did not match.
    func fact(_ match: Match, _ view: PacketView, held: Bool, asked: Int?) -> String? {
        let packet = view.packet
        switch match {
        case .comment: return nil
        case .source, .sourceV4: return source(packet)
        case .destination, .destinationV4: return destination(packet)
        case .inInterface: return arrival(view)
        case .outInterface: return departure(view)
        case .protocol: return "the protocol is \(packet.protocol.shortName)"
        case .laterFragment:
            return packet.fragmentOffset > 0 ? "it is a later fragment" : "it is no later fragment"
        case .addressType(let test): return addressType(test, packet, held: held)
        case .ah: return header(.ah, packet, held, asked)
        case .esp: return header(.esp, packet, held, asked)
        case .ipComp: return header(.ipcomp, packet, held, asked)
        case .mobilityHeader: return header(.mobility, packet, held, asked)
        case .connectionMark:
            guard let mark = view.connectionMark else { return "the packet has no connection entry" }
            return "the connection's mark is \(hexadecimal(mark))"
        case .conntrack(let test): return conntrack(test, view, held: held)
        case .state: return "its state is \(statesText(view.state))"
        case .helper: return connection.map { "the connection's helper is '\(name($0.helper))'" } ?? noEntry
        case .connectionLabel:
            return connection.map { "the connection's labels are \(numbers($0.labels.map { "\($0)" }))" } ?? noEntry
        case .dscp: return "the DSCP is \(packet.dscp)"
        case .tos: return "the TOS byte is \(hexadecimal(packet.tos))"
        case .ecn: return "the ECN bits are \(packet.tos & 3), the flags \(flagsText(packet.tcpFlags))"
        case .timeToLive: return "the \(packet.version == .v4 ? "TTL" : "hop limit") is \(packet.ttl)"
        case .length: return "its length is \(packet.length) bytes"
        case .mac:
            return packet.sourceMAC.map { "the source's hardware address is \($0)" } ?? settled(held, asked)
        case .mark:
            return packet.unknown.contains(.mark)
                ? settled(held, asked) : "the mark is \(hexadecimal(packet.mark))"
        case .packetType: return "it was addressed on the link as \(packetType(packet.packetType))"
        case .icmp:
            guard packet.protocol.isICMP else { return "the protocol is \(packet.protocol.shortName)" }
            return "the ICMP type is \(packet.icmpType), the code \(packet.icmpCode)"
        case .tcp(let test): return asksNothing(test) && held ? nil : tcp(test, packet)
        case .udp(let test), .udplite(let test):
            if test == UDPMatch(), held { return nil }
            return ports(
                packet, source: !test.sourcePorts.isAll || test.sourceIsNegated,
                destination: !test.destinationPorts.isAll || test.destinationIsNegated)
        case .sctp(let test):
            return ports(packet, source: test.sourcePort != nil, destination: test.destinationPort != nil)
        case .dccp(let test):
            return ports(packet, source: test.sourcePort != nil, destination: test.destinationPort != nil)
        case .multiport(let test):
            return ports(packet, source: test.side != .destination, destination: test.side != .source)
        case .addressRange(let test):
            let parts = [test.source.map { _ in source(packet) }, test.destination.map { _ in destination(packet) }]
            return listed(parts.compactMap { $0 })
        case .owner: return owner(packet, held, asked)
        case .set(let test): return set(test, packet, held: held, asked)
        case .native(let comparison): return fact(comparison, view) ?? settled(held, asked, otherwise: "met")
        case .physicalDevice(let test): return bridgePorts(test, held: held)
        case .reversePath(let test):
            return held != test.isInverted
                ? "packets to \(packet.source) would leave by the interface it came in by"
                : "packets to \(packet.source) would not leave by the interface it came in by"
        case .ipv6Header, .frag, .hopByHop, .destinationOptions, .routingHeader, .segmentRouting, .eui64:
            return settled(held, asked)
        case .tcpMSS:
            return packet.maximumSegmentSize.map { "the maximum segment size is \($0)" } ?? settled(held, asked)
        case .limit, .hashLimit, .quota, .statistic, .rateEstimate, .connectionLimit, .connectionBytes, .recent, .time,
            .bpf, .string, .u32, .cpu, .cgroup, .cluster, .ipvs, .operatingSystem, .policy, .realm, .socket,
            .deviceGroup, .accounting, .unknown:
            return settled(held, asked)
        }
    }

    private var noEntry: String { "the packet has no connection entry" }

    private func numbers(_ parts: [String]) -> String { parts.isEmpty ? "none" : listed(parts) }

    /// The words of the assumptions that the rule rests on, or that it can't be told.
    ///
    /// - Parameter otherwise: what is said of a condition that was met without an assumption.
    private func settled(
        _ held: Bool, _ asked: Int?, otherwise met: String = "taken as met; the snapshot does not settle it"
    ) -> String {
        var texts: [String] = []
        var isGiven = false
        for assumption in assumptions where assumption.step != nil && assumption.step == asked {
            texts.append(assumption.text)
            isGiven = isGiven || assumption.isGiven
        }
        if !texts.isEmpty { return (isGiven ? "as you said: " : "assumed: ") + listed(texts) }
        return held ? met : "not met"
    }

    // MARK: Addresses and interfaces

    func source(_ packet: Packet) -> String {
        packet.unknown.contains(.source) ? "the source is not known" : "the source is \(packet.source)"
    }

    func destination(_ packet: Packet) -> String {
        packet.unknown.contains(.destination)
            ? "the destination is not known" : "the destination is \(packet.destination)"
    }

    func arrival(_ view: PacketView) -> String {
        if let name = view.inInterface { return "it came in by \(self.name(name))" }
        switch view.hook {
        case .output, .postrouting: return "no incoming interface is known at \(hookTitle(view.hook))"
        case .ingress, .prerouting, .input, .forward, .egress: return "where it came in is not known"
        }
    }

    func departure(_ view: PacketView) -> String {
        if let name = view.outInterface { return "it leaves by \(self.name(name))" }
        switch view.hook {
        case .prerouting, .input, .ingress: return "no outgoing interface is known at \(hookTitle(view.hook))"
        case .forward, .output, .postrouting, .egress: return "where it leaves is not known"
        }
    }

    private func bridgePorts(_ test: PhysicalDeviceMatch, held: Bool) -> String {
        var parts: [String] = []
        if held, let isBridged = test.isBridged {
            parts.append(isBridged.value == isBridged.isNegated ? "it is not bridged" : "it is bridged")
        }
        if let inPort { parts.append("it came in by the port \(name(inPort))") }
        if let outPort {
            parts.append("it leaves by the port \(name(outPort))")
        } else if held, let asked = test.outDevice, !asked.isNegated, !asked.value.isPrefix {
            // The neighbours and the bridge's table told the port, not the request.
            parts.append("it leaves by the port \(name(asked.value.name))")
        }
        return parts.isEmpty ? "no bridge port is known" : listed(parts)
    }

    private func addressType(_ test: AddressTypeMatch, _ packet: Packet, held: Bool) -> String {
        var parts: [String] = []
        let isOnly = test.source == nil || test.destination == nil
        func add(_ what: String, _ address: IPAddress, _ wanted: Negatable<AddressTypes>) {
            let types = typesText(wanted.value)
            if !held, !isOnly {
                parts.append("\(what) \(address) \(wanted.isNegated ? "or" : "or not") of type \(types)")
                return
            }
            parts.append("\(what) \(address) is \(held != wanted.isNegated ? "" : "not ")of type \(types)")
        }
        if let wanted = test.source { add("the source", packet.source, wanted) }
        if let wanted = test.destination { add("the destination", packet.destination, wanted) }
        if !held, !isOnly { return "the types of \(packet.source) and \(packet.destination) do not both fit" }
        return listed(parts)
    }

    private func packetType(_ type: PacketType) -> String {
        switch type {
        case .unicast: "unicast"
        case .broadcast: "broadcast"
        case .multicast: "multicast"
        case .otherHost: "for another host"
        case .outgoing: "outgoing"
        case .loopback: "loopback"
        }
    }

    private func set(_ test: SetMatch, _ packet: Packet, held: Bool, _ asked: Int?) -> String {
        let set = name(test.name.value)
        let usesSource = test.directions.contains(true)
        let usesDestination = test.directions.contains(false)
        var who: [String] = []
        if usesSource { who.append(source(packet)) }
        if usesDestination { who.append(destination(packet)) }
        if !model.sets.isKnown {
            let assumed = settled(held, asked)
            if assumed != "not met" { return assumed }
        }
        let isIn = held != test.name.isNegated
        return "\(listed(who)), \(isIn ? "in" : "not in") set \(set)"
    }

    // MARK: Ports and flags

    func ports(_ packet: Packet, source: Bool, destination: Bool) -> String {
        var parts: [String] = []
        if packet.fragmentOffset > 0 { return "a later fragment has no ports" }
        if !packet.protocol.hasPorts { return "the protocol is \(packet.protocol.shortName)" }
        if source { parts.append("the source port is \(sourcePort(packet))") }
        if destination { parts.append("the destination port is \(destinationPort(packet))") }
        return parts.isEmpty ? "the protocol is \(packet.protocol.shortName)" : listed(parts)
    }

    private func sourcePort(_ packet: Packet) -> String {
        if let choices = packet.sourcePortChoices { return "one of \(rangeText(choices))" }
        return packet.unknown.contains(.sourcePort) ? "not known" : "\(packet.sourcePort)"
    }

    private func destinationPort(_ packet: Packet) -> String {
        packet.unknown.contains(.destinationPort) ? "not known" : "\(packet.destinationPort)"
    }

    /// `-m tcp` alone says what `-p tcp` said.
    private func asksNothing(_ test: TCPMatch) -> Bool { test == TCPMatch() }

    private func tcp(_ test: TCPMatch, _ packet: Packet) -> String {
        guard packet.protocol == .tcp else { return "the protocol is \(packet.protocol.shortName)" }
        var parts: [String] = []
        if !test.sourcePorts.isAll || test.inversion.contains(.sourcePorts) {
            parts.append("the source port is \(sourcePort(packet))")
        }
        if !test.destinationPorts.isAll || test.inversion.contains(.destinationPorts) {
            parts.append("the destination port is \(destinationPort(packet))")
        }
        if !test.flagsMask.isEmpty { parts.append("the flags are \(flagsText(packet.tcpFlags))") }
        if test.option != 0 { parts.append("TCP option \(test.option) is not known to be there") }
        return parts.isEmpty ? "the protocol is tcp" : listed(parts)
    }

    private func header(_ wanted: IPProtocol, _ packet: Packet, _ held: Bool, _ asked: Int?) -> String {
        packet.protocol == wanted ? settled(held, asked) : "the protocol is \(packet.protocol.shortName)"
    }

    private func owner(_ packet: Packet, _ held: Bool, _ asked: Int?) -> String {
        if !packet.hasSocket { return "the packet belongs to no socket of this host" }
        if let user = packet.userID { return "the socket's user is \(user)" }
        return settled(held, asked)
    }

    // MARK: Connections

    private func conntrack(_ test: ConntrackMatch, _ view: PacketView, held: Bool) -> String {
        var parts: [String] = []
        if test.state != nil { parts.append("its state is \(statesText(view.state))") }
        let asksTuple =
            test.originalSource != nil || test.originalDestination != nil || test.originalSourcePort != nil
            || test.originalDestinationPort != nil
        let asksReply =
            test.replySource != nil || test.replyDestination != nil || test.replySourcePort != nil
            || test.replyDestinationPort != nil
        if let connection {
            if asksTuple { parts.append("the connection began as \(tuple(connection.original))") }
            if asksReply { parts.append("its replies are \(tuple(connection.reply))") }
            if test.protocol != nil {
                parts.append("the connection's protocol is \(connection.original.protocol.shortName)")
            }
            if test.status != nil { parts.append("its status is \(status(connection.status))") }
            if test.expires != nil {
                parts.append(connection.expires.map { "it expires in \($0) s" } ?? "when it expires is not known")
            }
        } else if asksTuple || asksReply || test.status != nil || test.expires != nil || test.protocol != nil {
            parts.append(noEntry)
        }
        if let direction = test.direction {
            let isOriginal = (direction == .original) == held
            parts.append("it goes in the \(isOriginal ? "first" : "reply") direction")
        }
        return listed(parts)
    }

    private func tuple(_ tuple: ConnectionTuple) -> String {
        let hasPorts = tuple.protocol.hasPorts
        return endText(tuple.source, port: hasPorts ? tuple.sourcePort : nil) + " -> "
            + endText(tuple.destination, port: hasPorts ? tuple.destinationPort : nil)
    }

    private func status(_ status: ConnectionStatus) -> String {
        var parts: [String] = []
        if status.contains(.expected) { parts.append("EXPECTED") }
        if status.contains(.seenReply) { parts.append("SEEN_REPLY") }
        if status.contains(.assured) { parts.append("ASSURED") }
        if status.contains(.confirmed) { parts.append("CONFIRMED") }
        return numbers(parts)
    }
}
