import NetTypes

/// A packet while it is drawn: everything of it that is not a sum over the rest.
struct PacketDraft {
    /// Indexes of ESP, AH and IPComp that rules and packets share.
    static let indexes: [UInt32] = [1, 5, 100, 0x1234, 0xffff_0000]

    var source: IPAddress
    var destination: IPAddress
    var ttl: UInt8 = 64
    var tos: UInt8 = 0
    var dontFragment = false
    /// In units of 8 bytes.
    var fragmentOffset: UInt16 = 0
    var moreFragments = false
    var identification: UInt16 = 0
    /// Options of an IPv4 header, a multiple of four bytes.
    var options: [UInt8] = []
    /// Extension headers of IPv6 in the order of the packet, fragments apart.
    var extensions: [UInt8] = []
    /// Which of the forms that a routing header or options have; any number.
    var form = 0
    var number: UInt8
    var sourcePort: UInt16 = 0
    var destinationPort: UInt16 = 0
    var tcpFlags: UInt8 = 2
    var sequence: UInt32 = 1000
    var acknowledgement: UInt32 = 0
    var tcpOptions: [UInt8] = []
    var icmpType: UInt8 = 8
    var icmpCode: UInt8 = 0
    var icmpIdentifier: UInt16 = 1
    var chunks: [UInt8] = [1]
    var index: UInt32 = 1
    var dccpType: UInt8 = 0
    /// A multiple of four bytes.
    var dccpOptions: [UInt8] = []
    var mobilityType: UInt8 = 5
    /// What follows the transport header; of an ICMP error, the packet that it is about.
    var payload: [UInt8] = []
    /// Pad the packet to so many bytes, or cut its payload off there.
    var length: Int?
    /// Cut the packet off here, in the middle of its headers too.
    var end: Int?
    /// Leave a datagram's checksum out.
    var hasNoChecksum = false

    var version: IPVersion { destination.version }

    /// The IP packet with right checksums; `nil` where it is none after all.
    func packet() -> Packet? {
        var bytes = header + extensionBytes + transport + payload
        // A packet that is cut within its headers meets no rule that asks for a length.
        if let length, length >= 60 || length >= bytes.count, length <= 9000 {
            if bytes.count > length { bytes.removeLast(bytes.count - length) }
            if bytes.count < length { bytes += [UInt8](repeating: 0x61, count: length - bytes.count) }
        }
        if let end, end < bytes.count { bytes.removeLast(bytes.count - end) }
        writeLengths(&bytes)
        guard var packet = Packet(decoding: bytes.span) else { return nil }
        packet.bytes = packet.encoded()
        return packet
    }

    private var header: [UInt8] {
        var bytes: [UInt8] = []
        switch version {
        case .v4:
            let flags: UInt16 = (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0)
            bytes += [0x45 + UInt8(options.count / 4), tos, 0, 0]
            bytes += words(identification, flags | fragmentOffset)
            bytes += [ttl, number, 0, 0] + source.bytes + destination.bytes + options
        case .v6:
            bytes += [0x60 | tos >> 4, tos << 4, 0, 0, 0, 0, extensions.first ?? afterExtensions, ttl]
            bytes += source.bytes + destination.bytes
        }
        return bytes
    }

    /// Routing headers of one address that lead nowhere further: type 2, type 0, segment routing with tag 7.
    private static let routes: [[UInt8]] = [[2, 2, 0, 0, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0], [2, 4, 0, 0, 0, 0, 7]]
    /// The forms of a routing header of a type.
    static let formOfRoute = [2: 0, 0: 1, 4: 2]

    /// Lengths and options: a router alert and padding; padding alone; twice as long.
    private static let optionLists: [[UInt8]] = [
        [0, 5, 2, 0, 0, 1, 0], [0, 1, 4, 0, 0, 0, 0], [1, 5, 2, 0, 0, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0],
    ]

    private var isFragment: Bool { fragmentOffset > 0 || moreFragments }
    private var afterExtensions: UInt8 { isFragment ? 44 : number }

    private var extensionBytes: [UInt8] {
        guard version == .v6 else { return [] }
        var bytes: [UInt8] = []
        for (place, kind) in extensions.enumerated() {
            let next = place + 1 < extensions.count ? extensions[place + 1] : afterExtensions
            switch kind {
            case 43: bytes += [next] + Self.routes[form % Self.routes.count] + destination.bytes
            case 51: bytes += [next, 4, 0, 0] + long(index) + long(1) + [UInt8](repeating: 0xaa, count: 12)
            default: bytes += [next] + Self.optionLists[form % Self.optionLists.count]
            }
        }
        if isFragment {
            bytes += [number, 0] + words(fragmentOffset << 3 | (moreFragments ? 1 : 0)) + long(UInt32(identification))
        }
        return bytes
    }

    private var transport: [UInt8] {
        guard fragmentOffset == 0 else { return [] }
        let ports = words(sourcePort, destinationPort)
        switch number {
        case 6:
            let size = UInt8(20 + tcpOptions.count) / 4
            return ports + long(sequence) + long(acknowledgement)
                + [size << 4, tcpFlags] + words(8192, 0, 0) + tcpOptions
        // Sums are made anew where something else stands in their place.
        case 17: return ports + words(UInt16(8 + payload.count), hasNoChecksum && version == .v4 ? 0 : 1)
        case 136: return ports + words(0, 1)
        case 1, 58:
            return [icmpType, icmpCode, 0, 0] + words(isEcho ? icmpIdentifier : 0, isEcho ? 1 : 0) + icmpBody
        case 132: return ports + long(sctpTag) + long(0) + chunks.flatMap(chunk)
        case 33:
            let rest = dccpBody + dccpOptions
            return ports + [UInt8(16 + rest.count) / 4, 0, 0, 1, dccpType << 1 | 1, 0, 0, 0] + long(1) + rest
        case 47: return words(0, 0x0800)
        case 50: return long(index) + long(1)
        case 51: return [59, 4, 0, 0] + long(index) + long(1) + [UInt8](repeating: 0xaa, count: 12)
        case 108: return [59, 0] + words(UInt16(truncatingIfNeeded: index))
        case 135: return [59, 0, mobilityType, 0] + words(0, 0)
        case 2: return [0x16, 0, 0, 0] + v4(239, 1, 1, 1).bytes
        default: return []
        }
    }

    /// A service for requests and responses, a number acknowledged for all but requests and data.
    private var dccpBody: [UInt8] {
        (dccpType == 0 || dccpType == 2 ? [] : long(0) + long(1)) + (dccpType < 2 ? long(0) : [])
            + (dccpType == 7 ? long(0) : [])
    }

    private var isEcho: Bool {
        number == 1 ? [0, 8, 13, 14, 15, 16, 17, 18].contains(icmpType) : icmpType == 128 || icmpType == 129
    }

    /// What a type must have behind its first eight bytes to be taken for one.
    private var icmpBody: [UInt8] {
        if number == 1, icmpType == 13 || icmpType == 14 { return long(1) + long(0) + long(0) }
        if number == 1, icmpType == 17 || icmpType == 18 { return long(0xffff_ff00) }
        if number == 58, icmpType == 135 || icmpType == 136 || icmpType == 137 { return destination.bytes }
        if number == 58, icmpType >= 130 && icmpType <= 132 { return [UInt8](repeating: 0, count: 16) }
        return []
    }

    /// INIT goes without a tag.
    private var sctpTag: UInt32 { chunks.contains(1) ? 0 : 7 }

    private func chunk(_ kind: UInt8) -> [UInt8] {
        switch kind {
        case 0: [0, 3] + words(20) + long(1) + words(0, 0) + long(0) + [0x68, 0x65, 0x6c, 0x6c]
        case 1, 2: [kind, 0] + words(20) + long(7) + long(65536) + words(1, 1) + long(1)
        case 3: [3, 0] + words(16) + long(1) + long(65536) + words(0, 0)
        case 4, 5: [kind, 0] + words(12) + [0, 1, 0, 8] + long(5)
        case 7: [7, 0] + words(8) + long(1)
        case 10: [10, 0] + words(8) + long(0x1122_3344)
        default: [kind, 0] + words(4)
        }
    }

    private func writeLengths(_ bytes: inout [UInt8]) {
        let length = UInt16(truncatingIfNeeded: version == .v4 ? bytes.count : bytes.count - 40)
        let place = version == .v4 ? 2 : 4
        bytes.replaceSubrange(place..<place + 2, with: words(length))
        guard number == 17, fragmentOffset == 0, !moreFragments else { return }
        let start = (version == .v4 ? 20 + options.count : 40) + extensionBytes.count
        guard start + 6 <= bytes.count else { return }
        bytes.replaceSubrange(start + 4..<start + 6, with: words(UInt16(truncatingIfNeeded: bytes.count - start)))
    }
}

/// Numbers as the wire has them, highest byte first.
func words(_ words: UInt16...) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(words.count * 2)
    for word in words { bytes += [UInt8(word >> 8), UInt8(word & 0xff)] }
    return bytes
}

func long(_ word: UInt32) -> [UInt8] { words(UInt16(word >> 16), UInt16(word & 0xffff)) }
