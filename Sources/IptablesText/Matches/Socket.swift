internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m socket`
    mutating func readSocket() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeSocket(_ match: SocketMatch) {
    }
}
