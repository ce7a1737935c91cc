internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j TTL`
    mutating func readTTLTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeTimeToLiveTarget(_ target: TimeToLiveTarget) {
    }
}
