internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j HMARK`
    mutating func readHMARKTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeHMarkTarget(_ target: HMarkTarget) {
    }
}
