internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j REDIRECT`
    mutating func readREDIRECTTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeRedirectTarget(_ target: NATTarget) {
    }
}
