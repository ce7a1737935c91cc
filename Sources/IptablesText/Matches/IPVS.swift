internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m ipvs`
    mutating func readIPVS() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeIPVS(_ match: IPVSMatch) {
    }
}
