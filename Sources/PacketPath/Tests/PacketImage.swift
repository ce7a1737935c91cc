internal import NetTypes

/// A word of which only the bits in `known` are known; the others are 0 in `value`.
struct PartialWord: Hashable, Sendable {
    var value: UInt32
    var known: UInt32

    init(_ value: UInt32, known: UInt32 = .max) {
        self.value = value & known
        self.known = known
    }

    static let unknown = PartialWord(0, known: 0)

    var exact: UInt32? { known == .max ? value : nil }

    /// The largest value it may have; the smallest is `value`.
    var highest: UInt32 { value | ~known }

    static func & (a: PartialWord, b: PartialWord) -> PartialWord {
        // A bit is known where both are, or where one is known to be 0.
        PartialWord(a.value & b.value, known: a.known & b.known | a.known & ~a.value | b.known & ~b.value)
    }

    static func | (a: PartialWord, b: PartialWord) -> PartialWord {
        PartialWord(a.value | b.value, known: a.known & b.known | a.value | b.value)
    }

    static func ^ (a: PartialWord, b: PartialWord) -> PartialWord {
        PartialWord(a.value ^ b.value, known: a.known & b.known)
    }

    /// - Parameter count: below 32.
    static func << (a: PartialWord, count: UInt32) -> PartialWord {
        PartialWord(a.value << count, known: a.known << count | ~(UInt32.max << count))
    }

    static func >> (a: PartialWord, count: UInt32) -> PartialWord {
        PartialWord(a.value >> count, known: a.known >> count | ~(UInt32.max >> count))
    }
}

/// The bytes of a packet from its IP header on, as far as the trace knows them.
///
/// Options, sequence numbers, checksums, identification, flow label and everything behind the transport header are
/// not known.
struct PacketImage: Hashable, Sendable {
    private var bytes: [UInt8] = []
    private var known: [UInt8] = []
    /// `nil` where the packet's length is not known.
    let length: UInt32?

    enum Load: Hashable, Sendable {
        case word(PartialWord)
        /// Beyond the packet's end.
        case outside
    }

    init(_ packet: Packet) {
        let unknown = packet.unknown
        length = unknown.contains(.length) ? nil : packet.length
        let hasPlainHeader = !unknown.contains(.otherHeaders)
        let first = packet.version == .v4 ? IPAddress(v4: 0) : .zero(.v6)
        func address(_ address: IPAddress, _ field: PacketFields) -> (bytes: [UInt8], isKnown: Bool) {
            let isKnown = !unknown.contains(field)
            return (isKnown ? address.bytes : first.bytes, isKnown)
        }
        let knowsFragment = !unknown.contains(.fragment)
        switch packet.version {
        case .v4:
            add(0x45, hasPlainHeader ? 0xff : 0xf0)
            add(packet.tos, unknown.contains(.dscp) ? 0 : 0xff)
            add16(UInt16(truncatingIfNeeded: packet.length), length != nil)
            add16(0, false)
            let flags: UInt16 = (packet.dontFragment ? 0x4000 : 0) | (packet.moreFragments ? 0x2000 : 0)
            add16(flags | packet.fragmentOffset & 0x1fff, knowsFragment)
            add(packet.ttl, unknown.contains(.ttl) ? 0 : 0xff)
            add(packet.protocol.rawValue, unknown.contains(.protocol) ? 0 : 0xff)
            add16(0, false)
        case .v6:
            let knowsClass: UInt8 = unknown.contains(.dscp) ? 0 : 0xf
            add(0x60 | packet.tos >> 4, 0xf0 | knowsClass)
            add(packet.tos << 4, knowsClass << 4)
            add16(0, false)
            add16(UInt16(truncatingIfNeeded: packet.length &- 40), length != nil)
            let isPlain = hasPlainHeader && knowsFragment && !packet.isFragment
            add(packet.protocol.rawValue, isPlain && !unknown.contains(.protocol) ? 0xff : 0)
            add(packet.ttl, unknown.contains(.ttl) ? 0 : 0xff)
        }
        for (part, field) in [(packet.source, PacketFields.source), (packet.destination, .destination)] {
            let (bytes, isKnown) = address(part, field)
            for byte in bytes { add(byte, isKnown ? 0xff : 0) }
        }
        let isWhole = knowsFragment && packet.fragmentOffset == 0 && (packet.version == .v4 || !packet.isFragment)
        if hasPlainHeader, isWhole, !unknown.contains(.protocol) { addTransport(packet) }
    }

    private mutating func addTransport(_ packet: Packet) {
        let unknown = packet.unknown
        if packet.protocol.hasPorts {
            add16(packet.sourcePort, !unknown.contains(.sourcePort) && packet.sourcePortChoices == nil)
            add16(packet.destinationPort, !unknown.contains(.destinationPort))
        }
        switch packet.protocol {
        case .tcp:
            for _ in 0..<4 { add16(0, false) }
            add(0, 0)
            add(packet.tcpFlags.rawValue, unknown.contains(.tcpFlags) ? 0 : 0xff)
        case .udp:
            let header: UInt32 = packet.version == .v4 ? 20 : 40
            add16(UInt16(truncatingIfNeeded: packet.length &- header), length != nil)
        case .icmp, .icmpv6:
            add(packet.icmpType, unknown.contains(.icmpType) ? 0 : 0xff)
            add(packet.icmpCode, unknown.contains(.icmpType) ? 0 : 0xff)
        default: break
        }
    }

    private mutating func add(_ byte: UInt8, _ mask: UInt8) {
        bytes.append(byte & mask)
        known.append(mask)
    }

    private mutating func add16(_ value: UInt16, _ isKnown: Bool) {
        add(UInt8(value >> 8), isKnown ? 0xff : 0)
        add(UInt8(value & 0xff), isKnown ? 0xff : 0)
    }

    /// The `size` bytes (1, 2 or 4) at `offset`, first byte highest; `nil` where it is not known whether the packet
    /// reaches that far.
    func load(_ offset: UInt32, _ size: UInt32) -> Load? {
        let (end, overflow) = offset.addingReportingOverflow(size)
        if overflow { return .outside }
        if let length {
            if end > length { return .outside }
        } else if end > UInt32(bytes.count) {
            return nil
        }
        var word = PartialWord(0)
        for position in offset..<end {
            let index = Int(position)
            let byte =
                index < bytes.count
                ? PartialWord(UInt32(bytes[index]), known: UInt32(known[index]) | ~0xff) : .init(0, known: ~0xff)
            word = word << 8 | byte
        }
        return .word(word)
    }
}
