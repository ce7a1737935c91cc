internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m policy`
    mutating func readPolicy() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writePolicy(_ match: PolicyMatch) {
    }
}
