internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m srh`
    mutating func readSegmentRouting() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeSegmentRouting(_ match: SegmentRoutingMatch) {
    }
}
