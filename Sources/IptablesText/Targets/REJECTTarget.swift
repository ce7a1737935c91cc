internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j REJECT`
    mutating func readREJECTTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeRejectTarget(_ target: RejectWith) {
    }
}
