internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m cpu`
    mutating func readCPU() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeCPU(_ match: Negatable<UInt32>) {
    }
}
