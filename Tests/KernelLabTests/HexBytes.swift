/// The bytes that pairs of hexadecimal digits are; what is no digit parts them.
func bytes(_ hex: String) -> [UInt8] {
    var found: [UInt8] = []
    var high: UInt8?
    for digit in hex.compactMap(\.hexDigitValue).map(UInt8.init) {
        if let first = high {
            found.append(first << 4 | digit)
            high = nil
        } else {
            high = digit
        }
    }
    return found
}
