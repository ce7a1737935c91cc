internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j ULOG`
    mutating func readULOGTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeULogTarget(_ target: ULogTarget) {
    }
}
