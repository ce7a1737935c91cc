internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m realm`
    mutating func readRealm() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeRealm(_ match: Negatable<MaskedWord>) {
    }
}
