internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m conntrack`
    mutating func readConntrack() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeConntrack(_ match: ConntrackMatch) {
    }
}
