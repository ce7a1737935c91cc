internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j TCPMSS`
    mutating func readTCPMSSTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeTCPMSSTarget(_ target: TCPMSSTarget) {
    }
}
