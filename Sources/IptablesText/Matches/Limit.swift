internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m limit`
    mutating func readLimit() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeLimit(_ match: LimitMatch) {
    }
}
