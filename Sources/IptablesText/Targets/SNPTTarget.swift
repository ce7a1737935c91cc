internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j SNPT`
    mutating func readSNPTTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writePrefixTranslationTarget(_ target: PrefixTranslationTarget) {
    }
}
