internal import KernelLink
internal import NetTypes
internal import NetlinkBytes

/// The fields of an IP packet by which it is known again, and by which an answer is told from it.
struct IPHeader {
    var version: IPVersion
    /// IP identification (IPv4) or flow label (IPv6).
    var tag: UInt32
    var tos: UInt8
    /// Of IPv6: the first header after the fixed one.
    var `protocol`: IPProtocol
    var source: IPAddress
    var destination: IPAddress
    /// Where the transport header begins; the end of the packet where it is a later fragment.
    var transportOffset: Int
    /// 0 where there are none, or they are cut off.
    var destinationPort: UInt16 = 0
    var tcpFlags: TCPFlags = []
    var icmpType: UInt8 = 0
    var icmpCode: UInt8 = 0

    /// Whether it is sent to a group or to all; broadcasts of a subnet end in ones as no other address does here.
    var isToMany: Bool { destination.isMulticast || version == .v4 && destination.v4Bits & 15 == 15 }

    init?(_ packet: [UInt8]) { self.init(packet.span) }

    /// `nil` for what is not IP, or is cut off within the fixed header.
    init?(_ bytes: Span<UInt8>) {
        guard bytes.count >= 20 else { return nil }
        switch bytes[0] >> 4 {
        case 4:
            guard let source = IPAddress(wire: bytes, 12..<16), let destination = IPAddress(wire: bytes, 16..<20) else {
                return nil
            }
            version = .v4
            tag = UInt32(bytes.bigEndian(4..<6))
            tos = bytes[1]
            `protocol` = IPProtocol(bytes[9])
            (self.source, self.destination) = (source, destination)
            let isFirst = bytes.bigEndian(6..<8) & 0x1fff == 0
            transportOffset = isFirst ? Int(bytes[0] & 15) * 4 : bytes.count
        case 6:
            guard let source = IPAddress(wire: bytes, 8..<24), let destination = IPAddress(wire: bytes, 24..<40) else {
                return nil
            }
            version = .v6
            tag = UInt32(bytes.bigEndian(1..<4) & 0xfffff)
            tos = UInt8(bytes.bigEndian(0..<2) >> 4 & 0xff)
            `protocol` = IPProtocol(bytes[6])
            (self.source, self.destination) = (source, destination)
            transportOffset = 40
        default: return nil
        }
        let transport = transportOffset
        if `protocol`.hasPorts, transport + 4 <= bytes.count {
            destinationPort = UInt16(bytes.bigEndian(transport + 2..<transport + 4))
            if `protocol` == .tcp, transport + 14 <= bytes.count {
                tcpFlags = TCPFlags(rawValue: bytes[transport + 13])
            }
        } else if `protocol`.isICMP, transport + 2 <= bytes.count {
            (icmpType, icmpCode) = (bytes[transport], bytes[transport + 1])
        }
    }

    /// What kind of answer a kernel gives with such a packet; `nil` for any other.
    var answer: AnswerKind? {
        switch `protocol` {
        case .tcp: tcpFlags.contains(.rst) ? .reset : nil
        case .icmp: [3, 5, 11, 12].contains(icmpType) ? .icmp(type: icmpType, code: icmpCode) : nil
        case .icmpv6: [1, 2, 3, 4, 137].contains(icmpType) ? .icmpv6(type: icmpType, code: icmpCode) : nil
        default: nil
        }
    }

    /// The tag of the packet that an ICMP error is about, where `packet`, whose header this is, has as much of it.
    func quotedTag(_ packet: [UInt8]) -> UInt32? {
        guard answer != nil, `protocol`.isICMP else { return nil }
        let start = transportOffset + 8
        guard packet.count >= start + 6 else { return nil }
        switch version {
        case .v4: return UInt32(packet.span.bigEndian(start + 4..<start + 6))
        // Type 137, a redirect, has addresses there.
        case .v6: return icmpType == 137 ? nil : UInt32(packet.span.bigEndian(start + 1..<start + 4) & 0xfffff)
        }
    }

    /// Whether `other` may be the same packet, further on its way.
    func isSame(as other: IPHeader) -> Bool {
        guard version == other.version, tag == other.tag else { return false }
        // Conntrack puts fragments together: what leaves it has no fragment header.
        let isFragment = version == .v6 && (`protocol`.rawValue == 44 || other.protocol.rawValue == 44)
        return `protocol` == other.protocol || isFragment
    }
}

/// What the kernel answers a packet with.
public enum AnswerKind: Hashable, Sendable {
    case reset
    case icmp(type: UInt8, code: UInt8)
    case icmpv6(type: UInt8, code: UInt8)

    /// Whether it tells of a shorter way, of a packet that is passed on all the same.
    var isRedirect: Bool {
        switch self {
        case .icmp(type: 5, _), .icmpv6(type: 137, _): true
        case .reset, .icmp, .icmpv6: false
        }
    }
}

extension [UInt8] {
    /// This IP packet with `tag` as its identification (IPv4, the checksum set right) or flow label (IPv6).
    func tagged(_ tag: UInt16) -> [UInt8] {
        var packet = self
        guard count >= 20 else { return packet }
        let (high, low) = (UInt8(tag >> 8), UInt8(truncatingIfNeeded: tag))
        if packet[0] >> 4 == 6 {
            (packet[1], packet[2], packet[3]) = (packet[1] & 0xf0, high, low)
            return packet
        }
        (packet[4], packet[5], packet[10], packet[11]) = (high, low, 0, 0)
        let header = Swift.min(Int(packet[0] & 15) * 4, count)
        var sum: UInt32 = 0
        for offset in stride(from: 0, to: header - 1, by: 2) {
            sum += UInt32(packet[offset]) << 8 | UInt32(packet[offset + 1])
        }
        while sum > 0xffff { sum = (sum >> 16) + (sum & 0xffff) }
        let checksum = ~UInt16(sum)
        (packet[10], packet[11]) = (UInt8(checksum >> 8), UInt8(truncatingIfNeeded: checksum))
        return packet
    }
}
