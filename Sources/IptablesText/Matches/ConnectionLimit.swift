internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m connlimit`
    mutating func readConnectionLimit() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeConnectionLimit(_ match: ConnectionLimitMatch) {
    }
}
