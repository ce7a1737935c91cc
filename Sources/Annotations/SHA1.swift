/// SHA-1 (FIPS 180-4): Calico makes the name of a pod's interface of it.
struct SHA1 {
    /// The digest of `message`, 20 bytes.
    static func digest(_ message: some Sequence<UInt8>) -> [UInt8] {
        var state: [UInt32] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0]
        let bytes = paddedTo64(message)
        for start in stride(from: 0, to: bytes.count, by: 64) { compress(&state, bytes[start..<start + 64]) }
        return bigEndian(state)
    }

    private static func compress(_ state: inout [UInt32], _ block: ArraySlice<UInt8>) {
        var words = bigEndianWords(block, room: 80)
        for index in 16..<80 {
            let mixed = words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16]
            words.append(mixed << 1 | mixed >> 31)
        }
        var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
        for index in 0..<80 {
            let choice: UInt32
            let constant: UInt32
            switch index / 20 {
            case 0: (choice, constant) = ((b & c) | (~b & d), 0x5a82_7999)
            case 1: (choice, constant) = (b ^ c ^ d, 0x6ed9_eba1)
            case 2: (choice, constant) = ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc)
            default: (choice, constant) = (b ^ c ^ d, 0xca62_c1d6)
            }
            let next = (a << 5 | a >> 27) &+ choice &+ e &+ constant &+ words[index]
            (a, b, c, d, e) = (next, a, b << 30 | b >> 2, c, d)
        }
        state[0] &+= a
        state[1] &+= b
        state[2] &+= c
        state[3] &+= d
        state[4] &+= e
    }
}
