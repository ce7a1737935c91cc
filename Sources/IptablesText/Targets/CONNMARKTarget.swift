internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j CONNMARK`
    mutating func readCONNMARKTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeConnectionMarkTarget(_ target: ConnectionMarkTarget) {
    }
}
