internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j CHECKSUM`
    mutating func readCHECKSUMTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeChecksumFillTarget() {
    }
}
