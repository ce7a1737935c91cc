/// Numbers and texts in bytes that come from outside. Nothing here reads beyond the end: what is missing is 0.
extension Span<UInt8> {
    /// The number that the bytes of `range` are, most significant first; of more than eight the last eight count.
    public func bigEndian(_ range: Range<Int>) -> UInt64 {
        var number: UInt64 = 0
        for offset in range where offset >= 0 && offset < count { number = number << 8 | UInt64(self[offset]) }
        return number
    }

    /// The number at `offset` in the machine's own order.
    public func native<Number: FixedWidthInteger & UnsignedInteger>(_ type: Number.Type, at offset: Int) -> Number {
        let size = Number.bitWidth / 8
        guard offset >= 0, offset <= count - size else { return 0 }
        var number: Number = 0
        for index in 0..<size { number |= Number(self[offset + index]) << Number(index * 8) }
        return Endianness.isLittle ? number : number.byteSwapped
    }

    /// The text up to the first zero byte.
    public func text(_ range: Range<Int>) -> String {
        let range = range.clamped(to: 0..<count)
        var end = range.lowerBound
        while end < range.upperBound, self[end] != 0 { end += 1 }
        return String(decoding: copied(range.lowerBound..<end), as: UTF8.self)
    }

    /// The bytes of `range`, as far as they are there.
    public func copied(_ range: Range<Int>) -> [UInt8] {
        let range = range.clamped(to: 0..<count)
        return [UInt8](capacity: range.count) { output in
            for offset in range { output.append(self[offset]) }
        }
    }
}

public enum Endianness {
    public static var isLittle: Bool { UInt16(1).littleEndian == 1 }
}

extension [UInt8] {
    /// Adds `number`, most significant byte first.
    public mutating func append(bigEndian number: some FixedWidthInteger) {
        for shift in stride(from: number.bitWidth - 8, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }

    /// Adds `number` in the machine's own order.
    public mutating func append(native number: some FixedWidthInteger) {
        append(bigEndian: Endianness.isLittle ? number.byteSwapped : number)
    }

    /// Puts `number` over the bytes from `offset` on, which must be there.
    public mutating func put(native number: some FixedWidthInteger, at offset: Int) {
        var bytes: [UInt8] = []
        bytes.append(native: number)
        for (index, byte) in bytes.enumerated() where offset + index < count { self[offset + index] = byte }
    }
}
