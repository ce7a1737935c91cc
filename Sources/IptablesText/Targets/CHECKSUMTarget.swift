internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j CHECKSUM`
    mutating func readCHECKSUMTarget() throws(RuleFailure) -> Target {
        var isFill = false
        while try beginOption() {
            guard takes("--checksum-fill") else { break }
            isFill = true
        }
        guard isFill else { throw missing("--checksum-fill") }
        return .checksumFill
    }
}

extension RuleWriter {
    mutating func writeChecksumFillTarget() { option("--checksum-fill") }
}
