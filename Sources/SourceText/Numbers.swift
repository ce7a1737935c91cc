/// Reads a decimal number; `nil` when there is another byte, nothing, or more than `UInt64` holds.
public func decimal(_ text: Span<UInt8>) -> UInt64? {
    guard !text.isEmpty, text.count <= 20 else { return nil }
    var value: UInt64 = 0
    for index in text.indices {
        let byte = text[index]
        guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
        let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, carry) = scaled.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
        if overflow || carry { return nil }
        value = sum
    }
    return value
}

/// Reads `0x…` as hexadecimal, `0…` as octal and anything else as decimal, as `strtoul` with base 0 does, except
/// that the whole text must be a number.
public func number(_ text: Span<UInt8>) -> UInt64? {
    guard text.count > 1, text[0] == UInt8(ascii: "0") else { return decimal(text) }
    var value: UInt64 = 0
    let isHexadecimal = text[1] | 0x20 == UInt8(ascii: "x")
    let first = isHexadecimal ? 2 : 1
    guard first < text.count else { return nil }
    for index in first..<text.count {
        guard let digit = hexadecimalDigit(text[index]), isHexadecimal || digit < 8 else { return nil }
        guard value.leadingZeroBitCount >= (isHexadecimal ? 4 : 3) else { return nil }
        value = value << (isHexadecimal ? 4 : 3) | UInt64(digit)
    }
    return value
}

/// The value of a hexadecimal digit in either case.
public func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

extension Span where Element == UInt8 {
    /// Whether these bytes are exactly `text`.
    @inlinable
    public func equals(_ text: StaticString) -> Bool {
        // Most words differ in length: told without a call.
        count == text.utf8CodeUnitCount && begins(with: text)
    }

    /// Whether these bytes, of which there must be enough, begin with `text`.
    @usableFromInline
    func begins(with text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        precondition(length <= count, "as many bytes as the text has")
        return unsafe withUnsafeBytes { bytes in
            text.withUTF8Buffer { other in
                guard length >= 4 else {
                    for index in 0..<length where unsafe other[index] != bytes[index] { return false }
                    return true
                }
                // Four bytes at a time, the last four once more.
                let wanted = UnsafeRawBufferPointer(other)
                var index = 0
                while index < length {
                    let place = min(index, length - 4)
                    let word = unsafe bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)
                    if unsafe word != wanted.loadUnaligned(fromByteOffset: place, as: UInt32.self) { return false }
                    index += 4
                }
                return true
            }
        }
    }

    /// Whether these bytes begin with `text`.
    public func starts(with text: StaticString) -> Bool {
        count >= text.utf8CodeUnitCount && begins(with: text)
    }

    /// A copy as text; bytes that are no UTF-8 become U+FFFD.
    public var text: String {
        unsafe withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

extension Array where Element == UInt8 {
    /// Appends the bytes of `text`.
    public mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { unsafe append(contentsOf: $0) }
    }
}
