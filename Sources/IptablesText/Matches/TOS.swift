internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m tos`
    mutating func readTOS() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeTOS(_ match: Negatable<MaskedWord>) {
    }
}
