internal import Annotations

private let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

/// `bytes` in base64 (RFC 4648), as a page holds what is no text.
public func base64(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    for start in stride(from: 0, to: bytes.count, by: 3) {
        let count = min(3, bytes.count - start)
        var group = 0
        for place in 0..<3 { group = group << 8 | (place < count ? Int(bytes[start + place]) : 0) }
        for place in 0..<4 { text.append(place <= count ? digits[group >> (18 - 6 * place) & 63] : UInt8(ascii: "=")) }
    }
    return text
}

/// How a page's Content-Security-Policy names a script or style sheet that it holds: `'sha256-…'`.
public func policyHash(_ bytes: [UInt8]) -> String {
    "'sha256-\(String(decoding: base64(SHA2.digest(bytes)), as: UTF8.self))'"
}
