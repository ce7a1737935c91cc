internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j SET`
    mutating func readSETTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeSetTarget(_ target: SetTarget) {
    }
}
