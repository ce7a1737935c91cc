internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j CONNSECMARK`
    mutating func readCONNSECMARKTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeConnectionSecurityMarkTarget(_ target: ConnectionSecurityMark) {
    }
}
