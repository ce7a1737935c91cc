internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m recent`
    mutating func readRecent() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeRecent(_ match: RecentMatch) {
    }
}
