internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m set`
    mutating func readSet() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeSet(_ match: SetMatch) {
    }
}
