internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j SNAT`
    mutating func readSNATTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeSNATTarget(_ target: NATTarget) {
    }
}
