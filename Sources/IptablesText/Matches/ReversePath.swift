internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m rpfilter`
    mutating func readReversePath() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeReversePath(_ match: ReversePathMatch) {
    }
}
