#if !hasFeature(Embedded)
private let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

/// `bytes` in base64 (RFC 4648), as a page holds what is no text.
func base64(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var index = 0
    while index < bytes.count {
        let count = min(3, bytes.count - index)
        var group = 0
        for place in 0..<3 { group = group << 8 | (place < count ? Int(bytes[index + place]) : 0) }
        for place in 0..<4 { text.append(place <= count ? digits[group >> (18 - 6 * place) & 63] : UInt8(ascii: "=")) }
        index += 3
    }
    return text
}
#endif
