internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m ipv6header`
    mutating func readIPv6Header() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeIPv6Header(_ match: IPv6HeaderMatch) {
    }
}
