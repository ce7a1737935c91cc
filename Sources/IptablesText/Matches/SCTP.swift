internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m sctp`
    mutating func readSCTP() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeSCTP(_ match: SCTPMatch) {
    }
}
