internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j DNPT`
    mutating func readDNPTTarget() throws(RuleFailure) -> Target { try prefixTranslation(changesSource: false) }
}
