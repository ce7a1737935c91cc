internal import ChainGraph
internal import NetTypes
internal import RuleModel

/// Why a match finds no number where it looks.
enum HeaderFailure: Error, Hashable, Sendable {
    /// The packet ends before it, or has what can't be: x_tables' matches drop such a packet (`par->hotdrop`), in
    /// iptables-nft too (net/netfilter/nft_compat.c).
    case malformed
    /// The trace does not know the bytes.
    case unknown
}

/// The bytes of a packet that was given as bytes, as a rule's matches find their headers in them.
struct HeaderBytes {
    let image: PacketImage
    let layout: PacketLayout
    let length: Int
    /// Whether nf_tables evaluates the rule.
    let isNFT: Bool

    /// `nil` where the packet's bytes or its length are not known.
    init?(_ packet: Packet, isNFT: Bool) {
        guard let bytes = packet.currentBytes, let layout = PacketLayout(bytes) else { return nil }
        let image = PacketImage(packet)
        guard let length = image.length else { return nil }
        self.image = image
        self.layout = layout
        self.length = Int(length)
        self.isNFT = isNFT
    }

    var isLaterFragment: Bool { layout.fragmentOffset > 0 }

    /// Whether the extension headers end before their last one does; not where only the capture ends.
    private var endsWithin: Bool {
        if layout.isComplete { return false }
        return isLaterFragment || layout.transport.offset + 4 > length
    }

    /// Whether no transport header is found for that. nf_tables looks no further than to an AH.
    var chainIsBroken: Bool { endsWithin && !(isNFT && hasAH) }

    /// Whether there is an AH of which two bytes at least are there. Source: net/ipv6/exthdrs_core.c `ipv6_find_hdr`.
    var hasAH: Bool { layout.firstExtension(.ah).map { $0.offset + 2 <= length } ?? false }

    /// Where matches on the transport header read (`par->thoff`). In a later fragment of IPv6 the kernel has not found
    /// it and reads from the packet's start. nf_tables takes AH for the transport.
    /// Source: net/ipv6/exthdrs_core.c `ipv6_find_hdr`, include/net/netfilter/nf_tables_ipv6.h.
    var transportOffset: Int {
        if layout.version == .v6, isLaterFragment { return 0 }
        if isNFT, let header = layout.firstExtension(.ah) { return header.offset }
        return layout.transport.offset
    }

    /// The big-endian number of `size` bytes at `offset`.
    func number(_ offset: Int, _ size: UInt32) throws(HeaderFailure) -> UInt32 {
        guard let place = UInt32(exactly: offset), let found = image.load(place, size) else { throw .unknown }
        guard case .word(let word) = found else { throw .malformed }
        guard let exact = word.exact else { throw .unknown }
        return exact
    }

    func byte(_ offset: Int) throws(HeaderFailure) -> UInt8 {
        UInt8(truncatingIfNeeded: try number(offset, 1))
    }

    /// That the packet has a header of `size` bytes at `offset`.
    func require(_ offset: Int, _ size: Int) throws(HeaderFailure) {
        if offset + size > length { throw .malformed }
    }

    /// Where the first extension header of `kind` begins; `nil` where there is none.
    func find(_ kind: IPProtocol) throws(HeaderFailure) -> Int? {
        if let header = layout.firstExtension(kind) { return header.offset }
        if layout.isComplete || isLaterFragment { return nil }
        throw endsWithin ? .malformed : .unknown
    }
}

extension Evaluator {
    /// What the bytes of a packet say of a match.
    enum HeaderVerdict: Hashable, Sendable {
        case yes, no
        /// The match itself drops the packet.
        case drop
    }

    /// Decides `match` by the packet's bytes; `nil` where they don't, and its fields have to.
    func judge(_ match: Match, _ packet: Packet, _ rule: RuleReference) -> HeaderVerdict? {
        let inHeaders: PacketFields = [
            .protocol, .sourcePort, .destinationPort, .icmpType, .tcpFlags, .tcpOptions, .payload, .otherHeaders,
            .fragment,
        ]
        guard !packet.bytes.isEmpty, !isLeftToFields(match, packet),
            !fields(of: match, in: packet.version).isDisjoint(with: inHeaders),
            let headers = HeaderBytes(packet, isNFT: isInNFTables(rule))
        else { return nil }
        do {
            return try judge(match, packet, headers, rule) ? .yes : .no
        } catch {
            return error == .malformed ? .drop : nil
        }
    }

    /// Whether `judge` says nothing of `match` whatever the bytes are, or nothing but that the packet is of another
    /// protocol: so it is with most packets, and their bytes need not be brought up to date.
    private func isLeftToFields(_ match: Match, _ packet: Packet) -> Bool {
        guard packet.version == .v4 else { return false }
        if case .protocol = match { return true }
        if case .tcp(let match) = match { return match.option == 0 && hasWholeHeader(packet, 20) }
        if case .multiport = match { return hasWholeHeader(packet, 4) }
        if case .udp = match { return hasWholeHeader(packet, 8) }
        if case .icmp = match { return hasWholeHeader(packet, 8) }
        return false
    }

    /// Whether a packet of IPv4 has the first `size` bytes behind its IP header, and no fragment's.
    private func hasWholeHeader(_ packet: Packet, _ size: UInt32) -> Bool {
        guard packet.fragmentOffset == 0, packet.unknown.isDisjoint(with: [.fragment, .length]),
            let first = packet.bytes.first, first >> 4 == 4
        else { return false }
        return UInt32(first & 0x0f) * 4 + size <= packet.length
    }

    /// Throws `.unknown` for what the packet's fields decide as well.
    private func judge(
        _ match: Match, _ packet: Packet, _ headers: HeaderBytes, _ rule: RuleReference
    ) throws(HeaderFailure) -> Bool {
        switch match {
        case .protocol(let test): try judgeProtocol(test, headers)
        case .tcp(let match): try judgeTCP(match, packet, headers, rule)
        case .udp(let match): try judgeUDP(match, of: .udp, packet, headers, rule)
        case .udplite(let match): try judgeUDP(match, of: .udplite, packet, headers, rule)
        case .multiport: try leaveToFields(packet.protocol, packet, headers, size: 4)
        case .icmp(let match):
            try leaveToFields(match.version == .v4 ? .icmp : .icmpv6, packet, headers, size: 8)
        case .sctp(let match): try judgeSCTP(match, packet, headers)
        case .dccp(let match): try judgeDCCP(match, packet, headers)
        case .tcpMSS(let test): try judgeTCPMSS(test, packet, headers)
        case .ecn(let match): try judgeECN(match, packet, headers)
        case .esp(let test): try judgeSPI(test, of: .esp, (size: 8, place: 0, width: 4), packet, headers)
        case .ipComp(let match): try judgeSPI(match.spi, of: .ipcomp, (size: 4, place: 2, width: 2), packet, headers)
        case .ah(let match): try judgeAH(match, packet, headers)
        case .frag(let match): try judgeFragmentHeader(match, headers)
        case .destinationOptions(let match): try judgeOptions(match, .destinationOptions, headers)
        case .hopByHop(let match): try judgeOptions(match, .hopByHop, headers)
        case .routingHeader(let match): try judgeRoutingHeader(match, headers)
        case .segmentRouting(let match): try judgeSegmentRouting(match, headers)
        case .mobilityHeader(let test): try judgeMobilityHeader(test, packet, headers)
        case .ipv6Header(let match): try judgeIPv6Header(match, headers)
        case .string(let match): try judgeString(match, headers)
        // They ask the packet's image themselves, or nothing of its bytes.
        case .u32, .bpf, .source, .destination, .sourceV4, .destinationV4, .inInterface, .outInterface, .laterFragment,
            .addressType, .cgroup, .cluster, .comment, .connectionBytes, .connectionLabel, .connectionLimit,
            .connectionMark, .conntrack, .cpu, .deviceGroup, .dscp, .eui64, .hashLimit, .helper, .timeToLive,
            .addressRange, .ipvs, .length, .limit, .mac, .mark, .accounting, .operatingSystem, .owner, .physicalDevice,
            .packetType, .policy, .quota, .rateEstimate, .realm, .recent, .reversePath, .set, .socket, .state,
            .statistic, .time, .tos, .native, .unknown:
            throw .unknown
        }
    }

    /// Whether the packet's key may say that a rule can't match: not where a match would drop the packet or nf_tables
    /// sees another protocol.
    func prefilterApplies(to packet: Packet) -> Bool {
        guard let layout = PacketLayout(packet.bytes) else { return true }
        // 20 bytes are the longest header that a match demands, `-m tcp`'s.
        return layout.isComplete && layout.transport.offset + 20 <= layout.length && layout.firstExtension(.ah) == nil
    }
}
