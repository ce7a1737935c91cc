public import NetTypes

/// The packet of a frame, with what was put right in it.
public struct FramePacket: Hashable, Sendable {
    public var link: LinkHeader
    /// What its headers say. Its bytes are those that were captured, up to its length.
    public var packet: Packet
    /// Whether the capture has less of it than was on the wire.
    public var isCut: Bool
    /// Whether its IP header had no length, which is left to a network card that cuts it in pieces.
    public var hadNoLength: Bool
    public var checksums: SeenChecksums
    /// Whether wrong checksums were put right.
    public private(set) var wasRightened = false

    /// Puts wrong checksums right: those of a capture in which addresses were changed.
    public mutating func rightenChecksums() {
        guard checksums == .wrongHeader || checksums == .wrongTransport, let layout = PacketLayout(packet.bytes) else {
            return
        }
        packet.bytes.writeChecksums(layout)
        checksums = .fine
        wasRightened = true
    }

    /// Reads a frame down to its packet.
    public init(_ frame: CapturedFrame) throws(FrameFailure) {
        let link = try LinkHeader(frame)
        try self.init(Array(frame.bytes.dropFirst(link.ipOffset)), length: frame.length - link.ipOffset, link)
    }

    /// Reads a packet of `length` bytes, of which `bytes` were captured; what is behind it is left out.
    private init(_ captured: [UInt8], length: Int, _ link: LinkHeader) throws(FrameFailure) {
        var bytes = captured
        let header = try FramePacket.headerLength(bytes, length, link)
        guard bytes.count >= header else { throw .short(part: .ipHeader, isCut: bytes.count < length) }
        hadNoLength = try FramePacket.fillLength(&bytes, of: length)
        guard let layout = PacketLayout(bytes) else {
            throw .badHeader("its IP header's lengths can't be: the kernel drops it before any rule")
        }
        guard layout.length <= length else { throw .short(part: .packet, isCut: false) }
        if bytes.count > layout.length { bytes.removeLast(bytes.count - layout.length) }
        checksums = bytes.completeChecksums(layout)
        guard let packet = Packet(decoding: bytes.span) else { throw .badHeader("its IP header can't be read") }
        self.link = link
        self.packet = packet
        isCut = bytes.count < layout.length
    }

    private static func headerLength(_ bytes: [UInt8], _ length: Int, _ link: LinkHeader) throws(FrameFailure) -> Int {
        guard let first = bytes.first else { throw .short(part: .ipHeader, isCut: bytes.count < length) }
        let version = first >> 4
        if let expected = link.version, expected.rawValue != version { throw .wrongVersion(version) }
        switch version {
        case 4: return max(20, Int(first & 15) * 4)
        case 6: return 40
        default: throw .wrongVersion(version)
        }
    }

    /// Writes the length into an IP header that has none.
    private static func fillLength(_ bytes: inout [UInt8], of length: Int) throws(FrameFailure) -> Bool {
        let isV4 = bytes[0] >> 4 == 4
        guard bytes.word16(at: isV4 ? 2 : 4) == 0 else { return false }
        // A packet of IPv6 may be its header alone, behind which an Ethernet frame is filled up.
        if !isV4, length <= 60 || bytes[6] == 59 { return false }
        if !isV4, bytes[6] == 0 { throw .badHeader("a jumbogram, which is not read") }
        let told = isV4 ? length : length - 40
        guard told <= 65535 else { throw .badHeader("longer than an IP header can say (BIG TCP), which is not read") }
        let place = isV4 ? 2 : 4
        bytes[place] = UInt8(truncatingIfNeeded: told >> 8)
        bytes[place + 1] = UInt8(truncatingIfNeeded: told)
        // The header's checksum is the card's business too.
        if isV4 { (bytes[10], bytes[11]) = (0, 0) }
        return true
    }
}

/// A packet that another one carries.
public struct CarriedPacket: Hashable, Sendable {
    public var packet: FramePacket
    /// VXLAN's number of the network.
    public var identifier: UInt32?
}

extension FramePacket {
    /// What the packet carries, if it is one of VXLAN to one of `ports`, or has another IP packet right inside (IPIP,
    /// SIT); `nil` if it carries none, or none that can be read.
    public func carried(vxlanPorts ports: Set<UInt16>) -> CarriedPacket? {
        guard !packet.isFragment, let layout = PacketLayout(packet.bytes), layout.isComplete else { return nil }
        let start = layout.transport.offset
        func inside(_ offset: Int, _ type: LinkType) -> FramePacket? {
            guard start + offset <= packet.bytes.count, start + offset <= layout.length else { return nil }
            let frame = CapturedFrame(
                number: 0, interface: CaptureInterface(linkType: type), length: layout.length - start - offset,
                bytes: Array(packet.bytes[(start + offset)...]))
            do { return try FramePacket(frame) } catch { return nil }
        }
        switch packet.protocol {
        case .udp where ports.contains(packet.destinationPort) && packet.unknown.isDisjoint(with: .destinationPort):
            // The flag that there is a network's number. Source: RFC 7348.
            let numbers = ByteNumbers(bytes: packet.bytes)
            guard let flags = numbers.byte(start + 8), flags & 0x08 != 0, let word = numbers.word32(start + 12) else {
                return nil
            }
            return inside(16, .ethernet).map { CarriedPacket(packet: $0, identifier: word >> 8) }
        case .ipip: return inside(0, .ipv4).map { CarriedPacket(packet: $0) }
        case .ipv6: return inside(0, .ipv6).map { CarriedPacket(packet: $0) }
        default: return nil
        }
    }
}
