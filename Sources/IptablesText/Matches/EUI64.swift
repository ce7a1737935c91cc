internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m eui64`
    mutating func readEUI64() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}
