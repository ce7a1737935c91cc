internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j ECN`
    mutating func readECNTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeECNTarget(_ target: ECNTarget) {
    }
}
