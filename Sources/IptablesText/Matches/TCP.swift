internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m tcp`
    mutating func readTCP() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeTCP(_ match: TCPMatch) {
    }
}
