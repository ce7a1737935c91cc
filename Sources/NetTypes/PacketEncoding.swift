extension Packet {
    /// The IP packet's bytes from its IP header on, with right checksums.
    ///
    /// Where `bytes` are known they are the packet, with the fields that are not `unknown` written over them. Else the
    /// packet has its headers and zeros up to `length`; a `length` that is too small for the headers is not kept. The
    /// checksum of a transport header is made anew where all of what it covers is there, and else carried along.
    ///
    /// - Parameter identification: IPv4's identification (16 bits), IPv6's flow label (20 bits) and that of a fragment
    ///   header; 0 leaves what `bytes` have.
    public func encoded(identification: UInt32 = 0) -> [UInt8] {
        var result = currentBytes ?? plainBytes
        guard let layout = PacketLayout(result) else { return result }
        if result.count < layout.length { result += [UInt8](repeating: 0, count: layout.length - result.count) }
        if identification != 0 { setIdentification(identification, layout, &result) }
        if layout.version == .v4 {
            result.put16(0, at: 10)
            var sum = InternetSum()
            sum.add(Array(result[..<layout.transport.offset]))
            result.put16(sum.checksum, at: 10)
        }
        setTransportChecksum(layout, &result)
        return result
    }

    private func setIdentification(_ identification: UInt32, _ layout: PacketLayout, _ result: inout [UInt8]) {
        switch layout.version {
        case .v4: result.put16(UInt16(truncatingIfNeeded: identification), at: 4)
        case .v6:
            let word = result.word32(at: 0) ?? 0
            result.put32(word & 0xfff0_0000 | identification & 0xf_ffff, at: 0)
            if let header = layout.firstExtension(.fragment) { result.put32(identification, at: header.offset + 4) }
        }
    }

    private func setTransportChecksum(_ layout: PacketLayout, _ result: inout [UInt8]) {
        let start = layout.transport.offset
        guard layout.isComplete, layout.fragmentOffset == 0, !layout.moreFragments, start < result.count,
            !hasRouteToGo(layout, result)
        else { return }
        if layout.transport.kind == .sctp {
            guard start + 12 <= result.count else { return }
            result.put32(0, at: start + 8)
            result.put32(castagnoli(result, from: start).byteSwapped, at: start + 8)
            return
        }
        guard let place = layout.checksumOffset, place + 2 <= result.count else { return }
        // A datagram of IPv4 may do without.
        if layout.transport.kind == .udp, version == .v4, bytes.count >= place + 2, result.word16(at: place) == 0 {
            return
        }
        result.put16(0, at: place)
        let sum = layout.transportSum(result).checksum
        result.put16(sum == 0 && layout.transport.kind.hidesZeroChecksum ? 0xffff : sum, at: place)
    }

    /// Whether the IPv6 header's destination is not the last one, over which the sender's checksum goes.
    private func hasRouteToGo(_ layout: PacketLayout, _ result: [UInt8]) -> Bool {
        guard let header = layout.firstExtension(.routing) else { return false }
        return result.byte(at: header.offset + 3) != 0
    }

    /// `bytes` with the fields that are not `unknown` written over them and checksums carried along, as NAT does it;
    /// `nil` where the packet's bytes are not known. Fewer than `length` where they were fewer.
    public var currentBytes: [UInt8]? {
        guard let old = PacketLayout(bytes), old.version == version else { return nil }
        var result = bytes
        let whole = Int(min(length, old.version == .v4 ? 65535 : 65575))
        if whole < result.count, whole >= old.transport.offset { result.removeLast(result.count - whole) }
        // What a capture cut off stays away; what was there and is now longer is padded.
        if whole > old.length, bytes.count >= old.length {
            result += [UInt8](repeating: 0, count: max(0, whole - result.count))
        }
        writeIPHeader(old, &result)
        writeTransport(old, &result)
        if result == bytes { return result }
        carryChecksums(old, &result)
        return result
    }

    /// Takes `changed` for the packet's bytes, with checksums that were right made right again.
    public mutating func rewrite(_ changed: [UInt8]) {
        guard let layout = PacketLayout(bytes), PacketLayout(changed)?.transport == layout.transport else { return }
        var result = changed
        carryChecksums(layout, &result)
        bytes = result
    }

    /// Takes the 0 of a datagram without a checksum for one and carries it along what has changed at `place` since the
    /// packet's bytes were `before`.
    public mutating func sumFromNone(_ place: Range<Int>, before: [UInt8]) {
        guard var after = currentBytes, after.count == before.count, place.upperBound <= after.count,
            let sumPlace = PacketLayout(after)?.checksumOffset, sumPlace + 2 <= after.count
        else { return }
        var sum = InternetSum()
        sum.add(0xffff)
        for byte in stride(from: place.lowerBound, to: place.upperBound, by: 2) {
            sum.add(~(before.word16(at: byte) ?? 0))
            sum.add(after.word16(at: byte) ?? 0)
        }
        after.put16(sum.checksum == 0 ? 0xffff : sum.checksum, at: sumPlace)
        bytes = after
    }

    /// Makes the packet's checksums right for all that is in it now, whatever they were.
    public mutating func sumAgain() {
        guard var result = currentBytes, let layout = PacketLayout(result) else { return }
        result.writeChecksums(layout)
        bytes = result
    }

    /// Gives the packet other addresses without a look at its checksums, as SNPT does.
    public mutating func readdress(source: IPAddress, destination: IPAddress) {
        if var result = currentBytes, let layout = PacketLayout(result) {
            if unknown.isDisjoint(with: .source) { result.put(source, at: layout.sourceOffset) }
            if unknown.isDisjoint(with: .destination) {
                result.put(destination, at: layout.sourceOffset + version.addressBits / 8)
            }
            bytes = result
        }
        self.source = source
        self.destination = destination
    }

    /// Takes the fragment header out of a packet of IPv6 that is whole, as reassembly does.
    public mutating func removeFragmentHeader() {
        guard !isFragment, let current = currentBytes, let layout = PacketLayout(current),
            let index = layout.extensions.firstIndex(where: { $0.kind == .fragment })
        else { return }
        let place = layout.extensions[index].offset
        guard place + 8 <= current.count, let next = current.byte(at: place) else { return }
        var result = current
        result.put(next, at: index == 0 ? 6 : layout.extensions[index - 1].offset)
        result.put16(UInt16(truncatingIfNeeded: layout.length - 48), at: 4)
        result.removeSubrange(place..<place + 8)
        length = UInt32(layout.length - 8)
        bytes = result
    }

    private func writeIPHeader(_ layout: PacketLayout, _ result: inout [UInt8]) {
        let isKnown = { (field: PacketFields) in unknown.isDisjoint(with: field) }
        switch layout.version {
        case .v4:
            if isKnown(.dscp) { result.put(tos, at: 1) }
            if isKnown(.length) { result.put16(UInt16(truncatingIfNeeded: length), at: 2) }
            if isKnown(.fragment), let word = result.word16(at: 6) {
                let flags: UInt16 = (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0)
                result.put16(word & 0x8000 | flags | fragmentOffset & 0x1fff, at: 6)
            }
            if isKnown(.ttl) { result.put(ttl, at: 8) }
        case .v6:
            if isKnown(.dscp), let word = result.word32(at: 0) {
                result.put32(word & 0xf00f_ffff | UInt32(tos) << 20, at: 0)
            }
            if isKnown(.length) { result.put16(UInt16(truncatingIfNeeded: max(40, length) - 40), at: 4) }
            if isKnown(.fragment), let place = layout.fragmentWordOffset,
                let word = result.word16(at: place)
            {
                result.put16(word & 6 | fragmentOffset << 3 | (moreFragments ? 1 : 0), at: place)
            }
            if isKnown(.ttl) { result.put(ttl, at: 7) }
        }
        if isKnown(.protocol) { result.put(`protocol`.rawValue, at: layout.protocolOffset) }
        if isKnown(.source) { result.put(source, at: layout.sourceOffset) }
        if isKnown(.destination) { result.put(destination, at: layout.sourceOffset + version.addressBits / 8) }
    }

    private func writeTransport(_ layout: PacketLayout, _ result: inout [UInt8]) {
        guard layout.isComplete, fragmentOffset == 0 else { return }
        let isKnown = { (field: PacketFields) in unknown.isDisjoint(with: field) }
        let start = layout.transport.offset
        if `protocol`.hasPorts {
            if isKnown(.sourcePort), sourcePortChoices == nil { result.put16(sourcePort, at: start) }
            if isKnown(.destinationPort) { result.put16(destinationPort, at: start + 2) }
        }
        if `protocol`.isICMP, isKnown(.icmpType) {
            result.put(icmpType, at: start)
            result.put(icmpCode, at: start + 1)
            if hasICMPIdentifier { result.put16(icmpIdentifier, at: start + 4) }
        }
        if `protocol` == .tcp {
            result.put32(tcpSequence, at: start + 4)
            result.put32(tcpAcknowledgement, at: start + 8)
            if isKnown(.tcpFlags) { result.put(tcpFlags.rawValue, at: start + 13) }
            if isKnown(.tcpOptions), let maximumSegmentSize,
                let option = TCPOption.maximumSegmentSize(in: result, header: start)
            {
                result.put16(maximumSegmentSize, at: option.offset + 2)
            }
        }
    }

    private func carryChecksums(_ layout: PacketLayout, _ result: inout [UInt8]) {
        if layout.version == .v4, let checksum = bytes.word16(at: 10) {
            let header = layout.transport.offset
            var (old, new) = (InternetSum(), InternetSum())
            old.add(Array(bytes[..<header]))
            new.add(Array(result[..<header]))
            result.put16(InternetSum.adjusted(checksum, from: old, to: new), at: 10)
        }
        guard layout.isComplete, layout.fragmentOffset == 0 else { return }
        let start = layout.transport.offset
        if layout.transport.kind == .sctp, result.count == layout.length, start + 12 <= result.count,
            result.dropFirst(start) != bytes.dropFirst(start)
        {
            result.put32(0, at: start + 8)
            result.put32(castagnoli(result, from: start).byteSwapped, at: start + 8)
        }
        guard layout.transport.kind.isCarriedByNAT, let place = layout.checksumOffset,
            let checksum = bytes.word16(at: place)
        else { return }
        let isUDP = layout.transport.kind == .udp
        if isUDP, checksum == 0 { return }
        let adjusted = InternetSum.adjusted(checksum, from: layout.transportSum(bytes), to: layout.transportSum(result))
        result.put16(adjusted == 0 && isUDP ? 0xffff : adjusted, at: place)
    }
}

extension PacketLayout {
    var sourceOffset: Int { version == .v4 ? 12 : 8 }

    /// Where the transport header has an internet checksum.
    public var checksumOffset: Int? {
        switch transport.kind {
        case .tcp: transport.offset + 16
        case .udp, .udplite, .dccp: transport.offset + 6
        case .icmp, .icmpv6, .igmp: transport.offset + 2
        case .mobility: transport.offset + 4
        default: nil
        }
    }

    /// The sum over the transport header, what follows it and, where it counts, the pseudo header.
    func transportSum(_ bytes: [UInt8]) -> InternetSum {
        transportSum(bytes, covering: nil, pseudoHeaderOf: inPseudoHeader)
    }

    /// The protocol that stands in the pseudo header; `nil` where the checksum covers none.
    private var inPseudoHeader: IPProtocol? {
        transport.kind == .icmp || transport.kind == .igmp ? nil : transport.kind
    }

    private func transportSum(
        _ bytes: [UInt8], covering coverage: Int?, pseudoHeaderOf kind: IPProtocol?
    ) -> InternetSum {
        var sum = InternetSum()
        let start = min(transport.offset, bytes.count)
        if let coverage, start + coverage < bytes.count {
            sum.add(Array(bytes[start..<start + coverage]))
        } else {
            sum.add(bytes, from: start)
        }
        guard let kind else { return sum }
        let addresses = sourceOffset..<sourceOffset + version.addressBits / 4
        if addresses.upperBound <= bytes.count { sum.add(Array(bytes[addresses])) }
        sum.add(UInt16(truncatingIfNeeded: max(0, bytes.count - transport.offset)))
        sum.add(UInt16(kind.rawValue))
        return sum
    }

    /// Whether the checksum of the transport header in `bytes`, a whole packet, is right.
    ///
    /// - Parameters:
    ///   - coverage: bytes that it covers, from the transport header on; `nil` for all.
    ///   - kind: the protocol that stands in the pseudo header, where it is another.
    public func hasRightChecksum(_ bytes: [UInt8], covering coverage: Int? = nil, as kind: IPProtocol? = nil) -> Bool {
        if transport.kind == .sctp {
            let place = transport.offset + 8
            guard let told = bytes.word32(at: place) else { return false }
            var plain = bytes
            plain.put32(0, at: place)
            return castagnoli(plain, from: transport.offset).byteSwapped == told
        }
        return transportSum(bytes, covering: coverage, pseudoHeaderOf: kind ?? inPseudoHeader).folded == 0xffff
    }
}

extension PacketLayout {
    /// Whether a UDP header says that its datagram has no checksum.
    public func hasNoChecksum(_ bytes: [UInt8]) -> Bool {
        transport.kind == .udp && bytes.word16(at: transport.offset + 6) == 0
    }

    /// Whether all that follows the IP header and extension headers sums up as if it held a right internet checksum, as
    /// the kernel looks at it where it does not know better: IPv4 has a pseudo header for TCP and UDP alone, IPv6 for all.
    public func hasRightSum(_ bytes: [UInt8]) -> Bool {
        if version == .v6 || transport.kind == .tcp || transport.kind == .udp {
            return transportSum(bytes, covering: nil, pseudoHeaderOf: transport.kind).folded == 0xffff
        }
        var sum = InternetSum()
        sum.add(bytes, from: min(transport.offset, bytes.count))
        // The IP header, which is right, is summed up with it: nothing at all and zeros are right too.
        return sum.folded == 0xffff || sum.folded == 0
    }
}

extension IPProtocol {
    /// Whether the kernel carries the checksum along where it changes a packet.
    /// Source: net/netfilter/nf_nat_proto.c `l4proto_manip_pkt`; observed on Linux 6.18, which has no DCCP any more.
    var isCarriedByNAT: Bool {
        self == .tcp || self == .udp || self == .udplite || self == .icmp || self == .icmpv6
    }

    /// Whether a checksum of 0 says that there is none, so that one that comes out as 0 is written as 0xffff.
    var hidesZeroChecksum: Bool { self == .udp || self == .udplite }
}
