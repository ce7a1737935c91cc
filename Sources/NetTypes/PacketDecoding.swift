extension Packet {
    /// A packet of the bytes of an IP packet from its IP header on; `nil` where they are none.
    ///
    /// Bytes beyond the length in the IP header are left out. What the bytes should tell and don't, because the packet
    /// is a later fragment or ends too early, is `unknown`. Link, mark and owner are left for the caller to fill in.
    public init?(decoding bytes: Span<UInt8>) {
        var kept: [UInt8] = []
        kept.reserveCapacity(bytes.count)
        for index in bytes.indices { kept.append(bytes[index]) }
        guard let layout = PacketLayout(kept) else { return nil }
        if kept.count > layout.length { kept.removeLast(kept.count - layout.length) }
        let addresses = layout.version == .v4 ? 12 : 8
        guard let source = kept.address(layout.version, at: addresses),
            let destination = kept.address(layout.version, at: addresses + layout.version.addressBits / 8)
        else { return nil }
        self.init(source: source, destination: destination, protocol: layout.transport.kind)
        self.bytes = kept
        length = UInt32(layout.length)
        switch layout.version {
        case .v4:
            tos = kept[1]
            ttl = kept[8]
            dontFragment = kept[6] & 0x40 != 0
        case .v6:
            tos = kept[0] << 4 | kept[1] >> 4
            ttl = kept[7]
        }
        fragmentOffset = layout.fragmentOffset
        moreFragments = layout.moreFragments
        if kept.count < layout.length { unknown.insert(.payload) }
        if !layout.isComplete { unknown.formUnion([.protocol, .otherHeaders]) }
        takeTransport(kept, layout)
    }

    private mutating func takeTransport(_ bytes: [UInt8], _ layout: PacketLayout) {
        let start = layout.transport.offset
        // Beyond the end, where a later fragment's header would be, nothing is found.
        let isThere = layout.isComplete && layout.fragmentOffset == 0
        func word16(_ offset: Int) -> UInt16? { isThere ? bytes.word16(at: start + offset) : nil }
        func word32(_ offset: Int) -> UInt32? { isThere ? bytes.word32(at: start + offset) : nil }
        if `protocol`.hasPorts {
            if let port = word16(0) { sourcePort = port } else { unknown.insert(.sourcePort) }
            if let port = word16(2) { destinationPort = port } else { unknown.insert(.destinationPort) }
        }
        if `protocol`.isICMP {
            if let word = word16(0) {
                icmpType = UInt8(word >> 8)
                icmpCode = UInt8(word & 0xff)
            } else {
                unknown.insert(.icmpType)
            }
            if hasICMPIdentifier, let word = word16(4) { icmpIdentifier = word }
        }
        if `protocol` == .tcp {
            if let word = word32(4) { tcpSequence = word }
            if let word = word32(8) { tcpAcknowledgement = word }
            if let word = word16(12) {
                tcpFlags = TCPFlags(rawValue: UInt8(word & 0xff))
            } else {
                unknown.insert(.tcpFlags)
            }
            takeTCPOptions(bytes, start, isThere: isThere)
        }
    }

    private mutating func takeTCPOptions(_ bytes: [UInt8], _ start: Int, isThere: Bool) {
        guard isThere, let size = bytes.byte(at: start + 12).map({ Int($0 >> 4) * 4 }), start + size <= bytes.count
        else {
            unknown.insert(.tcpOptions)
            return
        }
        if let option = TCPOption.maximumSegmentSize(in: bytes, header: start) {
            maximumSegmentSize = bytes.word16(at: option.offset + 2)
        }
    }

    /// Whether the bytes behind an ICMP header's checksum are an identifier, by which conntrack knows the flow.
    /// Source: net/netfilter/nf_conntrack_proto_icmp.c, nf_conntrack_proto_icmpv6.c.
    public var hasICMPIdentifier: Bool {
        switch `protocol` {
        case .icmp: [0, 8, 13, 14, 15, 16, 17, 18].contains(icmpType)
        case .icmpv6: icmpType == 128 || icmpType == 129
        default: false
        }
    }
}

/// One option of a TCP header.
public struct TCPOption: Hashable, Sendable {
    public let kind: UInt8
    /// Bytes from the start of the packet.
    public let offset: Int
    /// Bytes with kind and length, as the option says: it may reach beyond the header. Kinds 0 and 1 have 1.
    public let length: Int

    /// The options of the TCP header at `header`, in order, up to its end or the packet's. As for the kernel's matches
    /// the end-of-list option ends nothing (net/netfilter/xt_tcpudp.c `tcp_find_option`).
    public static func all(in bytes: [UInt8], header: Int) -> [TCPOption] {
        guard let size = bytes.byte(at: header + 12).map({ Int($0 >> 4) * 4 }) else { return [] }
        let end = min(header + size, bytes.count)
        var options: [TCPOption] = []
        var place = header + 20
        while place < end, let kind = bytes.byte(at: place) {
            let length = kind < 2 ? 1 : max(1, Int(bytes.byte(at: place + 1) ?? 1))
            options.append(TCPOption(kind: kind, offset: place, length: length))
            place += length
        }
        return options
    }

    /// The option with the maximum segment size, if it has the right length. Source: net/netfilter/xt_tcpmss.c.
    public static func maximumSegmentSize(in bytes: [UInt8], header: Int) -> TCPOption? {
        guard let size = bytes.byte(at: header + 12).map({ Int($0 >> 4) * 4 }) else { return nil }
        for option in all(in: bytes, header: header)
        where option.kind == 2 && option.length == 4 && option.offset + 4 <= header + size {
            return option
        }
        return nil
    }
}
