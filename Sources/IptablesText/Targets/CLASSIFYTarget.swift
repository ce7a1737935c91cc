internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-j CLASSIFY`
    mutating func readCLASSIFYTarget() throws(RuleFailure) -> Target {
        var priority: UInt32?
        while try beginOption() {
            guard takes("--set-class") else { break }
            try refuseSecond(priority)
            let range = try value()
            guard let colon = firstIndex(of: UInt8(ascii: ":"), in: range),
                let major = readHexadecimal(range.lowerBound..<colon),
                let minor = readHexadecimal(colon + 1..<range.upperBound)
            else { throw bad(.value, "a class such as 1:10") }
            priority = UInt32(major) << 16 | UInt32(minor)
        }
        guard let priority else { throw missing("--set-class") }
        return .classify(priority)
    }

    /// A number of one to four hexadecimal digits without `0x`.
    private func readHexadecimal(_ range: Range<Int>) -> UInt16? {
        guard (1...4).contains(range.count) else { return nil }
        var number: UInt16 = 0
        for position in range {
            guard let digit = hexadecimalDigit(buffer[position]) else { return nil }
            number = number << 4 | UInt16(digit)
        }
        return number
    }
}

extension RuleWriter {
    mutating func writeClassifyTarget(_ target: UInt32) {
        option("--set-class")
        put(" ")
        putFourDigits(target >> 16)
        put(":")
        putFourDigits(target & 0xffff)
    }

    private mutating func putFourDigits(_ number: UInt32) {
        let text = String(number, radix: 16)
        for _ in 0..<max(0, 4 - text.utf8.count) { put("0") }
        put(text)
    }
}
