internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m multiport`
    mutating func readMultiport() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeMultiport(_ match: MultiportMatch) {
    }
}
