internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m ipcomp`
    mutating func readIPComp() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeIPComp(_ match: IPCompMatch) {
    }
}
