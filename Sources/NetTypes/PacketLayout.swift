/// Where the headers of an IP packet lie in its bytes, found as the kernel finds them.
///
/// Source: net/ipv6/exthdrs_core.c `ipv6_find_hdr`, Linux 6.18.
public struct PacketLayout: Hashable, Sendable {
    public struct Header: Hashable, Sendable {
        public let kind: IPProtocol
        /// Bytes from the start of the packet; may lie beyond its end.
        public let offset: Int
    }

    public let version: IPVersion
    /// Bytes of the packet by its IP header: there may be fewer at hand.
    public let length: Int
    /// Extension headers of IPv6 in their order, each as far there as it takes to step over it.
    public private(set) var extensions: [Header] = []
    /// What follows the IP header and the extension headers. Of a later fragment it is the first fragment's.
    public private(set) var transport: Header
    /// The place of the byte that names `transport`.
    public private(set) var protocolOffset: Int
    /// Whether the extension headers were there up to the last one. Else `transport` is the one that was not.
    public private(set) var isComplete = true
    /// The two bytes with the fragment's offset and flags.
    public private(set) var fragmentWordOffset: Int?
    /// In units of 8 bytes.
    public private(set) var fragmentOffset: UInt16 = 0
    public private(set) var moreFragments = false

    /// `nil` for what the kernel would not take for an IP packet (net/ipv4/ip_input.c `ip_rcv_core`).
    public init?(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return nil }
        switch first >> 4 {
        case 4:
            let header = Int(first & 0x0f) * 4
            guard header >= 20, bytes.count >= header, let length = bytes.word16(at: 2), Int(length) >= header,
                let fragment = bytes.word16(at: 6)
            else { return nil }
            version = .v4
            self.length = Int(length)
            transport = Header(kind: IPProtocol(bytes[9]), offset: header)
            protocolOffset = 9
            fragmentWordOffset = 6
            fragmentOffset = fragment & 0x1fff
            moreFragments = fragment & 0x2000 != 0
        case 6:
            guard bytes.count >= 40, let payload = bytes.word16(at: 4) else { return nil }
            version = .v6
            length = 40 + Int(payload)
            transport = Header(kind: IPProtocol(bytes[6]), offset: 40)
            protocolOffset = 6
            walkExtensions(bytes)
        default: return nil
        }
    }

    private mutating func walkExtensions(_ bytes: [UInt8]) {
        let end = min(length, bytes.count)
        while transport.kind.isExtensionHeader {
            let header = transport
            // The kernel reads four bytes of a routing or fragment header and two of any other.
            let needed = header.kind == .routing || header.kind == .fragment ? 4 : 2
            guard header.offset + needed <= end, let next = bytes.byte(at: header.offset),
                let units = bytes.byte(at: header.offset + 1)
            else {
                isComplete = false
                return
            }
            extensions.append(header)
            var size = (Int(units) + 1) * 8
            if header.kind == .ah { size = (Int(units) + 2) * 4 }
            if header.kind == .fragment {
                size = 8
                noteFragment(header.offset + 2, bytes.word16(at: header.offset + 2) ?? 0)
            }
            protocolOffset = header.offset
            transport = Header(kind: IPProtocol(next), offset: header.offset + size)
            if header.kind == .fragment, fragmentOffset > 0 {
                // Nothing behind it can be found in a later fragment.
                isComplete = !transport.kind.isExtensionHeader
                return
            }
        }
    }

    private mutating func noteFragment(_ place: Int, _ word: UInt16) {
        fragmentWordOffset = place
        fragmentOffset = word >> 3
        moreFragments = word & 1 != 0
    }

    /// The first extension header of `kind`.
    public func firstExtension(_ kind: IPProtocol) -> Header? {
        for header in extensions where header.kind == kind { return header }
        return nil
    }
}

extension IPProtocol {
    public static let hopByHop = IPProtocol(0)
    public static let routing = IPProtocol(43)
    public static let fragment = IPProtocol(44)
    public static let noNextHeader = IPProtocol(59)
    public static let destinationOptions = IPProtocol(60)

    /// Whether the kernel steps over this header to find the transport. Source: net/ipv6/exthdrs_core.c `ipv6_ext_hdr`.
    public var isExtensionHeader: Bool {
        switch self {
        case .hopByHop, .routing, .fragment, .ah, .destinationOptions: true
        default: false
        }
    }
}

/// Numbers in bytes, highest byte first; nothing is read or written beyond the end.
extension [UInt8] {
    func byte(at offset: Int) -> UInt8? { indices.contains(offset) ? self[offset] : nil }

    public func word16(at offset: Int) -> UInt16? {
        guard let high = byte(at: offset), let low = byte(at: offset + 1) else { return nil }
        return UInt16(high) << 8 | UInt16(low)
    }

    func word32(at offset: Int) -> UInt32? {
        guard let high = word16(at: offset), let low = word16(at: offset + 2) else { return nil }
        return UInt32(high) << 16 | UInt32(low)
    }

    func address(_ version: IPVersion, at offset: Int) -> IPAddress? {
        guard let first = word32(at: offset) else { return nil }
        guard version == .v6 else { return IPAddress(v4: first) }
        guard let second = word32(at: offset + 4), let third = word32(at: offset + 8),
            let fourth = word32(at: offset + 12)
        else { return nil }
        return IPAddress(
            v6High: UInt64(first) << 32 | UInt64(second), low: UInt64(third) << 32 | UInt64(fourth))
    }

    mutating func put(_ byte: UInt8, at offset: Int) { put([byte], at: offset) }

    mutating func put16(_ word: UInt16, at offset: Int) {
        put([UInt8(word >> 8), UInt8(word & 0xff)], at: offset)
    }

    mutating func put32(_ word: UInt32, at offset: Int) {
        let bytes = stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
        put(bytes, at: offset)
    }

    mutating func put(_ address: IPAddress, at offset: Int) { put(address.bytes, at: offset) }

    /// Nothing where not all of it has room.
    private mutating func put(_ bytes: [UInt8], at offset: Int) {
        guard offset >= 0, offset + bytes.count <= count else { return }
        for (index, byte) in bytes.enumerated() { self[offset + index] = byte }
    }

    mutating func append16(_ words: UInt16...) {
        for word in words {
            append(UInt8(word >> 8))
            append(UInt8(word & 0xff))
        }
    }

    mutating func append32(_ words: UInt32...) {
        for word in words { append16(UInt16(word >> 16), UInt16(word & 0xffff)) }
    }
}
