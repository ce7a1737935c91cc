internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m ecn`
    mutating func readECN() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeECN(_ match: ECNMatch) {
    }
}
