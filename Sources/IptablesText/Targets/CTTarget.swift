internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j CT`
    mutating func readCTTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeCTTarget(_ target: CTTarget) {
    }
}
