internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m hbh`
    mutating func readHopByHop() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeHopByHop(_ match: IPv6OptionsMatch) {
    }
}
