internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j SYNPROXY`
    mutating func readSYNPROXYTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeSYNPROXYTarget(_ target: SYNPROXYTarget) {
    }
}
