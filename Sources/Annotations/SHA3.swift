/// SHA3-224 (FIPS 202): Calico names groups of policies by it.
struct SHA3 {
    /// Bytes that a block takes up.
    private static let rate = 144

    /// The digest of `message`, 28 bytes.
    static func digest224(_ message: some Sequence<UInt8>) -> [UInt8] {
        var bytes = Array(message)
        let room = rate - bytes.count % rate
        bytes += [UInt8](repeating: 0, count: room)
        bytes[bytes.count - room] ^= 0x06
        bytes[bytes.count - 1] ^= 0x80
        var lanes = [UInt64](repeating: 0, count: 25)
        for start in stride(from: 0, to: bytes.count, by: rate) {
            for index in 0..<rate { lanes[index / 8] ^= UInt64(bytes[start + index]) << (8 * UInt64(index % 8)) }
            permute(&lanes)
        }
        return (0..<28).map { UInt8(truncatingIfNeeded: lanes[$0 / 8] >> (8 * UInt64($0 % 8))) }
    }

    /// Keccak-f[1600]: lane (x, y) lies at x + 5y.
    private static func permute(_ lanes: inout [UInt64]) {
        var columns = [UInt64](repeating: 0, count: 5)
        for constant in roundConstants {
            for x in 0..<5 { columns[x] = lanes[x] ^ lanes[x + 5] ^ lanes[x + 10] ^ lanes[x + 15] ^ lanes[x + 20] }
            for x in 0..<5 {
                let mixed = columns[(x + 4) % 5] ^ rotated(columns[(x + 1) % 5], 1)
                for y in 0..<5 { lanes[x + 5 * y] ^= mixed }
            }
            var carried = lanes[1]
            for (lane, count) in zip(order, rotations) {
                (carried, lanes[lane]) = (lanes[lane], rotated(carried, count))
            }
            for y in 0..<5 {
                for x in 0..<5 { columns[x] = lanes[x + 5 * y] }
                for x in 0..<5 { lanes[x + 5 * y] = columns[x] ^ (~columns[(x + 1) % 5] & columns[(x + 2) % 5]) }
            }
            lanes[0] ^= constant
        }
    }

    private static func rotated(_ word: UInt64, _ count: UInt64) -> UInt64 { word << count | word >> (64 - count) }

    /// The lanes in the order in which each takes the one before it, and by how many bits that is turned.
    private static let order = [
        10, 7, 11, 17, 18, 3, 5, 16, 8, 21, 24, 4, 15, 23, 19, 13, 12, 2, 20, 14, 22, 9, 6, 1,
    ]
    private static let rotations: [UInt64] = [
        1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 2, 14, 27, 41, 56, 8, 25, 43, 62, 18, 39, 61, 20, 44,
    ]
    private static let roundConstants: [UInt64] = [
        0x0000_0000_0000_0001, 0x0000_0000_0000_8082, 0x8000_0000_0000_808a, 0x8000_0000_8000_8000,
        0x0000_0000_0000_808b, 0x0000_0000_8000_0001, 0x8000_0000_8000_8081, 0x8000_0000_0000_8009,
        0x0000_0000_0000_008a, 0x0000_0000_0000_0088, 0x0000_0000_8000_8009, 0x0000_0000_8000_000a,
        0x0000_0000_8000_808b, 0x8000_0000_0000_008b, 0x8000_0000_0000_8089, 0x8000_0000_0000_8003,
        0x8000_0000_0000_8002, 0x8000_0000_0000_0080, 0x0000_0000_0000_800a, 0x8000_0000_8000_000a,
        0x8000_0000_8000_8081, 0x8000_0000_0000_8080, 0x0000_0000_8000_0001, 0x8000_0000_8000_8008,
    ]
}
