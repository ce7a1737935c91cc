internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-j SECMARK`
    mutating func readSECMARKTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeSecurityMarkTarget(_ target: Symbol) {
    }
}
