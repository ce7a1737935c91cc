internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m tcpmss`
    mutating func readTCPMSS() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeTCPMSS(_ match: Negatable<NumberRange<UInt16>>) {
    }
}
