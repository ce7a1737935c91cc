internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j MASQUERADE`
    mutating func readMASQUERADETarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeMasqueradeTarget(_ target: NATTarget) {
    }
}
