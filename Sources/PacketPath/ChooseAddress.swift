internal import NetTypes

extension AddressRange {
    /// The address that NAT takes of the range: no chance is in it, and no seed.
    ///
    /// Source: net/netfilter/nf_nat_core.c `find_best_ips_proto`, Linux 6.18, for a machine with the low byte first.
    ///
    /// - Parameters:
    ///   - source: the flow's source, before it is translated.
    ///   - destination: the flow's destination, for SNAT the translated one.
    ///   - end: which of the two is replaced.
    ///   - isPersistent: whether the destination does not count.
    func chosen(
        source: IPAddress, destination: IPAddress, replacing end: Manipulation, isPersistent: Bool, zone: UInt16
    ) -> IPAddress {
        if isSingle { return first }
        let least = words(first)
        let most = words(last)
        var target = words(destination)
        var hash = jenkinsHash(
            (words(source) + [0, 0, 0]).prefix(4).map { $0.byteSwapped },
            seed: isPersistent ? 0 : (target.last ?? 0).byteSwapped ^ UInt32(zone))
        var made: [UInt32] = []
        var isBelow = false
        for index in least.indices {
            // Once a word is less than the last address's, those that follow may be anything.
            let start = isBelow ? 0 : least[index]
            let count = isBelow ? .max : most[index] &- least[index] &+ 1
            let word = start &+ UInt32(truncatingIfNeeded: (UInt64(hash) * UInt64(count)) >> 32)
            made.append(word)
            if word != most[index] { isBelow = true }
            if end == .destination { target[index] = word }
            if !isPersistent { hash ^= target[index].byteSwapped }
        }
        guard made.count == 4 else { return IPAddress(v4: made.first ?? 0) }
        return IPAddress(
            v6High: UInt64(made[0]) << 32 | UInt64(made[1]), low: UInt64(made[2]) << 32 | UInt64(made[3]))
    }
}

/// The 32-bit words of an address, as numbers.
private func words(_ address: IPAddress) -> [UInt32] {
    func halves(_ word: UInt64) -> [UInt32] { [UInt32(word >> 32), UInt32(truncatingIfNeeded: word)] }
    switch address.version {
    case .v4: return [address.v4Bits]
    case .v6: return halves(address.high) + halves(address.low)
    }
}

/// Source: include/linux/jhash.h `jhash2`, and `jhash` of so many bytes; Linux 6.18.
///
/// - Parameter length: the bytes that count, where they are no whole words; the last word is then filled up with zeros.
func jenkinsHash(_ words: [UInt32], length: Int? = nil, seed: UInt32) -> UInt32 {
    func rotate(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
    let start = 0xdead_beef &+ UInt32(truncatingIfNeeded: length ?? words.count * 4) &+ seed
    var (a, b, c) = (start, start, start)
    var rest = words[...]
    while rest.count > 3 {
        let next = Array(rest.prefix(3))
        rest = rest.dropFirst(3)
        (a, b, c) = (a &+ next[0], b &+ next[1], c &+ next[2])
        for count in [UInt32(4), 6, 8, 16, 19, 4] {
            a = (a &- c) ^ rotate(c, count)
            c = c &+ b
            (a, b, c) = (b, c, a)
        }
    }
    let last = Array(rest)
    guard !last.isEmpty else { return c }
    a = a &+ last[0]
    if last.count > 1 { b = b &+ last[1] }
    if last.count > 2 { c = c &+ last[2] }
    c = (c ^ b) &- rotate(b, 14)
    a = (a ^ c) &- rotate(c, 11)
    b = (b ^ a) &- rotate(a, 25)
    c = (c ^ b) &- rotate(b, 16)
    a = (a ^ c) &- rotate(c, 4)
    b = (b ^ a) &- rotate(a, 14)
    c = (c ^ b) &- rotate(b, 24)
    return c
}
