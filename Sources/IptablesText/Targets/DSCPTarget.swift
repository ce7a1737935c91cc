internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j DSCP`
    mutating func readDSCPTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeDSCPTarget(_ target: UInt8) {
    }
}
