internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m string`
    mutating func readString() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeString(_ match: StringMatch) {
    }
}
