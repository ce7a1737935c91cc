internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// TCP, UDP and ICMP headers.
//
// x_tables never looks into a later fragment: the match fails, negated or not. iptables-nft writes plain `-m tcp` and
// `-m udp` as loads of one, two and four bytes, which take what the fragment has at that place.
extension Evaluator {
    /// Source: net/netfilter/xt_tcpudp.c `tcp_mt`.
    func testTCP(_ match: TCPMatch, _ packet: Packet, _ rule: RuleReference) -> Answer {
        guard isOf(.tcp, packet) else { return .no }
        if packet.fragmentOffset > 0 {
            let loads =
                match.option == 0
                && !(match.sourcePorts.isAll && match.destinationPorts.isAll && match.flagsMask.isEmpty)
            return loads && isInNFTables(rule) ? laterFragment(rule) : .no
        }
        // With `--tcp-option` it is a match of x_tables also in nf_tables.
        let bothPorts: TCPMatch.Inversion = [.sourcePorts, .destinationPorts]
        let isLoad = match.option == 0 && match.inversion.isSuperset(of: bothPorts) && joinsNegatedPorts(rule)
        return testTCPFields(match, packet, isLoad: isLoad) && testOption(match, packet)
    }

    /// Ports and flags.
    ///
    /// - Parameter isLoad: whether two negated ports are compared as one number.
    func testTCPFields(_ match: TCPMatch, _ packet: Packet, isLoad: Bool = false) -> Answer {
        testBothPorts(
            (match.sourcePorts, match.inversion.contains(.sourcePorts)),
            (match.destinationPorts, match.inversion.contains(.destinationPorts)), packet, isLoad: isLoad)
            && testFlags(match, packet)
    }

    private func testBothPorts(
        _ source: (range: PortRange, isNegated: Bool), _ destination: (range: PortRange, isNegated: Bool),
        _ packet: Packet, isLoad: Bool
    ) -> Answer {
        let isSource = testPorts(.source, in: source.range, packet)
        let isDestination = testPorts(.destination, in: destination.range, packet)
        if isLoad, areJoined(source, destination) { return !(isSource && isDestination) }
        return .negate(isSource, if: source.isNegated) && .negate(isDestination, if: destination.isNegated)
    }

    func joinsNegatedPorts(_ rule: RuleReference) -> Bool { model.linked.table(of: rule.chain).joinsNegatedPorts }

    /// Whether iptables-nft before 1.8.11 makes one comparison of two negated ports.
    /// Source: iptables 1.8.9, iptables/nft.c `add_nft_tcpudp`.
    func areJoined(
        _ source: (range: PortRange, isNegated: Bool), _ destination: (range: PortRange, isNegated: Bool)
    ) -> Bool {
        source.isNegated && destination.isNegated && source.range.isSingle && destination.range.isSingle
            && source.range.first != 0 && destination.range.first != 0
    }

    /// A match that drops the packet itself (`par->hotdrop`): a header is cut short, or, for `-m tcp`, a fragment starts
    /// within the first 16 bytes. IPv6 counts the fragment's offset in bytes there and never drops it.
    func dropsItself(_ match: Match, _ packet: Packet, _ rule: RuleReference) -> Bool {
        if !packet.bytes.isEmpty { return judge(match, packet, rule) == .drop }
        guard case .tcp = match else { return false }
        return packet.protocol == .tcp && packet.fragmentOffset == 1 && packet.version == .v4 && !isInNFTables(rule)
    }

    private func testFlags(_ match: TCPMatch, _ packet: Packet) -> Answer {
        let isInverted = match.inversion.contains(.flags)
        if match.flagsMask.isEmpty { return Answer(match.flagsValue.isEmpty != isInverted) }
        return .negate(
            ask(
                .tcpFlags, packet, "tcp flags", "\(text(match.flagsMask)) \(text(match.flagsValue))",
                packet.tcpFlags.intersection(match.flagsMask) == match.flagsValue), if: isInverted)
    }

    private func text(_ flags: TCPFlags) -> String {
        var text = ""
        for (flag, name) in TCPFlags.names where flags.contains(flag) { text += (text.isEmpty ? "" : ",") + name }
        return text.isEmpty ? "none" : text
    }

    private func testOption(_ match: TCPMatch, _ packet: Packet) -> Answer {
        guard match.option != 0 else { return .yes }
        let isInverted = match.inversion.contains(.option)
        // 2 is the maximum segment size, which only a SYN carries (RFC 9293, 3.7.1).
        if match.option == 2 {
            if let known = carriesMSS(packet) { return .negate(Answer(known), if: isInverted) }
        }
        return .negate(perhaps("tcp options", relation: "with number", "\(match.option)"), if: isInverted)
    }

    /// Whether the packet has the option for the maximum segment size; `nil` where that is not known.
    private func carriesMSS(_ packet: Packet) -> Bool? {
        if packet.maximumSegmentSize != nil { return true }
        if packet.unknown.contains(.tcpFlags) { return nil }
        return packet.tcpFlags.contains(.syn) ? nil : false
    }

    private func laterFragment(_ rule: RuleReference) -> Answer {
        perhaps(
            "fragment", of: rule, "the later fragment's data happen to be what the rule asks of a header",
            "the later fragment's data are not what the rule asks of a header")
    }

    /// Source: net/netfilter/xt_tcpudp.c `udp_mt`.
    func testUDP(_ match: UDPMatch, of wanted: IPProtocol, _ packet: Packet, _ rule: RuleReference) -> Answer {
        guard isOf(wanted, packet) else { return .no }
        if packet.fragmentOffset > 0 {
            let loads = wanted == .udp && !(match.sourcePorts.isAll && match.destinationPorts.isAll)
            return loads && isInNFTables(rule) ? laterFragment(rule) : .no
        }
        return testBothPorts(
            (match.sourcePorts, match.sourceIsNegated), (match.destinationPorts, match.destinationIsNegated), packet,
            isLoad: wanted == .udp && joinsNegatedPorts(rule))
    }

    /// Source: net/netfilter/xt_multiport.c; a rule needs `-p` of a protocol with ports.
    func testMultiport(_ match: MultiportMatch, _ packet: Packet) -> Answer {
        guard packet.protocol.hasPorts || packet.unknown.contains(.protocol), packet.fragmentOffset == 0 else {
            return .no
        }
        let ranges = match.ports.value
        let answer: Answer
        switch match.side {
        case .source: answer = testPorts(.source, in: ranges, packet)
        case .destination: answer = testPorts(.destination, in: ranges, packet)
        case .either:
            answer = !(!testPorts(.source, in: ranges, packet) && !testPorts(.destination, in: ranges, packet))
        }
        return .negate(answer, if: match.ports.isNegated)
    }

    /// Source: net/ipv4/netfilter/ip_tables.c `icmp_match`, ip6_tables.c `icmp6_match`: only IPv4 has a type for all.
    func testICMP(_ match: ICMPMatch, _ packet: Packet) -> Answer {
        guard packet.version == match.version, isOf(match.version == .v4 ? .icmp : .icmpv6, packet),
            packet.fragmentOffset == 0
        else { return .no }
        if match.version == .v4, match.type == 255 { return Answer(!match.isNegated) }
        let holds = packet.icmpType == match.type && match.codes.contains(packet.icmpCode)
        return .negate(
            ask(.icmpType, packet, "icmp type", "\(match.type)/\(span(match.codes))", holds), if: match.isNegated)
    }

    /// Source: net/netfilter/xt_tcpmss.c: a segment without the option matches only in the negative.
    func testTCPMSS(_ test: Negatable<NumberRange<UInt16>>, _ packet: Packet) -> Answer {
        guard isOf(.tcp, packet) else { return .no }
        if carriesMSS(packet) == false { return Answer(test.isNegated) }
        if let size = packet.maximumSegmentSize { return Answer(test.value.contains(size) != test.isNegated) }
        return .negate(perhaps("maximum segment size", relation: "in", span(test.value)), if: test.isNegated)
    }

    // MARK: Headers whose fields a trace does not have

    /// Source: net/netfilter/xt_sctp.c.
    func testSCTP(_ match: SCTPMatch, _ packet: Packet, _ rule: RuleReference) -> Answer {
        guard isOf(.sctp, packet), packet.fragmentOffset == 0 else { return .no }
        let ports = testOptionalPorts(match.sourcePort, match.destinationPort, packet)
        guard let mode = match.chunkMode else { return ports }
        return ports
            && .negate(
                perhaps(
                    "sctp-chunks", of: rule, "the packet has the chunks that the rule asks for",
                    "the packet does not have the chunks that the rule asks for"), if: mode.isNegated)
    }

    /// Source: net/netfilter/xt_dccp.c.
    func testDCCP(_ match: DCCPMatch, _ packet: Packet, _ rule: RuleReference) -> Answer {
        guard isOf(.dccp, packet), packet.fragmentOffset == 0 else { return .no }
        var answer = testOptionalPorts(match.sourcePort, match.destinationPort, packet)
        if let types = match.types {
            answer =
                answer
                && .negate(
                    perhaps("dccp type", relation: "in mask", hexadecimal(types.value)), if: types.isNegated)
        }
        if let option = match.option {
            answer =
                answer && .negate(perhaps("dccp options", relation: "with", "\(option.value)"), if: option.isNegated)
        }
        return answer
    }

    func testOptionalPorts(
        _ source: Negatable<PortRange>?, _ destination: Negatable<PortRange>?, _ packet: Packet
    ) -> Answer {
        var answer = Answer.yes
        if let source { answer = .negate(testPorts(.source, in: [source.value], packet), if: source.isNegated) }
        guard let destination else { return answer }
        return answer
            && .negate(testPorts(.destination, in: [destination.value], packet), if: destination.isNegated)
    }

    /// ESP and IPComp. Source: net/netfilter/xt_esp.c, xt_ipcomp.c (which does not look at `--compres`).
    func testSPI(
        _ test: Negatable<NumberRange<UInt32>>, of wanted: IPProtocol, _ packet: Packet
    ) -> Answer {
        guard isOf(wanted, packet), packet.fragmentOffset == 0 else { return .no }
        return testHiddenNumber("\(wanted.shortName) spi", test)
    }

    /// A number in a header that a trace does not have.
    func testHiddenNumber<Number>(_ subject: String, _ test: Negatable<NumberRange<Number>>) -> Answer {
        if test.value.isAll { return Answer(!test.isNegated) }
        return .negate(perhaps(subject, relation: "in", span(test.value)), if: test.isNegated)
    }

    /// Source: net/ipv4/netfilter/ipt_ah.c, net/ipv6/netfilter/ip6t_ah.c.
    func testAH(_ match: AHMatch, _ packet: Packet, _ rule: RuleReference) -> Answer {
        switch packet.version {
        case .v4: guard isOf(.ah, packet), packet.fragmentOffset == 0 else { return .no }
        // An extension header, which a packet that is not described more closely does not have.
        case .v6: guard isOf(.ah, packet) || packet.unknown.contains(.otherHeaders) else { return .no }
        }
        let presence: Answer =
            isOf(.ah, packet)
            ? .yes
            : perhaps("ah", of: rule, "the packet has an AH header", "the packet has no AH header")
        var answer = presence && testHiddenNumber("ah spi", match.spi)
        if let length = match.length {
            answer = answer && .negate(perhaps("ah length", "\(length.value)"), if: length.isNegated)
        }
        if match.reservedIsZero { answer = answer && perhaps("ah reserved field", "0") }
        return answer
    }
}
