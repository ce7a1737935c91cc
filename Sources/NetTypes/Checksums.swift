/// The internet checksum (RFC 1071): a sum of 16-bit words with the carry added back, kept unfolded.
struct InternetSum {
    private var total: UInt64 = 0

    mutating func add(_ bytes: [UInt8], from start: Int = 0) {
        var index = start
        while index < bytes.count {
            let low = index + 1 < bytes.count ? UInt64(bytes[index + 1]) : 0
            total += UInt64(bytes[index]) << 8 | low
            index += 2
        }
    }

    mutating func add(_ word: UInt16) { total += UInt64(word) }

    var folded: UInt16 {
        var sum = total
        while sum > 0xffff { sum = (sum & 0xffff) + (sum >> 16) }
        return UInt16(sum)
    }

    /// What a header's checksum field holds.
    var checksum: UInt16 { ~folded }

    /// `checksum`, right for what sums up to `old`, made right for what sums up to `new` (RFC 1624). Where nothing
    /// changed it stays, right or wrong.
    static func adjusted(_ checksum: UInt16, from old: InternetSum, to new: InternetSum) -> UInt16 {
        if old.folded == new.folded { return checksum }
        var sum = InternetSum()
        sum.add(~checksum)
        sum.add(~old.folded)
        sum.add(new.folded)
        return sum.checksum
    }
}

/// CRC-32C, as SCTP carries it: lowest byte first (RFC 9260, appendix A).
func castagnoli(_ bytes: [UInt8], from start: Int) -> UInt32 {
    var value = UInt32.max
    var index = start
    while index < bytes.count {
        value ^= UInt32(bytes[index])
        for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
        index += 1
    }
    return ~value
}
