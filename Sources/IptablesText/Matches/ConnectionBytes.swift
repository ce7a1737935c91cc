internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m connbytes`
    mutating func readConnectionBytes() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeConnectionBytes(_ match: ConnectionBytesMatch) {
    }
}
