internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j TRACE`
    mutating func readTRACETarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}
