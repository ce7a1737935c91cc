internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m hl`
    mutating func readHopLimit() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}
