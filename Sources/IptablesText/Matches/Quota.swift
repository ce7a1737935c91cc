internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m quota`
    mutating func readQuota() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeQuota(_ match: Negatable<UInt64>) {
    }
}
