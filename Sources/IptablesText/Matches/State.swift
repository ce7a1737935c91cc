internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m state`
    mutating func readState() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeState(_ match: Negatable<ConnectionStates>) {
    }
}
