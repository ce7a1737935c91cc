internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j TCPOPTSTRIP`
    mutating func readTCPOPTSTRIPTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeTCPOptionStripTarget(_ target: [UInt8]) {
    }
}
