internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m hashlimit`
    mutating func readHashLimit() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeHashLimit(_ match: HashLimitMatch) {
    }
}
