internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m esp`
    mutating func readESP() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeESP(_ match: Negatable<NumberRange<UInt32>>) {
    }
}
