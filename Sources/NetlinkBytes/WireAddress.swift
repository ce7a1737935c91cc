public import NetTypes

extension IPAddress {
    /// The address that 4 or 16 bytes are, first byte on the wire first.
    public init?(wire bytes: Span<UInt8>, _ range: Range<Int>) {
        guard range.lowerBound >= 0, range.upperBound <= bytes.count else { return nil }
        switch range.count {
        case 4: self.init(v4: UInt32(bytes.bigEndian(range)))
        case 16:
            let middle = range.lowerBound + 8
            self.init(
                v6High: bytes.bigEndian(range.lowerBound..<middle), low: bytes.bigEndian(middle..<range.upperBound))
        default: return nil
        }
    }
}
