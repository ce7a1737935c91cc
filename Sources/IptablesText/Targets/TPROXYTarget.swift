internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j TPROXY`
    mutating func readTPROXYTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeTPROXYTarget(_ target: TPROXYTarget) {
    }
}
