internal import NetTypes
internal import RuleModel
internal import SourceText

/// Source: iptables 1.8.9, extensions/libip6t_mh.c `mh_names`.
private let mobilityTypes: Keywords<UInt8> = [
    ("binding-refresh-request", 0), ("brr", 0), ("home-test-init", 1), ("hoti", 1), ("careof-test-init", 2),
    ("coti", 2), ("home-test", 3), ("hot", 3), ("careof-test", 4), ("cot", 4), ("binding-update", 5), ("bu", 5),
    ("binding-acknowledgement", 6), ("ba", 6), ("binding-error", 7), ("be", 7),
]

extension RuleReader {
    /// `-m mh`
    mutating func readMobilityHeader() throws(RuleFailure) -> Match {
        var types: Negatable<NumberRange<UInt8>>?
        while try beginOption() {
            guard takes("--mh-type") else { break }
            try refuseSecond(types)
            types = Negatable(try mobilityTypeRange(), isNegated: negation())
        }
        return .mobilityHeader(types ?? .is(.all))
    }

    private mutating func mobilityTypeRange() throws(RuleFailure) -> NumberRange<UInt8> {
        let range = try value()
        let colon = firstIndex(of: UInt8(ascii: ":"), in: range)
        let first = range.lowerBound..<(colon ?? range.upperBound)
        var result = NumberRange<UInt8>.all
        if !first.isEmpty || colon == nil {
            guard let type = mobilityType(first) else { throw bad(.value, "a mobility header type") }
            result = NumberRange(type, colon == nil ? type : 255)
        }
        if let colon, colon + 1 < range.upperBound {
            guard let type = mobilityType(colon + 1..<range.upperBound) else {
                throw bad(.value, "a mobility header type")
            }
            result.last = type
        }
        guard result.first <= result.last else { throw bad(.value, "a range of mobility header types") }
        return result
    }

    private func mobilityType(_ range: Range<Int>) -> UInt8? {
        find(anyCase: range, in: mobilityTypes) ?? readNumber(range)
    }
}

extension RuleWriter {
    mutating func writeMobilityHeader(_ types: Negatable<NumberRange<UInt8>>) {
        if types.value.isAll, !types.isNegated { return }
        option("--mh-type", isNegated: types.isNegated)
        put(" ")
        put(types.value)
    }
}
