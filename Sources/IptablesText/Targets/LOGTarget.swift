internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j LOG`
    mutating func readLOGTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeLogTarget(_ target: LogTarget) {
    }
}
