internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m mac`
    mutating func readMAC() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeMAC(_ match: Negatable<MACAddress>) {
    }
}
