internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j MARK`
    mutating func readMARKTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeMarkTarget(_ target: MarkOperation) {
    }
}
