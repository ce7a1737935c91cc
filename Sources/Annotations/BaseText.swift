/// Base 32 (RFC 4648), upper case, no padding, cut to `count` characters.
func base32(_ bytes: [UInt8], count: Int) -> String {
    encoded(bytes, alphabet: Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8), bits: 5, count: count)
}

/// Base 64 for addresses (RFC 4648 §5), no padding, cut to `count` characters.
func base64URL(_ bytes: [UInt8], count: Int) -> String {
    encoded(
        bytes, alphabet: Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8), bits: 6,
        count: count)
}

private func encoded(_ bytes: [UInt8], alphabet: [UInt8], bits: Int, count: Int) -> String {
    var text: [UInt8] = []
    var held = 0
    var heldBits = 0
    for byte in bytes {
        held = held << 8 | Int(byte)
        heldBits += 8
        while heldBits >= bits {
            heldBits -= bits
            text.append(alphabet[held >> heldBits & (alphabet.count - 1)])
            held &= 1 << heldBits - 1
        }
    }
    if heldBits > 0 { text.append(alphabet[held << (bits - heldBits) & (alphabet.count - 1)]) }
    return String(decoding: text.prefix(count), as: UTF8.self)
}

/// Lower case hexadecimal digits, cut to `count` characters.
func base16(_ bytes: [UInt8], count: Int) -> String {
    encoded(bytes, alphabet: Array("0123456789abcdef".utf8), bits: 4, count: count)
}
