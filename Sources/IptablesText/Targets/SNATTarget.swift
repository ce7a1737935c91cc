internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j SNAT`
    mutating func readSNATTarget() throws(RuleFailure) -> Target {
        var target = NATTarget()
        var hasRange = false
        while try beginOption() {
            if takes("--to-source") {
                if hasRange { throw optionFailure(.repeatedOption) }
                hasRange = true
                try readNATRange(into: &target)
            } else if takes("--random") {
                target.isRandom = true
            } else if takes("--random-fully") {
                target.isFullyRandom = true
            } else if takes("--persistent") {
                target.isPersistent = true
            } else {
                break
            }
        }
        guard hasRange else { throw missing("--to-source") }
        return .snat(target)
    }
}

extension RuleWriter {
    mutating func writeSNATTarget(_ target: NATTarget) { putNAT("--to-source", target) }
}
