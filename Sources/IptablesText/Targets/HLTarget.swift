internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j HL`
    mutating func readHLTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}
