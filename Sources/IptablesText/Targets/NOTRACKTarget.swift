internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j NOTRACK`, which has no options.
    mutating func readNOTRACKTarget() throws(RuleFailure) -> Target { .notrack }
}
