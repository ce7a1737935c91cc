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
/// Of a packet that was not given as bytes, options, sequence numbers, checksums, identification, flow label and
/// everything behind the transport header are not known. Of one that was, all is but the fields that the trace lost.
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
        if let given = packet.currentBytes, let layout = PacketLayout(given) {
            bytes = given
            known = [UInt8](repeating: 0xff, count: given.count)
            hideUnknown(packet, layout)
            return
        }
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
            let flagBits: UInt8 = unknown.contains(.dontFragment) ? 0xbf : 0xff
            let fragmentWord = flags | packet.fragmentOffset & 0x1fff
            add(UInt8(fragmentWord >> 8), knowsFragment ? flagBits : 0)
            add(UInt8(fragmentWord & 0xff), knowsFragment ? 0xff : 0)
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

    /// Makes unknown what the packet says is, and the checksums over it.
    private mutating func hideUnknown(_ packet: Packet, _ layout: PacketLayout) {
        let isV4 = layout.version == .v4
        let address = isV4 ? 4 : 16
        let firstAddress = isV4 ? 12 : 8
        var fields: [(field: PacketFields, offset: Int, size: Int)] = [
            (.source, firstAddress, address), (.destination, firstAddress + address, address),
            (.ttl, isV4 ? 8 : 7, 1), (.dscp, isV4 ? 1 : 0, isV4 ? 1 : 2), (.length, isV4 ? 2 : 4, 2),
        ]
        if let place = layout.fragmentWordOffset { fields.append((.fragment, place, 2)) }
        let hidden = hide(fields, packet.unknown)
        if isV4, !hidden.isEmpty { hide(10, 2) }
        guard layout.isComplete, layout.fragmentOffset == 0 else { return }
        let start = layout.transport.offset
        var unknown = packet.unknown
        if packet.sourcePortChoices != nil { unknown.insert(.sourcePort) }
        var parts: [(field: PacketFields, offset: Int, size: Int)] = []
        if packet.protocol.hasPorts { parts += [(.sourcePort, start, 2), (.destinationPort, start + 2, 2)] }
        if packet.protocol.isICMP { parts += [(.icmpType, start, 2), (.sourcePort, start + 4, 2)] }
        if packet.protocol == .tcp {
            let size = start + 12 < bytes.count ? Int(bytes[start + 12] >> 4) * 4 : 20
            parts += [(.tcpFlags, start + 13, 1), (.tcpOptions, start + 20, max(0, size - 20))]
        }
        let covered: PacketFields = packet.protocol == .icmp ? [] : [.source, .destination]
        if !hide(parts, unknown).union(hidden.intersection(covered)).isEmpty, let place = layout.checksumOffset {
            hide(place, 2)
        }
        if packet.protocol == .sctp, !hidden.isEmpty || unknown.contains(.sourcePort) { hide(start + 8, 4) }
    }

    /// The fields of `unknown` that have a place in `fields` are hidden and returned. One that the packet's end cuts off
    /// is not known because nothing could read it: no rule wrote it, and its bytes are what they were.
    @discardableResult private mutating func hide(
        _ fields: [(field: PacketFields, offset: Int, size: Int)], _ unknown: PacketFields
    ) -> PacketFields {
        var hidden: PacketFields = []
        let end = length.map { Int($0) } ?? .max
        for part in fields
        where unknown.contains(part.field) && part.offset < bytes.count && part.offset + part.size <= end {
            hide(part.offset, part.size)
            hidden.insert(part.field)
        }
        return hidden
    }

    private mutating func hide(_ offset: Int, _ size: Int) {
        for index in offset..<offset + size where bytes.indices.contains(index) {
            bytes[index] = 0
            known[index] = 0
        }
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

    /// The packet's bytes from `start` to `end`, where they are known.
    func exact(from start: Int = 0, _ end: Int) throws(HeaderFailure) -> [UInt8] {
        guard start <= end, end <= bytes.count, known[start..<end].allSatisfy({ $0 == 0xff }) else { throw .unknown }
        return Array(bytes[start..<end])
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
