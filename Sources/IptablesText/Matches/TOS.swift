internal import NetTypes
internal import RuleModel
internal import SourceText

/// Source: iptables 1.8.9, extensions/tos_values.c.
private let tosNames: Keywords<UInt8> = [
    ("Minimize-Delay", 0x10), ("Maximize-Throughput", 0x08), ("Maximize-Reliability", 0x04), ("Minimize-Cost", 0x02),
    ("Normal-Service", 0x00),
]

extension RuleReader {
    /// `-m tos`
    mutating func readTOS() throws(RuleFailure) -> Match {
        var result: Negatable<MaskedWord>?
        while try beginOption() {
            guard takes("--tos") else { break }
            try refuseSecond(result)
            let isNegated = negation()
            let tos = try maskedTOS()
            result = Negatable(MaskedWord(UInt32(tos.value), mask: UInt32(tos.mask)), isNegated: isNegated)
        }
        guard let result else { throw missing("--tos") }
        return .tos(result)
    }

    /// Takes `value`, `value/mask` or one of the old names, which leave the two bits of ECN out.
    mutating func maskedTOS() throws(RuleFailure) -> MaskedByte {
        let range = try value()
        if let value = find(anyCase: range, in: tosNames) { return MaskedByte(value, mask: 0x3f) }
        let slash = firstIndex(of: UInt8(ascii: "/"), in: range)
        guard let value: UInt8 = readNumber(range.lowerBound..<(slash ?? range.upperBound)) else {
            throw bad(.number, "a number up to 255, value/mask or the name of a service type")
        }
        guard let slash else { return MaskedByte(value, mask: 0xff) }
        guard let mask: UInt8 = readNumber(slash + 1..<range.upperBound) else {
            throw bad(.number, "a number up to 255, value/mask or the name of a service type")
        }
        return MaskedByte(value, mask: mask)
    }
}

extension RuleWriter {
    mutating func writeTOS(_ match: Negatable<MaskedWord>) {
        option("--tos", isNegated: match.isNegated)
        put(" ")
        put(hexadecimal: match.value.value, digits: 2)
        put("/")
        put(hexadecimal: match.value.mask, digits: 2)
    }
}
