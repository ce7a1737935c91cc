internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j TRACE`, which has no options.
    mutating func readTRACETarget() throws(RuleFailure) -> Target { .trace }
}
