internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m ttl`
    mutating func readTTL() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeTimeToLive(_ match: TimeToLiveMatch) {
    }
}
