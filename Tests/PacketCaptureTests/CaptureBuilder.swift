// Captures byte by byte, so that each test says what is in them.

/// Numbers as bytes.
func big16(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }
func big32(_ value: UInt32) -> [UInt8] { big16(UInt16(value >> 16)) + big16(UInt16(value & 0xffff)) }
func little16(_ value: UInt16) -> [UInt8] { big16(value).reversed() }
func little32(_ value: UInt32) -> [UInt8] { big32(value).reversed() }

/// The header of a pcap file, lowest byte first.
func pcapHeader(link: UInt32 = 1, magic: UInt32 = 0xa1b2_c3d4) -> [UInt8] {
    little32(magic) + little16(2) + little16(4) + little32(0) + little32(0) + little32(262_144) + little32(link)
}

/// One frame of a pcap file. `length`: on the wire.
func pcapRecord(_ bytes: [UInt8], length: Int? = nil, seconds: UInt32 = 1_764_158_697, fraction: UInt32 = 123)
    -> [UInt8]
{
    little32(seconds) + little32(fraction) + little32(UInt32(bytes.count)) + little32(UInt32(length ?? bytes.count))
        + bytes
}

/// A block of pcapng, lowest byte first.
func block(_ type: UInt32, _ body: [UInt8]) -> [UInt8] {
    let padded = body + [UInt8](repeating: 0, count: (4 - body.count % 4) % 4)
    let length = little32(UInt32(12 + padded.count))
    return little32(type) + length + padded + length
}

func sectionHeader() -> [UInt8] {
    block(0x0a0d_0d0a, little32(0x1a2b_3c4d) + little16(1) + little16(0) + [UInt8](repeating: 0xff, count: 8))
}

func option(_ code: UInt16, _ value: [UInt8]) -> [UInt8] {
    little16(code) + little16(UInt16(value.count)) + value + [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
}

func interfaceBlock(_ name: String, link: UInt16 = 1, more: [UInt8] = []) -> [UInt8] {
    block(1, little16(link) + little16(0) + little32(0) + option(2, Array(name.utf8)) + more + little32(0))
}

/// An enhanced packet block at `ticks`.
func packetBlock(
    _ bytes: [UInt8], interface: UInt32 = 0, ticks: UInt64 = 1_764_158_697_000_123, length: Int? = nil,
    options: [UInt8] = []
) -> [UInt8] {
    let padding = [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
    return block(
        6,
        little32(interface) + little32(UInt32(ticks >> 32)) + little32(UInt32(ticks & 0xffff_ffff))
            + little32(UInt32(bytes.count)) + little32(UInt32(length ?? bytes.count)) + bytes + padding + options)
}

/// An IPv4 packet with its header's checksum.
func ipv4(
    _ kind: UInt8, _ body: [UInt8], from: [UInt8] = [198, 51, 100, 7], to: [UInt8] = [192, 0, 2, 1], ttl: UInt8 = 64,
    id: UInt16 = 7, flags: UInt16 = 0x4000, options: [UInt8] = []
) -> [UInt8] {
    let header = 20 + options.count
    var bytes = [UInt8(0x40 | header / 4), 0] + big16(UInt16(header + body.count)) + big16(id) + big16(flags)
    bytes += [ttl, kind, 0, 0] + from + to + options
    let sum = ~folded(bytes)
    bytes[10] = UInt8(sum >> 8)
    bytes[11] = UInt8(sum & 0xff)
    return bytes + body
}

func ipv6(_ kind: UInt8, _ body: [UInt8], from: [UInt8]? = nil, to: [UInt8]? = nil) -> [UInt8] {
    let own: [UInt8] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    return [0x60, 0, 0, 0] + big16(UInt16(body.count)) + [kind, 64] + (from ?? own) + (to ?? own) + body
}

/// A TCP header and `payload`; `checksum` of an IPv4 packet between these ends unless given.
func tcp(
    _ source: UInt16 = 40000, _ destination: UInt16 = 22, flags: UInt8 = 2, payload: [UInt8] = [],
    checksum: UInt16? = nil, from: [UInt8] = [198, 51, 100, 7], to: [UInt8] = [192, 0, 2, 1]
) -> [UInt8] {
    var bytes = big16(source) + big16(destination) + big32(1000) + big32(0) + [0x50, flags] + big16(8192)
    bytes += [0, 0, 0, 0] + payload
    let value = checksum ?? ~folded(pseudoHeader(6, bytes.count, from, to) + bytes)
    bytes[16] = UInt8(value >> 8)
    bytes[17] = UInt8(value & 0xff)
    return bytes
}

func udp(_ source: UInt16, _ destination: UInt16, _ payload: [UInt8]) -> [UInt8] {
    big16(source) + big16(destination) + big16(UInt16(8 + payload.count)) + [0, 0] + payload
}

func pseudoHeader(
    _ kind: UInt8, _ count: Int, _ from: [UInt8] = [198, 51, 100, 7], _ to: [UInt8] = [192, 0, 2, 1]
) -> [UInt8] {
    from + to + [0, kind] + big16(UInt16(count))
}

/// The internet checksum's sum, with its carries.
func folded(_ bytes: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    for index in stride(from: 0, to: bytes.count, by: 2) {
        sum += UInt32(bytes[index]) << 8 | (index + 1 < bytes.count ? UInt32(bytes[index + 1]) : 0)
    }
    while sum > 0xffff { sum = (sum & 0xffff) + sum >> 16 }
    return UInt16(sum)
}

func ethernet(
    _ type: UInt16, _ packet: [UInt8], tags: [UInt16] = [], to: [UInt8] = [2, 0, 0, 0, 0, 1],
    from: [UInt8] = [2, 0, 0, 0, 0, 0x99]
) -> [UInt8] {
    to + from + tags.flatMap { big16(0x8100) + big16($0) } + big16(type) + packet
}

/// `-i any` of tcpdump before 4.99.
func cooked(_ type: UInt16, _ kind: UInt16, _ packet: [UInt8]) -> [UInt8] {
    big16(kind) + big16(1) + big16(6) + [2, 0, 0, 0, 0, 0x99, 0, 0] + big16(type) + packet
}

/// `-i any` of tcpdump since.
func cooked2(_ type: UInt16, _ kind: UInt8, index: UInt32, _ packet: [UInt8]) -> [UInt8] {
    big16(type) + [0, 0] + big32(index) + big16(1) + [kind, 6] + [2, 0, 0, 0, 0, 0x99, 0, 0] + packet
}

/// Numbers that are the same each time. Source: Steele et al., Fast Splittable Pseudorandom Number Generators (2014).
struct Sequence {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next(_ limit: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return Int((value ^ value >> 31) % UInt64(max(1, limit)))
    }
}
