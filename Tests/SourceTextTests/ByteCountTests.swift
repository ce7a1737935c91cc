import SourceText
import Testing

/// Bytes counted eight at a time.
@Suite struct ByteCountTests {
    @Test func everyByteIsCountedOnceWhereverItStands() {
        for length in 0...40 {
            // Bytes next to the wanted one in value must not carry over.
            let bytes = (0..<length).map { [UInt8]([0x0a, 0x0b, 0x8a, 0x09, 0x0a])[$0 % 5] }
            for start in 0...length {
                let expected = bytes[start...].filter { $0 == 0x0a }.count
                let found = bytes.span.count(of: 0x0a, in: start..<length)
                #expect(found == expected, "\(start)..<\(length)")
            }
        }
    }
}
