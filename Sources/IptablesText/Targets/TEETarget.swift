internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j TEE`
    mutating func readTEETarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeTEETarget(_ target: TEETarget) {
    }
}
