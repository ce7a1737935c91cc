internal import NetTypes
internal import RuleModel
internal import SourceText

// Matches on a packet's headers.
// Source of every layout: include/uapi/linux/netfilter/xt_NAME.h, netfilter_ipv4/ipt_NAME.h, netfilter_ipv6/ip6t_NAME.h,
// Linux 6.18.
extension XtablesData {
    /// `struct xt_tcp`
    func tcp() -> Match? {
        // iptables has names for six flags.
        guard fits(12), byte(11) & ~0x0f == 0, (byte(9) | byte(10)) & ~0x3f == 0 else { return nil }
        var match = TCPMatch()
        match.sourcePorts = ports(0)
        match.destinationPorts = ports(4)
        match.option = byte(8)
        match.flagsMask = TCPFlags(rawValue: byte(9))
        match.flagsValue = TCPFlags(rawValue: byte(10))
        match.inversion = TCPMatch.Inversion(rawValue: byte(11))
        return .tcp(match)
    }

    /// `struct xt_udp`, also xt_udplite's.
    func udp() -> UDPMatch? {
        guard fits(10), byte(8) & ~3 == 0 else { return nil }
        var match = UDPMatch()
        match.sourcePorts = ports(0)
        match.destinationPorts = ports(4)
        match.sourceIsNegated = byte(8) & 1 != 0
        match.destinationIsNegated = byte(8) & 2 != 0
        return match
    }

    /// `struct xt_multiport_v1`; before it a list of single ports.
    func multiport() -> Match? {
        guard fits(revision == 0 ? 32 : 48), byte(0) < 3, (1...15).contains(byte(1)) else { return nil }
        let sides: [MultiportMatch.Side] = [.source, .destination, .either]
        var ports: [PortRange] = []
        var index = 0
        while index < Int(byte(1)) {
            let first = half(2 + index * 2)
            // A port that a range begins with is marked; the next one is its end.
            if revision > 0, isSet(32 + index) {
                guard index + 1 < Int(byte(1)) else { return nil }
                index += 1
                ports.append(PortRange(first, half(2 + index * 2)))
            } else {
                ports.append(PortRange(first))
            }
            index += 1
        }
        var match = MultiportMatch()
        match.side = sides[Int(byte(0))]
        match.ports = negatable(ports, revision > 0 && isSet(47))
        return .multiport(match)
    }

    /// `struct ipt_icmp` and `struct ip6t_icmp`
    func icmp(_ version: IPVersion) -> Match? {
        guard fits(4), byte(3) & ~1 == 0, version == self.version else { return nil }
        var match = ICMPMatch()
        match.version = version
        match.type = byte(0)
        match.codes = NumberRange(byte(1), byte(2))
        match.isNegated = byte(3) != 0
        return .icmp(match)
    }

    /// `struct xt_sctp_info`: a bit for each chunk type in 64 words, and flags of up to four types.
    func sctp() -> Match? {
        let flags = word(284)
        let inverted = word(288)
        guard fits(292), flags & ~7 == 0 else { return nil }
        var match = SCTPMatch()
        if flags & 1 != 0 { match.sourcePort = negatable(ports(4), inverted & 1 != 0) }
        if flags & 2 != 0 { match.destinationPort = negatable(ports(0), inverted & 2 != 0) }
        guard flags & 4 != 0 else { return .sctp(match) }
        let mode: SCTPMatch.Mode
        switch word(264) {
        case 1: mode = .any
        case 2: mode = .all
        case 4: mode = .only
        default: return nil
        }
        match.chunkMode = negatable(mode, inverted & 4 != 0)
        for type in 0..<256 where word(8 + type / 32 * 4) >> UInt32(type % 32) & 1 != 0 {
            match.chunks.append(SCTPMatch.Chunk(type: UInt8(type)))
        }
        // iptables asks for no more than 256 bits, and sets them all for ALL.
        if match.chunks.count == 256 {
            match.chunks = []
            match.allChunks = true
        }
        let count = Int32(bitPattern: word(280))
        guard count <= 4 else { return nil }
        for index in 0..<Int(max(0, count)) {
            let start = 268 + index * 3
            guard let place = match.chunks.firstIndex(where: { $0.type == byte(start) }) else { continue }
            match.chunks[place].flagsValue = byte(start + 1)
            match.chunks[place].flagsMask = byte(start + 2)
        }
        return .sctp(match)
    }

    /// `struct xt_dccp_info`
    func dccp() -> Match? {
        let flags = half(8)
        let inverted = half(10)
        guard fits(16), flags & ~0x0f == 0 else { return nil }
        var match = DCCPMatch()
        if flags & 1 != 0 { match.sourcePort = negatable(ports(4), inverted & 1 != 0) }
        if flags & 2 != 0 { match.destinationPort = negatable(ports(0), inverted & 2 != 0) }
        if flags & 4 != 0 { match.types = negatable(half(12), inverted & 4 != 0) }
        if flags & 8 != 0 { match.option = negatable(byte(14), inverted & 8 != 0) }
        return .dccp(match)
    }

    /// `struct xt_length_info`, and xt_tcpmss's, which is the same.
    func lengths() -> Negatable<NumberRange<UInt16>>? {
        guard fits(5) else { return nil }
        return negatable(ports(0), isSet(4))
    }

    /// `struct ipt_ttl_info` and `struct ip6t_hl_info`
    func timeToLive(_ version: IPVersion) -> Match? {
        let comparisons: [TimeToLiveMatch.Comparison] = [.equal, .notEqual, .less, .greater]
        guard fits(2), byte(0) < 4, version == self.version else { return nil }
        var match = TimeToLiveMatch()
        match.version = version
        match.comparison = comparisons[Int(byte(0))]
        match.value = byte(1)
        return .timeToLive(match)
    }

    /// `struct xt_dscp_info`
    func dscp() -> Match? {
        guard fits(2), byte(0) < 64 else { return nil }
        return .dscp(negatable(byte(0), isSet(1)))
    }

    /// `struct xt_tos_match_info`
    func tos() -> Match? {
        guard fits(3) else { return nil }
        return .tos(negatable(MaskedWord(UInt32(byte(1)), mask: UInt32(byte(0))), isSet(2)))
    }

    /// `struct xt_ecn_info`
    func ecn() -> Match? {
        let flags = byte(0)
        let inverted = byte(1)
        guard fits(4), flags & ~0x31 == 0, flags != 0, byte(2) < 4 else { return nil }
        var match = ECNMatch()
        if flags & 0x01 != 0 { match.ect = negatable(byte(2), inverted & 0x01 != 0) }
        if flags & 0x10 != 0 { match.ece = negatable(true, inverted & 0x10 != 0) }
        if flags & 0x20 != 0 { match.cwr = negatable(true, inverted & 0x20 != 0) }
        return .ecn(match)
    }

    // MARK: IPsec and compression

    /// `struct xt_esp`
    func esp() -> Match? {
        guard fits(9), byte(8) & ~1 == 0 else { return nil }
        return .esp(negatable(words(0), byte(8) != 0))
    }

    /// `struct ipt_ah` and `struct ip6t_ah`
    func ah() -> Match? {
        var match = AHMatch()
        switch version {
        case .v4:
            guard fits(9), byte(8) & ~1 == 0 else { return nil }
            match.spi = negatable(words(0), byte(8) != 0)
        case .v6:
            guard fits(14), byte(13) & ~3 == 0 else { return nil }
            match.spi = negatable(words(0), byte(13) & 1 != 0)
            // 0 is how the kernel holds that none is asked for; net/ipv6/netfilter/ip6t_ah.c, Linux 6.1.
            if word(8) != 0 { match.length = negatable(word(8), byte(13) & 2 != 0) }
            match.reservedIsZero = isSet(12)
        }
        return .ah(match)
    }

    /// `struct xt_ipcomp`
    func ipComp() -> Match? {
        guard fits(10), byte(8) & ~1 == 0 else { return nil }
        var match = IPCompMatch()
        match.spi = negatable(words(0), byte(8) != 0)
        match.reservedIsZero = isSet(9)
        return .ipComp(match)
    }

    // MARK: IPv6 extension headers

    /// `struct ip6t_frag`
    func fragmentHeader() -> Match? {
        let flags = byte(12)
        guard fits(14), flags & ~0x3f == 0, byte(13) & ~3 == 0 else { return nil }
        var match = FragmentHeaderMatch()
        match.id = negatable(words(0), byte(13) & 1 != 0)
        if flags & 0x02 != 0 { match.length = negatable(word(8), byte(13) & 2 != 0) }
        match.reservedIsZero = flags & 0x04 != 0
        match.isFirst = flags & 0x08 != 0
        match.hasMore = flags & 0x10 != 0
        match.isLast = flags & 0x20 != 0
        return .frag(match)
    }

    /// `struct ip6t_opts`
    func ipv6Options() -> IPv6OptionsMatch? {
        guard fits(40), byte(4) & ~7 == 0, byte(5) & ~1 == 0, byte(38) <= 16 else { return nil }
        var match = IPv6OptionsMatch()
        if byte(4) & 1 != 0 { match.length = negatable(word(0), byte(5) != 0) }
        guard byte(4) & 2 != 0 else { return match }
        for index in 0..<Int(byte(38)) {
            let option = half(6 + index * 2)
            let length = UInt8(truncatingIfNeeded: option)
            // 255 stands for no length.
            match.options.append(
                IPv6OptionsMatch.Option(type: UInt8(option >> 8), length: length == 255 ? nil : length))
        }
        return match
    }

    /// `struct ip6t_rt`
    func routingHeader() -> Match? {
        let flags = byte(16)
        let inverted = byte(17)
        guard fits(277), flags & ~0x3f == 0, inverted & ~7 == 0, byte(276) <= 16 else { return nil }
        var match = RoutingHeaderMatch()
        if flags & 0x01 != 0 { match.type = negatable(word(0), inverted & 1 != 0) }
        if flags & 0x02 != 0, !words(4).isAll || inverted & 2 != 0 {
            match.segmentsLeft = negatable(words(4), inverted & 2 != 0)
        }
        if flags & 0x04 != 0 { match.length = negatable(word(12), inverted & 4 != 0) }
        match.reservedIsZero = flags & 0x08 != 0
        guard flags & 0x10 != 0 else { return .routingHeader(match) }
        for index in 0..<Int(byte(276)) { match.addresses.append(addressV6(20 + index * 16)) }
        match.addressesNotStrict = flags & 0x20 != 0
        return .routingHeader(match)
    }

    /// `struct ip6t_srh`, and `ip6t_srh1` with the addresses of segments.
    func segmentRouting() -> Match? {
        guard fits(revision == 0 ? 10 : 108) else { return nil }
        let flags = half(revision == 0 ? 6 : 104)
        let inverted = half(revision == 0 ? 8 : 106)
        guard flags & ~(revision == 0 ? 0x07ff : 0x3fff) == 0 else { return nil }
        func option<Value>(_ bit: UInt16, _ value: Value) -> Negatable<Value>? {
            flags & bit == 0 ? nil : Negatable(value, isNegated: inverted & bit != 0)
        }
        /// Three relations to one number, in three bits from `bit` on.
        func comparisons(_ bit: UInt16, _ offset: Int) -> [SegmentRoutingMatch.Comparison] {
            let relations: [(SegmentRoutingMatch.Comparison.Relation, UInt16)] = [
                (.equal, bit), (.greater, bit << 1), (.less, bit << 2),
            ]
            return relations.compactMap { relation, bit in
                option(bit, UInt16(byte(offset))).map { SegmentRoutingMatch.Comparison(relation, $0) }
            }
        }
        var match = SegmentRoutingMatch()
        match.nextHeader = option(0x0001, ProtocolTest(IPProtocol(byte(0))))
        match.headerLength = comparisons(0x0002, 1)
        match.segmentsLeft = comparisons(0x0010, 2)
        match.lastEntry = comparisons(0x0080, 3)
        match.tag = option(0x0400, half(4))
        if revision > 0 {
            guard let previous = addressMask(8, mask: 56), let next = addressMask(24, mask: 72),
                let last = addressMask(40, mask: 88)
            else { return nil }
            match.previous = option(0x0800, previous)
            match.next = option(0x1000, next)
            match.last = option(0x2000, last)
        }
        return .segmentRouting(match)
    }

    /// `struct ip6t_mh`
    func mobilityHeader() -> Match? {
        guard fits(3), byte(2) & ~1 == 0 else { return nil }
        return .mobilityHeader(negatable(NumberRange(byte(0), byte(1)), byte(2) != 0))
    }

    /// `struct ip6t_ipv6header_info`: the inverted flags are all ones or none.
    func ipv6Header() -> Match? {
        guard fits(3), byte(1) == 0 || byte(1) == 0xff else { return nil }
        var match = IPv6HeaderMatch()
        match.headers = negatable(byte(0), byte(1) != 0)
        match.isSoft = isSet(2)
        return .ipv6Header(match)
    }
}
