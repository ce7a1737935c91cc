internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m connmark`
    mutating func readConnectionMark() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeConnectionMark(_ match: Negatable<MaskedWord>) {
    }
}
