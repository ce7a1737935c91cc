internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m dscp`
    mutating func readDSCP() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeDSCP(_ match: Negatable<UInt8>) {
    }
}
