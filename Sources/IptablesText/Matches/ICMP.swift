internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m icmp`
    mutating func readICMP() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeICMP(_ match: ICMPMatch) {
    }
}
