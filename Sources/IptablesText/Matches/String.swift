internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-m string`
    mutating func readString() throws(RuleFailure) -> Match {
        var match = StringMatch()
        var algorithm: Symbol?
        var pattern: Negatable<[UInt8]>?
        while try beginOption() {
            if takes("--string") {
                try refuseSecond(pattern)
                let isNegated = negation()
                let range = try value()
                pattern = Negatable(bytes(range), isNegated: isNegated)
            } else if takes("--hex-string") {
                try refuseSecond(pattern)
                let isNegated = negation()
                let range = try value()
                guard let bytes = readHexString(range) else {
                    throw bad(.value, "text with hexadecimal bytes between | and |")
                }
                pattern = Negatable(bytes, isNegated: isNegated)
            } else if takes("--algo") {
                try refuseSecond(algorithm)
                algorithm = try symbol()
            } else if takes("--from") {
                match.from = try number()
            } else if takes("--to") {
                match.to = try number()
            } else if takes("--icase") {
                match.ignoresCase = true
            } else {
                break
            }
            // Source: include/uapi/linux/netfilter/xt_string.h `XT_STRING_MAX_PATTERN_SIZE`; the kernel's text search
            // refuses an empty pattern.
            if let pattern, pattern.value.isEmpty || pattern.value.count > 128 {
                throw bad(.value, "a text of 1 to 128 bytes")
            }
        }
        guard let pattern else { throw missing("--string") }
        guard let algorithm else { throw missing("--algo") }
        match.pattern = pattern
        match.algorithm = algorithm
        match.isHexadecimal = RuleWriter.needsHexadecimal(pattern.value)
        return .string(match)
    }

    /// Bytes as they stand, `|0d 0a|` for two by number, and a backslash before a byte that is meant literally. The byte
    /// behind a closing `|` stands for itself, whatever it is.
    /// Source: iptables 1.8.9, extensions/libxt_string.c `parse_hex_string`.
    private func readHexString(_ range: Range<Int>) -> [UInt8]? {
        var result: [UInt8] = []
        var position = range.lowerBound
        var isHexadecimal = false
        while position < range.upperBound {
            if buffer[position] == UInt8(ascii: "|") {
                isHexadecimal.toggle()
                position += 1
                while isHexadecimal, position < range.upperBound, buffer[position] == UInt8(ascii: " ") {
                    position += 1
                }
                guard position < range.upperBound else { break }
            } else if buffer[position] == UInt8(ascii: "\\") {
                position += 1
                guard !isHexadecimal, position < range.upperBound else { return nil }
            }
            if isHexadecimal {
                // Two digits, and at least the closing `|` behind them.
                guard position + 2 < range.upperBound, let high = hexadecimalDigit(buffer[position]),
                    let low = hexadecimalDigit(buffer[position + 1])
                else { return nil }
                result.append(high << 4 | low)
                position += buffer[position + 2] == UInt8(ascii: " ") ? 3 : 2
            } else {
                result.append(buffer[position])
                position += 1
            }
        }
        return result
    }
}

extension RuleWriter {
    mutating func writeString(_ match: StringMatch) {
        let pattern = match.pattern.value
        if RuleWriter.needsHexadecimal(pattern) {
            option("--hex-string", isNegated: match.pattern.isNegated)
            put(" \"|")
            for byte in pattern {
                put(byte < 16 ? "0" : "")
                put(String(byte, radix: 16))
            }
            put("|\"")
        } else {
            option("--string", isNegated: match.pattern.isNegated)
            put(" \"")
            for byte in pattern {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { put("\\") }
                bytes.append(byte)
            }
            put("\"")
        }
        option("--algo")
        put(" ")
        put(match.algorithm)
        if match.from != 0 { option("--from", match.from) }
        if match.to != .max { option("--to", match.to) }
        if match.ignoresCase { option("--icase") }
    }

    /// Source: iptables 1.8.9, extensions/libxt_string.c `is_hex_string`.
    static func needsHexadecimal(_ pattern: [UInt8]) -> Bool {
        for byte in pattern where byte < 0x20 || byte > 0x7e { return true }
        return pattern.last == UInt8(ascii: "\\")
    }
}
