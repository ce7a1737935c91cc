internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m ah`
    mutating func readAH() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeAH(_ match: AHMatch) {
    }
}
