internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m connlabel`
    mutating func readConnectionLabel() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeConnectionLabel(_ match: ConnectionLabelMatch) {
    }
}
