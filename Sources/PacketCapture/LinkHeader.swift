public import NetTypes

/// Why a frame has no packet of IP that rules of iptables or nft's ip, ip6 and inet tables would see.
public enum FrameFailure: Error, Hashable, Sendable {
    /// A frame of a link that is not read.
    case linkType(LinkType)
    /// It ends before what it is can be told: on the wire, or in the capture.
    case short(part: Part, isCut: Bool)
    /// Another protocol than IP, in words.
    case notIP(String)
    /// The link says IP of one version, the header's first four bits say another.
    case wrongVersion(UInt8)
    /// The IP header can't be: its own length, or that of the packet.
    case badHeader(String)

    public enum Part: Hashable, Sendable { case linkHeader, ipHeader, packet }

    /// A sentence without a final stop.
    public var message: String {
        switch self {
        case .linkType(let type): return "its link type is not read: \(type.name)"
        case .short(.linkHeader, let isCut):
            return isCut ? "the capture has not all of its link header" : "it ends within its link header"
        case .short(.ipHeader, let isCut):
            return isCut
                ? "the capture has not all of its IP header: capture more of each frame (tcpdump -s 0)"
                : "it ends within its IP header"
        case .short(.packet, _): return "it is shorter than its IP header says: the kernel drops it before any rule"
        case .notIP(let what): return "no IP packet: \(what)"
        case .wrongVersion(let version):
            return "its IP header is of version \(version), which its link header does not say"
        case .badHeader(let what): return what
        }
    }
}

/// A frame down to its IP header.
public struct LinkHeader: Hashable, Sendable {
    /// Where the IP header begins.
    public var ipOffset: Int
    /// The version that the link says; `nil` where it says none.
    public var version: IPVersion?
    /// Tags of VLANs, the outermost first: 12 bits each.
    public var vlans: [UInt16] = []
    public var source: MACAddress?
    /// `nil` where the link does not tell it.
    public var destination: MACAddress?
    /// How the machine that captured took the frame, where the link tells (`-i any`).
    public var type: PacketType?
    /// The number of the interface on the machine that captured; SLL2 has it.
    public var interfaceIndex: UInt32?

    public init(ipOffset: Int) { self.ipOffset = ipOffset }

    /// Reads what stands before the packet.
    public init(_ frame: CapturedFrame) throws(FrameFailure) {
        self.init(ipOffset: 0)
        let bytes = ByteNumbers(bytes: frame.bytes)
        let cut = FrameFailure.short(part: .linkHeader, isCut: frame.bytes.count < frame.length)
        switch frame.interface.linkType {
        case .ethernet:
            guard let type = bytes.word16(12) else { throw cut }
            destination = bytes.mac(0)
            source = bytes.mac(6)
            ipOffset = 14
            try takeType(type, bytes, cut)
        case .linuxCooked:
            guard let type = bytes.word16(14), let kind = bytes.word16(0) else { throw cut }
            self.type = PacketType(rawValue: UInt8(clamping: kind))
            if bytes.word16(4) == 6 { source = bytes.mac(6) }
            ipOffset = 16
            try takeType(type, bytes, cut)
        case .linuxCooked2:
            guard let type = bytes.word16(0), let kind = bytes.byte(10), frame.bytes.count >= 20 else { throw cut }
            self.type = PacketType(rawValue: kind)
            interfaceIndex = bytes.word32(4)
            if bytes.byte(11) == 6 { source = bytes.mac(12) }
            ipOffset = 20
            try takeType(type, bytes, cut)
        case .raw: break
        case .ipv4: version = .v4
        case .ipv6: version = .v6
        case .null, .loop:
            guard let family = bytes.word32(0) else { throw cut }
            ipOffset = 4
            // Families are small numbers, which tells the byte order; those of IPv6 are of Linux, BSD, FreeBSD and macOS.
            switch family > 0xffff ? family.byteSwapped : family {
            case 2: version = .v4
            case 10, 24, 28, 30: version = .v6
            default: throw .notIP("address family \(family > 0xffff ? family.byteSwapped : family)")
            }
        default: throw .linkType(frame.interface.linkType)
        }
    }

    /// Steps over tags of VLANs to the type that counts.
    private mutating func takeType(_ first: UInt16, _ bytes: ByteNumbers, _ cut: FrameFailure) throws(FrameFailure) {
        var type = first
        while type == 0x8100 || type == 0x88a8 || type == 0x9100 {
            guard let tag = bytes.word16(ipOffset), let next = bytes.word16(ipOffset + 2) else { throw cut }
            // 0 is a priority without a VLAN.
            if tag & 0xfff != 0 { vlans.append(tag & 0xfff) }
            type = next
            ipOffset += 4
        }
        switch type {
        case 0x0800: version = .v4
        case 0x86dd: version = .v6
        default: throw .notIP(LinkHeader.name(of: type))
        }
    }

    private static func name(of type: UInt16) -> String {
        switch type {
        case 0x0806: "ARP"
        case 0x8035: "RARP"
        case 0x8863, 0x8864: "PPPoE: what is in it comes in by a ppp interface, to be captured there"
        case 0x8847, 0x8848: "MPLS"
        case 0x888e: "EAPOL"
        case 0x88cc: "LLDP"
        case 0x8809: "LACP"
        case 0x88e5: "MACsec: what is in it comes in by a macsec interface, to be captured there"
        case 0x88f7: "PTP"
        case 0x893a, 0x8942: "Ethernet control"
        case 0..<0x600: "802.3 with LLC (spanning tree and the like)"
        default: "EtherType 0x" + String(repeating: "0", count: type < 0x1000 ? 1 : 0) + String(type, radix: 16)
        }
    }
}

extension ByteNumbers {
    func mac(_ offset: Int) -> MACAddress? {
        guard let high = word16(offset), let low = word32(offset + 2) else { return nil }
        return MACAddress(bits: UInt64(high) << 32 | UInt64(low))
    }
}
