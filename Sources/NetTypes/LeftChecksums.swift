/// What the checksums of a packet are that was seen on its way through a host.
public enum SeenChecksums: UInt8, Hashable, Sendable {
    /// Right, none, or not to be judged: not all of what they are for is there.
    case fine
    /// Left for a network card to write, and written as that would.
    case leftToCard
    /// The transport header's is wrong: conntrack takes the packet for invalid where it arrives.
    case wrongTransport
    /// The IPv4 header's is wrong: the kernel drops the packet before any rule.
    case wrongHeader
}

extension [UInt8] {
    /// Judges the checksums of these bytes, an IP packet with `layout`, and writes those that were left to a network card.
    ///
    /// What a host sends itself, what comes from a container or virtual machine, and what the kernel or the card has put
    /// together of several packets has only the sum of the pseudo header in its place, or for SCTP nothing: the kernel
    /// takes all these for right. Source: include/linux/skbuff.h, `CHECKSUM_PARTIAL`; net/ipv4/tcp_offload.c
    /// `tcp4_gro_complete`; net/ipv4/udp.c `udp4_hwcsum`, Linux 6.18.
    public mutating func completeChecksums(_ layout: PacketLayout) -> SeenChecksums {
        var seen = SeenChecksums.fine
        if layout.version == .v4 {
            let header = layout.transport.offset
            guard header <= count else { return .fine }
            var sum = InternetSum()
            sum.add(Array(self[..<header]))
            if sum.folded != 0xffff {
                guard word16(at: 10) == 0 else { return .wrongHeader }
                put16(sum.checksum, at: 10)
                seen = .leftToCard
            }
        }
        guard layout.isComplete, layout.fragmentOffset == 0, !layout.moreFragments, count == layout.length,
            !layout.hasNoChecksum(self)
        else { return seen }
        switch layout.transport.kind {
        case .tcp, .udp, .icmp, .icmpv6, .sctp: break
        default: return seen
        }
        let place = layout.transport.kind == .sctp ? layout.transport.offset + 8 : layout.checksumOffset ?? count
        guard place + 4 <= count, !layout.hasRightChecksum(self) else { return seen }
        guard isLeftToCard(layout, at: place) else { return .wrongTransport }
        writeChecksums(layout)
        return .leftToCard
    }

    /// Writes the checksums that these bytes, an IP packet with `layout`, should have.
    public mutating func writeChecksums(_ layout: PacketLayout) {
        if layout.version == .v4, layout.transport.offset <= count {
            put16(0, at: 10)
            var sum = InternetSum()
            sum.add(Array(self[..<layout.transport.offset]))
            put16(sum.checksum, at: 10)
        }
        guard layout.isComplete, layout.fragmentOffset == 0, !layout.moreFragments, count == layout.length,
            !layout.hasNoChecksum(self)
        else { return }
        switch layout.transport.kind {
        case .sctp:
            put32(0, at: layout.transport.offset + 8)
            put32(castagnoli(self, from: layout.transport.offset).byteSwapped, at: layout.transport.offset + 8)
        case .tcp, .udp, .icmp, .icmpv6:
            guard let place = layout.checksumOffset else { return }
            put16(0, at: place)
            let checksum = layout.transportSum(self).checksum
            put16(checksum == 0 && layout.transport.kind == .udp ? 0xffff : checksum, at: place)
        default: return
        }
    }

    private func isLeftToCard(_ layout: PacketLayout, at place: Int) -> Bool {
        switch layout.transport.kind {
        case .tcp, .udp: word16(at: place) == layout.pseudoHeaderSum(self).folded
        case .sctp: word32(at: place) == 0
        default: false
        }
    }
}

extension PacketLayout {
    /// The sum over addresses, length and protocol alone.
    fileprivate func pseudoHeaderSum(_ bytes: [UInt8]) -> InternetSum {
        var sum = InternetSum()
        let addresses = sourceOffset..<sourceOffset + version.addressBits / 4
        if addresses.upperBound <= bytes.count { sum.add(Array(bytes[addresses])) }
        sum.add(UInt16(truncatingIfNeeded: max(0, bytes.count - transport.offset)))
        sum.add(UInt16(transport.kind.rawValue))
        return sum
    }
}
