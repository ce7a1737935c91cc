internal import ChainGraph
internal import NetTypes
internal import RuleModel

// Transport headers by their bytes. Matches of x_tables look into no later fragment unless it says so here.
extension Evaluator {
    /// Source: net/ipv4/netfilter/ip_tables.c, net/ipv6/netfilter/ip6_tables.c `ip6_packet_match`: where the protocol
    /// can't be found the packet is dropped, negated or not; nf_tables' `meta l4proto` breaks.
    func judgeProtocol(_ test: Negatable<ProtocolTest>, _ headers: HeaderBytes) throws(HeaderFailure) -> Bool {
        let wanted = test.value.number
        guard headers.layout.version == .v6, wanted.rawValue != 0 else { throw .unknown }
        if headers.chainIsBroken {
            if headers.isNFT { return false }
            throw .malformed
        }
        guard headers.isNFT, headers.hasAH else { throw .unknown }
        return (wanted == .ah) != test.isNegated
    }

    /// `answer` where it is certain.
    private func settled(_ answer: Answer) throws(HeaderFailure) -> Bool {
        switch answer {
        case .yes: return true
        case .no: return false
        case .perhaps: throw .unknown
        }
    }

    /// Checks that a header of `size` bytes is there; what is in it the packet's fields know.
    func leaveToFields(
        _ wanted: IPProtocol, _ packet: Packet, _ headers: HeaderBytes, size: Int
    ) throws(HeaderFailure) -> Bool {
        guard isOf(wanted, packet) else { return false }
        if headers.isLaterFragment { return false }
        try headers.require(headers.transportOffset, size)
        throw .unknown
    }

    /// One load of nf_tables from the transport header, which takes what a later fragment has there; beyond the end it
    /// breaks the rule. Source: net/netfilter/nf_tables_core.c `nft_payload_fast_eval`.
    private func load(
        _ offset: Int, _ size: UInt32, _ headers: HeaderBytes, _ holds: (UInt32) -> Bool
    ) throws(HeaderFailure) -> Bool {
        do {
            return holds(try headers.number(headers.transportOffset + offset, size))
        } catch {
            if error == .malformed { return false }
            throw error
        }
    }

    private func loadPorts(
        _ source: (range: PortRange, isNegated: Bool), _ destination: (range: PortRange, isNegated: Bool),
        _ headers: HeaderBytes, _ rule: RuleReference
    ) throws(HeaderFailure) -> Bool {
        if joinsNegatedPorts(rule), areJoined(source, destination) {
            let both = UInt32(source.range.first) << 16 | UInt32(destination.range.first)
            return try load(0, 4, headers) { $0 != both }
        }
        var offset = 0
        for (range, isNegated) in [source, destination] {
            if !range.isAll || isNegated {
                let holds = try load(offset, 2, headers) { range.contains(UInt16($0)) != isNegated }
                if !holds { return false }
            }
            offset += 2
        }
        return true
    }

    /// Source: net/netfilter/xt_tcpudp.c `tcp_mt`. iptables-nft writes ports and flags without `--tcp-option` as loads;
    /// a match that asks nothing stays one of x_tables (observed with 1.8.9).
    func judgeTCP(
        _ match: TCPMatch, _ packet: Packet, _ headers: HeaderBytes, _ rule: RuleReference
    ) throws(HeaderFailure) -> Bool {
        guard isOf(.tcp, packet) else { return false }
        let start = headers.transportOffset
        let isWhole = !headers.isLaterFragment && start + 20 <= headers.length
        if match.option == 0 {
            // What the fields tell they tell with what NAT did.
            if isWhole { throw .unknown }
            if headers.isNFT, match != TCPMatch() { return try loadTCP(match, headers, rule) }
        }
        if headers.isLaterFragment {
            // In IPv6 the offset is in bytes and never 1.
            if headers.layout.version == .v4, packet.fragmentOffset == 1 { throw .malformed }
            return false
        }
        try headers.require(start, 20)
        var plain = match
        plain.option = 0
        plain.inversion.remove(.option)
        guard try settled(testTCPFields(plain, packet)) else { return false }
        let has = try options(start, headers).contains { $0.kind == match.option }
        return has != match.inversion.contains(.option)
    }

    private func loadTCP(
        _ match: TCPMatch, _ headers: HeaderBytes, _ rule: RuleReference
    ) throws(HeaderFailure) -> Bool {
        guard
            try loadPorts(
                (match.sourcePorts, match.inversion.contains(.sourcePorts)),
                (match.destinationPorts, match.inversion.contains(.destinationPorts)), headers, rule)
        else { return false }
        if match.flagsMask.isEmpty { return true }
        return try load(13, 1, headers) {
            let flags = TCPFlags(rawValue: UInt8($0)).intersection(match.flagsMask)
            return (flags == match.flagsValue) != match.inversion.contains(.flags)
        }
    }

    /// The options of the TCP header at `start`, which must have room for them.
    private func options(_ start: Int, _ headers: HeaderBytes) throws(HeaderFailure) -> [TCPOption] {
        let size = Int(try headers.byte(start + 12) >> 4) * 4
        if size < 20 { throw .malformed }
        try headers.require(start, size)
        return TCPOption.all(in: try behindPorts(start, size, headers), header: start)
    }

    /// The packet's bytes up to the end of the TCP header at `start`: of those before its length, which NAT may have
    /// drawn, nothing.
    private func behindPorts(_ start: Int, _ size: Int, _ headers: HeaderBytes) throws(HeaderFailure) -> [UInt8] {
        [UInt8](repeating: 0, count: start + 12) + (try headers.image.exact(from: start + 12, start + 16))
            + [0, 0, 0, 0] + (try headers.image.exact(from: start + 20, start + size))
    }

    /// Source: net/netfilter/xt_tcpudp.c `udp_mt`, for `udplite` in iptables-nft too.
    func judgeUDP(
        _ match: UDPMatch, of wanted: IPProtocol, _ packet: Packet, _ headers: HeaderBytes, _ rule: RuleReference
    ) throws(HeaderFailure) -> Bool {
        guard isOf(wanted, packet) else { return false }
        let isWhole = !headers.isLaterFragment && headers.transportOffset + 8 <= headers.length
        if isWhole { throw .unknown }
        if headers.isNFT, wanted == .udp, match != UDPMatch() {
            return try loadPorts(
                (match.sourcePorts, match.sourceIsNegated), (match.destinationPorts, match.destinationIsNegated),
                headers, rule)
        }
        if headers.isLaterFragment { return false }
        throw .malformed
    }

    /// Source: net/netfilter/xt_tcpmss.c. It does not ask whether the packet is a later fragment.
    func judgeTCPMSS(
        _ test: Negatable<NumberRange<UInt16>>, _ packet: Packet, _ headers: HeaderBytes
    ) throws(HeaderFailure) -> Bool {
        guard isOf(.tcp, packet) else { return false }
        let start = headers.transportOffset
        try headers.require(start, 20)
        let size = Int(try headers.byte(start + 12) >> 4) * 4
        _ = try options(start, headers)
        let bytes = try behindPorts(start, size, headers)
        guard let option = TCPOption.maximumSegmentSize(in: bytes, header: start) else { return test.isNegated }
        let value = UInt16(truncatingIfNeeded: try headers.number(option.offset + 2, 2))
        return test.value.contains(value) != test.isNegated
    }

    /// Source: net/netfilter/xt_ecn.c: a header that is cut short matches nothing, and a later fragment's data are taken
    /// for one.
    func judgeECN(_ match: ECNMatch, _ packet: Packet, _ headers: HeaderBytes) throws(HeaderFailure) -> Bool {
        if match.ece == nil, match.cwr == nil { throw .unknown }
        guard isOf(.tcp, packet), headers.transportOffset + 20 <= headers.length else { return false }
        guard headers.isLaterFragment else { throw .unknown }
        if let ect = match.ect, (packet.tos & 3 == ect.value) == ect.isNegated { return false }
        let flags = TCPFlags(rawValue: try headers.byte(headers.transportOffset + 13))
        for (asked, flag) in [(match.ece, TCPFlags.ece), (match.cwr, TCPFlags.cwr)] {
            if let asked, (flags.contains(flag) == asked.value) == asked.isNegated { return false }
        }
        return true
    }

    // MARK: SCTP and DCCP

    /// Source: net/netfilter/xt_sctp.c.
    func judgeSCTP(_ match: SCTPMatch, _ packet: Packet, _ headers: HeaderBytes) throws(HeaderFailure) -> Bool {
        guard isOf(.sctp, packet), !headers.isLaterFragment else { return false }
        let start = headers.transportOffset
        try headers.require(start, 12)
        guard let mode = match.chunkMode else { throw .unknown }
        guard try settled(testOptionalPorts(match.sourcePort, match.destinationPort, packet)) else { return false }
        return try judgeChunks(match, mode.value, start + 12, headers) != mode.isNegated
    }

    /// Chunks are looked at one after another: `any` ends at the first that fits, `only` at the first that does not.
    private func judgeChunks(
        _ match: SCTPMatch, _ mode: SCTPMatch.Mode, _ start: Int, _ headers: HeaderBytes
    ) throws(HeaderFailure) -> Bool {
        var offset = start
        var missing = Set(match.allChunks ? [UInt8](0...255) : match.chunks.map { $0.type })
        let wanted = missing
        repeat {
            let type = try headers.byte(offset)
            let flags = try headers.byte(offset + 1)
            let length = try headers.number(offset + 2, 2)
            if length == 0 { throw .malformed }
            offset += (Int(length) + 3) & ~3
            let asked = match.chunks.first { $0.type == type }
            let flagsFit = asked.map { flags & $0.flagsMask == $0.flagsValue } ?? true
            let fits = wanted.contains(type) && flagsFit
            switch mode {
            case .any: if fits { return true }
            case .all: if fits { missing.remove(type) }
            case .only: if !fits { return false }
            }
        } while offset < headers.length
        return mode == .only || mode == .all && missing.isEmpty
    }

    /// Source: net/netfilter/xt_dccp.c, include/linux/dccp.h `__dccp_hdr_len`.
    func judgeDCCP(_ match: DCCPMatch, _ packet: Packet, _ headers: HeaderBytes) throws(HeaderFailure) -> Bool {
        guard isOf(.dccp, packet), !headers.isLaterFragment else { return false }
        let start = headers.transportOffset
        try headers.require(start, 12)
        if match.types == nil, match.option == nil { throw .unknown }
        guard try settled(testOptionalPorts(match.sourcePort, match.destinationPort, packet)) else { return false }
        let word = try headers.byte(start + 8)
        let type = word >> 1 & 0x0f
        if let types = match.types, (types.value >> UInt16(type) & 1 == 1) == types.isNegated { return false }
        guard let option = match.option else { return true }
        let own: Int =
            switch type {
            case 2: 0
            case 3, 4, 5, 6, 8, 9: 8
            case 0: 4
            default: 12
            }
        let fixed = 12 + (word & 1 == 1 ? 4 : 0) + own
        let whole = Int(try headers.byte(start + 4)) * 4
        if whole < fixed { throw .malformed }
        if whole > fixed { try headers.require(start, whole) }
        var place = start + fixed
        while place < start + whole {
            let kind = try headers.byte(place)
            if kind == option.value { return !option.isNegated }
            let isLast = place + 1 >= start + whole
            place += kind < 2 || isLast ? 1 : max(1, Int(try headers.byte(place + 1)))
        }
        return option.isNegated
    }

    // MARK: IPsec

    /// Source: net/netfilter/xt_esp.c, xt_ipcomp.c.
    func judgeSPI(
        _ test: Negatable<NumberRange<UInt32>>, of wanted: IPProtocol, _ header: (size: Int, place: Int, width: UInt32),
        _ packet: Packet, _ headers: HeaderBytes
    ) throws(HeaderFailure) -> Bool {
        guard isOf(wanted, packet), !headers.isLaterFragment else { return false }
        let start = headers.transportOffset
        try headers.require(start, header.size)
        return test.value.contains(try headers.number(start + header.place, header.width)) != test.isNegated
    }

    /// Source: net/ipv4/netfilter/ipt_ah.c, net/ipv6/netfilter/ip6t_ah.c.
    func judgeAH(_ match: AHMatch, _ packet: Packet, _ headers: HeaderBytes) throws(HeaderFailure) -> Bool {
        let start: Int
        switch packet.version {
        case .v4:
            guard isOf(.ah, packet), !headers.isLaterFragment else { return false }
            start = headers.transportOffset
        case .v6:
            guard let found = try headers.find(.ah) else { return false }
            start = found
        }
        try headers.require(start, 12)
        // Of IPv6 all of the header has to be there, whatever the rule asks of it: observed on Linux 6.18.
        if packet.version == .v6 { try headers.require(start, (Int(try headers.byte(start + 1)) + 2) * 4) }
        let isInRange = match.spi.value.contains(try headers.number(start + 4, 4))
        if isInRange == match.spi.isNegated { return false }
        guard packet.version == .v6 else { return true }
        let size = (UInt32(try headers.byte(start + 1)) + 2) * 4
        if let length = match.length, length.value != 0, (length.value == size) == length.isNegated { return false }
        if !match.reservedIsZero { return true }
        return try headers.number(start + 2, 2) == 0
    }
}
