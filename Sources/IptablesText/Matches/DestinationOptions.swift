internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m dst`
    mutating func readDestinationOptions() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeDestinationOptions(_ match: IPv6OptionsMatch) {
    }
}
