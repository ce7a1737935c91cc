internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j DNAT`
    mutating func readDNATTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeDNATTarget(_ target: NATTarget) {
    }
}
