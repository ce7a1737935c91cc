// Packets of which only the fields are known, as bytes: the least that the kernel takes for one.
extension Packet {
    /// Headers and zeros up to `length`, without checksums.
    var plainBytes: [UInt8] {
        let transport = self.transport
        let header = version == .v4 ? 20 : isFragment ? 48 : 40
        let body = max(transport.count, Int(min(length, 65535)) - header)
        var result = ipHeader(body: body)
        result += transport
        result += [UInt8](repeating: 0, count: body - transport.count)
        writeLengths(header, body, &result)
        return result
    }

    private func ipHeader(body: Int) -> [UInt8] {
        var result: [UInt8] = []
        switch version {
        case .v4:
            let flags: UInt16 = (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0)
            result.append16(
                0x4500 | UInt16(tos), UInt16(truncatingIfNeeded: 20 + body), 0, flags | fragmentOffset & 0x1fff)
            result += [ttl, `protocol`.rawValue, 0, 0]
            result += source.bytes + destination.bytes
        case .v6:
            let payload = UInt16(truncatingIfNeeded: body + (isFragment ? 8 : 0))
            result.append32(0x6000_0000 | UInt32(tos) << 20)
            result.append16(payload)
            result += [isFragment ? IPProtocol.fragment.rawValue : `protocol`.rawValue, ttl]
            result += source.bytes + destination.bytes
            if isFragment {
                result += [`protocol`.rawValue, 0]
                result.append16(fragmentOffset << 3 | (moreFragments ? 1 : 0), 0, 0)
            }
        }
        return result
    }

    /// The transport header, and what it can't be without.
    private var transport: [UInt8] {
        // Where a later fragment's data happen to begin.
        if fragmentOffset > 0 { return [UInt8](repeating: 0, count: 8) }
        var result: [UInt8] = []
        let nothing = IPProtocol.noNextHeader.rawValue
        switch `protocol` {
        case .tcp:
            result.append16(sourcePort, destinationPort)
            result.append32(tcpSequence, tcpAcknowledgement)
            result += [maximumSegmentSize == nil ? 0x50 : 0x60, tcpFlags.rawValue]
            result.append16(8192, 0, 0)
            if let maximumSegmentSize { result.append16(0x0204, maximumSegmentSize) }
        case .udp, .udplite: result.append16(sourcePort, destinationPort, 0, 0)
        case .icmp, .icmpv6:
            result += [icmpType, icmpCode, 0, 0]
            result.append16(hasICMPIdentifier ? icmpIdentifier : 0, hasICMPIdentifier ? 1 : 0)
        case .sctp:
            result.append16(sourcePort, destinationPort)
            // An INIT chunk: tag 1, window 65536, one stream each way.
            result.append32(0, 0, 0x0100_0014, 1, 65536, 0x0001_0001, 1)
        case .dccp:
            result.append16(sourcePort, destinationPort)
            // A request of five words with a long sequence number, for service 0.
            result.append32(0x0500_0000, 0x0100_0000, 1, 0)
        case .gre: result.append16(0, 0x0800)
        case .esp: result.append32(0x100, 1)
        case .ah where version == .v4:
            result += [nothing, 1]
            result.append16(0)
            result.append32(0x100, 1)
        case .ah:
            result += [nothing, 2]
            result.append16(0)
            result.append32(0x100, 1, 0)
        case .ipcomp:
            result += [nothing, 0]
            result.append16(2)
        case .mobility:
            result += [nothing, 0, 0, 0]
            result.append16(0, 0)
        case _ where version == .v6 && `protocol`.isExtensionHeader: result += [nothing, 0, 0, 0, 0, 0, 0, 0]
        default: break
        }
        return result
    }

    /// Lengths within the transport header, which the zeros behind it lengthen.
    private func writeLengths(_ header: Int, _ body: Int, _ result: inout [UInt8]) {
        guard fragmentOffset == 0 else { return }
        switch `protocol` {
        case .udp: result.put16(UInt16(truncatingIfNeeded: body), at: header + 4)
        // conntrack drops what has bytes of no chunk. Source: net/netfilter/nf_conntrack_proto_sctp.c.
        case .sctp: result.put16(UInt16(truncatingIfNeeded: body - 12), at: header + 14)
        default: break
        }
    }
}
