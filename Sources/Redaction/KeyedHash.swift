/// A key that nobody has but who redacts: without it what it hides can't be computed back.
public struct RedactionKey: Hashable, Sendable {
    let first: UInt64
    let second: UInt64

    public init(_ first: UInt64, _ second: UInt64) {
        self.first = first
        self.second = second
    }

    /// A new one, from the system's source of randomness.
    public static func random() -> RedactionKey {
        var source = SystemRandomNumberGenerator()
        return RedactionKey(source.next(), source.next())
    }
}

extension RedactionKey {
    /// SipHash-2-4 of `bytes` (Aumasson and Bernstein, 2012): looks random to who lacks the key.
    func hash(_ bytes: [UInt8]) -> UInt64 {
        var state = SipState(self)
        var word: UInt64 = 0
        for (position, byte) in bytes.enumerated() {
            word |= UInt64(byte) << UInt64(position % 8 * 8)
            if position % 8 == 7 {
                state.absorb(word)
                word = 0
            }
        }
        state.absorb(word | UInt64(truncatingIfNeeded: bytes.count) << 56)
        return state.finish()
    }

    /// The same of two words of 64 bits.
    func hash(_ a: UInt64, _ b: UInt64, _ c: UInt64) -> UInt64 {
        var state = SipState(self)
        state.absorb(a)
        state.absorb(b)
        state.absorb(c)
        state.absorb(24 << 56)
        return state.finish()
    }
}

private struct SipState {
    private var (v0, v1, v2, v3): (UInt64, UInt64, UInt64, UInt64)

    init(_ key: RedactionKey) {
        v0 = key.first ^ 0x736f_6d65_7073_6575
        v1 = key.second ^ 0x646f_7261_6e64_6f6d
        v2 = key.first ^ 0x6c79_6765_6e65_7261
        v3 = key.second ^ 0x7465_6462_7974_6573
    }

    mutating func absorb(_ word: UInt64) {
        v3 ^= word
        mix()
        mix()
        v0 ^= word
    }

    mutating func finish() -> UInt64 {
        v2 ^= 0xff
        for _ in 0..<4 { mix() }
        return v0 ^ v1 ^ v2 ^ v3
    }

    private mutating func mix() {
        func turned(_ value: UInt64, _ count: UInt64) -> UInt64 { value << count | value >> (64 - count) }
        v0 &+= v1
        v2 &+= v3
        v1 = turned(v1, 13) ^ v0
        v3 = turned(v3, 16) ^ v2
        v0 = turned(v0, 32)
        v2 &+= v1
        v0 &+= v3
        v1 = turned(v1, 17) ^ v2
        v3 = turned(v3, 21) ^ v0
        v2 = turned(v2, 32)
    }
}
