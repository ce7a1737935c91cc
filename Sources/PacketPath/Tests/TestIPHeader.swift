internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

// Fields of the IP header and the extension headers of IPv6.
extension Evaluator {
    /// Source: net/netfilter/xt_hl.c.
    func testTimeToLive(_ match: TimeToLiveMatch, _ packet: Packet) -> Answer {
        guard match.version == packet.version else { return .no }
        let value = match.value
        let subject = packet.version == .v4 ? "ttl" : "hop limit"
        switch match.comparison {
        case .equal: return ask(.ttl, packet, subject, "\(value)", packet.ttl == value)
        case .notEqual: return !ask(.ttl, packet, subject, "\(value)", packet.ttl == value)
        case .less: return ask(.ttl, packet, subject, "below \(value)", packet.ttl < value)
        case .greater: return ask(.ttl, packet, subject, "above \(value)", packet.ttl > value)
        }
    }

    /// Source: net/netfilter/xt_dscp.c.
    func testDSCP(_ test: Negatable<UInt8>, _ packet: Packet) -> Answer {
        .negate(ask(.dscp, packet, "dscp", "\(test.value)", packet.dscp == test.value), if: test.isNegated)
    }

    /// Source: net/netfilter/xt_dscp.c `tos_mt`: the whole byte under a mask.
    func testTOS(_ test: Negatable<MaskedWord>, _ packet: Packet) -> Answer {
        .negate(
            ask(.dscp, packet, "type of service", masked(test.value), test.value.matches(UInt32(packet.tos))),
            if: test.isNegated)
    }

    /// Source: net/netfilter/xt_ecn.c.
    func testECN(_ match: ECNMatch, _ packet: Packet) -> Answer {
        var answer = Answer.yes
        if let ect = match.ect {
            answer = .negate(
                ask(.dscp, packet, "ecn field", "\(ect.value)", packet.tos & 3 == ect.value), if: ect.isNegated)
        }
        for (asked, flag) in [(match.ece, TCPFlags.ece), (match.cwr, TCPFlags.cwr)] {
            guard let asked else { continue }
            guard isOf(.tcp, packet) else { return .no }
            let holds = packet.tcpFlags.contains(flag) == asked.value
            answer =
                answer
                && .negate(
                    ask(
                        .tcpFlags, packet, flag == .ece ? "ece flag" : "cwr flag", asked.value ? "set" : "clear", holds),
                    if: asked.isNegated)
        }
        return answer
    }

    /// Bytes of the IP packet with its header. Source: net/netfilter/xt_length.c.
    func testLength(_ test: Negatable<NumberRange<UInt16>>, _ packet: Packet) -> Answer {
        let length = UInt16(truncatingIfNeeded: packet.length)
        return .negate(
            ask(.length, packet, "length", relation: "in", span(test.value), test.value.contains(length)),
            if: test.isNegated)
    }

    // MARK: Extension headers

    /// Source: net/ipv6/netfilter/ip6t_frag.c. A packet that conntrack put together has no such header any more.
    func testFragmentHeader(_ match: FragmentHeaderMatch, _ packet: Packet) -> Answer {
        guard packet.version == .v6 else { return .no }
        if packet.unknown.contains(.fragment) { return perhaps("fragment header", "as asked") }
        guard packet.isFragment else { return .no }
        if match.isFirst, packet.fragmentOffset != 0 { return .no }
        if match.hasMore, !packet.moreFragments { return .no }
        if match.isLast, packet.moreFragments { return .no }
        let answer = testHiddenNumber("fragment id", match.id)
        return match.reservedIsZero ? answer && perhaps("fragment header reserved field", "0") : answer
    }

    /// A header that a packet does not have unless it is told to be described incompletely.
    private func testHiddenHeader(_ name: String, _ packet: Packet, _ rule: RuleReference) -> Answer {
        guard packet.version == .v6, packet.unknown.contains(.otherHeaders) else { return .no }
        return perhaps(
            name, of: rule, "the packet has the \(name) header that the rule asks for",
            "the packet does not have the \(name) header that the rule asks for")
    }

    /// Source: net/ipv6/netfilter/ip6t_hbh.c.
    func testDestinationOptions(_ packet: Packet, _ rule: RuleReference) -> Answer {
        testHiddenHeader("dst", packet, rule)
    }

    func testHopByHop(_ packet: Packet, _ rule: RuleReference) -> Answer { testHiddenHeader("hbh", packet, rule) }

    /// Source: net/ipv6/netfilter/ip6t_rt.c.
    func testRoutingHeader(_ packet: Packet, _ rule: RuleReference) -> Answer { testHiddenHeader("rt", packet, rule) }

    /// Source: net/ipv6/netfilter/ip6t_srh.c.
    func testSegmentRouting(_ packet: Packet, _ rule: RuleReference) -> Answer { testHiddenHeader("srh", packet, rule) }

    /// Source: net/ipv6/netfilter/ip6t_mh.c.
    func testMobilityHeader(_ test: Negatable<NumberRange<UInt8>>, _ packet: Packet) -> Answer {
        guard packet.version == .v6, isOf(.mobility, packet), packet.fragmentOffset == 0 else { return .no }
        return testHiddenNumber("mobility type", test)
    }

    /// Source: net/ipv6/netfilter/ip6t_ipv6header.c: bits of the headers that are there, compared whole, or, `--soft`,
    /// only those that are named.
    func testIPv6Header(_ match: IPv6HeaderMatch, _ packet: Packet, _ rule: RuleReference) -> Answer {
        guard packet.version == .v6 else { return .no }
        if !packet.unknown.isDisjoint(with: [.otherHeaders, .fragment, .protocol]) {
            return .negate(
                perhaps(
                    "ipv6header", of: rule, "the packet has the headers that the rule asks for",
                    "the packet does not have the headers that the rule asks for"), if: match.headers.isNegated)
        }
        var present: UInt8 = packet.isFragment ? 0x10 : 0
        switch packet.protocol {
        case .esp: present |= 0x04
        case IPProtocol(59): present |= 0x02
        case .ah: present |= 0x08 | 0x01
        default: present |= 0x01
        }
        let named = match.headers.value
        let isInverted = match.headers.isNegated
        if match.isSoft { return Answer((present ^ named ^ (isInverted ? 0xff : 0)) & named == 0) }
        return Answer((present == named) != isInverted)
    }
}
