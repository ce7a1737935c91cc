// Runs of bytes, eight at a time: finding a line's end, copying a line and comparing names is a third of reading a dump.

extension Span where Element == UInt8 {
    /// The offset of the first `byte` in `range`, or `nil`. The range must lie in the span.
    public func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int? {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a range within the span")
        return unsafe withUnsafeBytes { bytes -> Int? in
            var index = range.lowerBound
            let pattern = UInt64(byte) &* 0x0101_0101_0101_0101
            while index + 8 <= range.upperBound {
                let loaded = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                let word = UInt64(littleEndian: loaded) ^ pattern
                // The lowest bit set is the top bit of the first byte that is zero.
                let zeros = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
                if zeros != 0 { return index + zeros.trailingZeroBitCount / 8 }
                index += 8
            }
            while index < range.upperBound {
                if unsafe bytes[index] == byte { return index }
                index += 1
            }
            return nil
        }
    }

    /// How often `byte` stands in `range`, which must lie in the span.
    public func count(of byte: UInt8, in range: Range<Int>) -> Int {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a range within the span")
        return unsafe withUnsafeBytes { bytes -> Int in
            var index = range.lowerBound
            var found = 0
            let pattern = UInt64(byte) &* 0x0101_0101_0101_0101
            let low: UInt64 = 0x7f7f_7f7f_7f7f_7f7f
            while index + 8 <= range.upperBound {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ pattern
                // The top bit of each byte that is zero, with no carry from one byte to the next.
                found += (~(((word & low) &+ low) | word | low)).nonzeroBitCount
                index += 8
            }
            while index < range.upperBound {
                if unsafe bytes[index] == byte { found += 1 }
                index += 1
            }
            return found
        }
    }

    /// The offset of the first byte from `start` on that text in quotes can't have as it is: a control character, a
    /// quotation mark or a backslash; `nil` where there is none.
    public func firstQuoted(from start: Int) -> Int? {
        precondition(start >= 0 && start <= count, "an offset within the span")
        return unsafe withUnsafeBytes { bytes -> Int? in
            var index = start
            let ones: UInt64 = 0x0101_0101_0101_0101
            let tops: UInt64 = 0x8080_8080_8080_8080
            while index + 8 <= count {
                let loaded = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                let word = UInt64(littleEndian: loaded)
                // Of each comparison the lowest bit set is the top bit of the first byte that meets it.
                var found = (word &- ones &* 0x20) & ~word
                let (mark, slash, delete) = (word ^ (ones &* 0x22), word ^ (ones &* 0x5c), word ^ (ones &* 0x7f))
                found |= (mark &- ones) & ~mark | (slash &- ones) & ~slash | (delete &- ones) & ~delete
                if found & tops != 0 { return index + (found & tops).trailingZeroBitCount / 8 }
                index += 8
            }
            while index < count {
                let byte = unsafe bytes[index]
                if byte < 0x20 || byte == 0x22 || byte == 0x5c || byte == 0x7f { return index }
                index += 1
            }
            return nil
        }
    }

    /// Whether all of these bytes are ASCII.
    public var isASCII: Bool {
        unsafe withUnsafeBytes { bytes -> Bool in
            var index = 0
            var all: UInt64 = 0
            while index + 8 <= count {
                all |= unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                index += 8
            }
            while index < count {
                all |= UInt64(unsafe bytes[index])
                index += 1
            }
            return all & 0x8080_8080_8080_8080 == 0
        }
    }

    /// A hash of these bytes: the same on every machine of one byte order, and in every run.
    var hashOfBytes: UInt64 {
        unsafe withUnsafeBytes { bytes -> UInt64 in
            var hash = UInt64(count) &* 0x9e37_79b9_7f4a_7c15
            var index = 0
            while index + 8 <= count {
                hash =
                    (hash ^ (unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)))
                    &* 0xff51_afd7_ed55_8ccd
                hash ^= hash >> 32
                index += 8
            }
            var rest: UInt64 = 0
            while index < count {
                rest = rest << 8 | UInt64(unsafe bytes[index])
                index += 1
            }
            hash = (hash ^ rest) &* 0xc4ce_b9fe_1a85_ec53
            return hash ^ hash >> 29
        }
    }

    /// Whether these bytes are those of `other` in `range`, which must lie in it and be as long.
    func isSame(as other: [UInt8], _ range: Range<Int>) -> Bool {
        guard range.count == count, range.lowerBound >= 0, range.upperBound <= other.count else { return false }
        return unsafe withUnsafeBytes { bytes in
            unsafe other.withUnsafeBytes { otherBytes in
                var index = 0
                while index + 8 <= bytes.count {
                    let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    let otherWord = unsafe otherBytes.loadUnaligned(
                        fromByteOffset: range.lowerBound + index, as: UInt64.self)
                    if word != otherWord { return false }
                    index += 8
                }
                while index < bytes.count {
                    if unsafe bytes[index] != otherBytes[range.lowerBound + index] { return false }
                    index += 1
                }
                return true
            }
        }
    }
}

extension Array where Element == UInt8 {
    /// Appends the bytes of `text`.
    public mutating func append(_ text: Span<UInt8>) {
        unsafe text.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }

    /// Puts the bytes of `text` in place of this array's first ones; grows where they are too few.
    public mutating func overwrite(with text: Span<UInt8>) {
        if count < text.count { append(contentsOf: repeatElement(0, count: text.count - count)) }
        unsafe withUnsafeMutableBytes { own in
            unsafe text.withUnsafeBytes { unsafe own.copyMemory(from: $0) }
        }
    }
}
