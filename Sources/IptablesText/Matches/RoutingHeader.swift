internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m rt`
    mutating func readRoutingHeader() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeRoutingHeader(_ match: RoutingHeaderMatch) {
    }
}
