internal import RuleModel

extension RuleReader {
    /// `-m eui64`, which has no options.
    mutating func readEUI64() throws(RuleFailure) -> Match { .eui64 }
}
