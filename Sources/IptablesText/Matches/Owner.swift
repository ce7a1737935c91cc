internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m owner`
    mutating func readOwner() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeOwner(_ match: OwnerMatch) {
    }
}
