internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m quota`
    mutating func readQuota() throws(RuleFailure) -> Match {
        var quota: Negatable<UInt64>?
        while try beginOption() {
            guard takes("--quota") else { break }
            try refuseSecond(quota)
            let isNegated = negation()
            quota = Negatable(try number(), isNegated: isNegated)
        }
        guard let quota else { throw missing("--quota") }
        return .quota(quota)
    }
}

extension RuleWriter {
    mutating func writeQuota(_ match: Negatable<UInt64>) {
        option("--quota", match.value, isNegated: match.isNegated)
    }
}
