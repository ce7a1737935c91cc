internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j NOTRACK`
    mutating func readNOTRACKTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}
