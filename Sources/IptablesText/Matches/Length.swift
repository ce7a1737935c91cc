internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m length`
    mutating func readLength() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeLength(_ match: Negatable<NumberRange<UInt16>>) {
    }
}
