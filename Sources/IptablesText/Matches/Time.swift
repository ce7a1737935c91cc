internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m time`
    mutating func readTime() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeTime(_ match: TimeMatch) {
    }
}
