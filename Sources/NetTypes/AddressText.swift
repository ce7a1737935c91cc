extension IPAddress {
    /// Reads `a.b.c.d` (four decimal numbers up to 255) or an IPv6 address; `nil` when the bytes are anything else.
    public init?(_ text: Span<UInt8>) {
        var isV6 = false
        for index in text.indices where text[index] == UInt8(ascii: ":") { isV6 = true }
        if isV6 {
            guard let parsed = IPAddress.readV6(text) else { return nil }
            self = parsed
        } else {
            guard let bits = IPAddress.readV4(text, 0..<text.count) else { return nil }
            self.init(v4: bits)
        }
    }

    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        self.init(bytes.span)
    }

    /// Reads four decimal numbers of at most three digits from `range`.
    static func readV4(_ text: Span<UInt8>, _ range: Range<Int>) -> UInt32? {
        var bits: UInt32 = 0
        var octets = 0
        var value: UInt32 = 0
        var digits = 0
        for index in range {
            let byte = text[index]
            if byte == UInt8(ascii: ".") {
                guard digits > 0, octets < 3 else { return nil }
                bits = bits << 8 | value
                octets += 1
                value = 0
                digits = 0
                continue
            }
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), digits < 3 else { return nil }
            value = value * 10 + UInt32(byte - UInt8(ascii: "0"))
            digits += 1
            guard value <= 255 else { return nil }
        }
        guard octets == 3, digits > 0 else { return nil }
        return bits << 8 | value
    }

    private static func readV6(_ text: Span<UInt8>) -> IPAddress? {
        let colon = UInt8(ascii: ":")
        var groups: [UInt16] = []
        var gap: Int?
        var index = 0
        if text.count >= 2, text[0] == colon {
            guard text[1] == colon else { return nil }
            gap = 0
            index = 2
        }
        while index < text.count {
            guard groups.count < 8 else { return nil }
            let start = index
            var value: UInt32 = 0
            while index < text.count, let digit = hexDigit(text[index]) {
                guard index - start < 4 else { return nil }
                value = value << 4 | UInt32(digit)
                index += 1
            }
            if index < text.count, text[index] == UInt8(ascii: ".") {
                guard groups.count <= 6, let tail = readV4(text, start..<text.count) else { return nil }
                groups.append(UInt16(truncatingIfNeeded: tail >> 16))
                groups.append(UInt16(truncatingIfNeeded: tail))
                index = text.count
                break
            }
            guard index > start else { return nil }
            groups.append(UInt16(truncatingIfNeeded: value))
            guard index < text.count else { break }
            guard text[index] == colon else { return nil }
            index += 1
            guard index < text.count else { return nil }
            if text[index] == colon {
                guard gap == nil else { return nil }
                gap = groups.count
                index += 1
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: [UInt16](repeating: 0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for group in 0..<4 { high = high << 16 | UInt64(groups[group]) }
        for group in 4..<8 { low = low << 16 | UInt64(groups[group]) }
        return IPAddress(v6High: high, low: low)
    }

    static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension IPAddress: CustomStringConvertible {
    /// As `inet_ntop` prints it: IPv6 in lower case with the longest run of zeros cut (RFC 5952).
    public var description: String {
        switch version {
        case .v4:
            return "\(low >> 24 & 255).\(low >> 16 & 255).\(low >> 8 & 255).\(low & 255)"
        case .v6:
            // glibc prints ::ffff:a.b.c.d and ::a.b.c.d with a dotted tail.
            if high == 0, low >> 32 == 0xffff || (low >> 32 == 0 && low >> 16 != 0) {
                let tail = IPAddress(v4: UInt32(truncatingIfNeeded: low)).description
                return low >> 32 == 0xffff ? "::ffff:" + tail : "::" + tail
            }
            var groups: [UInt64] = []
            for shift: UInt64 in [48, 32, 16, 0] { groups.append(high >> shift & 0xffff) }
            for shift: UInt64 in [48, 32, 16, 0] { groups.append(low >> shift & 0xffff) }
            var best = 0..<0
            var index = 0
            while index < 8 {
                var end = index
                while end < 8, groups[end] == 0 { end += 1 }
                if end - index > best.count, end - index > 1 { best = index..<end }
                index = max(end, index + 1)
            }
            var text = ""
            var position = 0
            while position < 8 {
                if !best.isEmpty, position == best.lowerBound {
                    text += "::"
                    position = best.upperBound
                    continue
                }
                if !text.isEmpty, !text.utf8.elementsEqual("::".utf8), position != best.upperBound { text += ":" }
                text += String(groups[position], radix: 16)
                position += 1
            }
            return text
        }
    }
}

extension IPPrefix: CustomStringConvertible {
    public var description: String { "\(address)/\(length)" }
}

extension IPPrefix {
    /// Reads `address/length` or an address alone (then its full length); `nil` when the bytes are anything else.
    /// Host bits are cleared.
    public init?(_ text: Span<UInt8>) {
        var slash = text.count
        for index in text.indices where text[index] == UInt8(ascii: "/") {
            slash = index
            break
        }
        guard let address = IPAddress(text.extracting(0..<slash)) else { return nil }
        if slash == text.count {
            self.init(host: address)
            return
        }
        var length = 0
        guard slash + 1 < text.count, text.count - slash <= 4 else { return nil }
        for index in (slash + 1)..<text.count {
            let byte = text[index]
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            length = length * 10 + Int(byte - UInt8(ascii: "0"))
        }
        guard length <= address.version.addressBits else { return nil }
        self.init(address, length: UInt8(length))
    }

    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        self.init(bytes.span)
    }
}
