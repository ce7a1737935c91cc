internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j DNAT`
    mutating func readDNATTarget() throws(RuleFailure) -> Target {
        var target = NATTarget()
        var hasRange = false
        while try beginOption() {
            if takes("--to-destination") {
                if hasRange { throw optionFailure(.repeatedOption) }
                hasRange = true
                try readNATRange(into: &target)
            } else if takes("--random") {
                target.isRandom = true
            } else if takes("--persistent") {
                target.isPersistent = true
            } else {
                break
            }
        }
        guard hasRange else { throw missing("--to-destination") }
        return .dnat(target)
    }
}

extension RuleWriter {
    mutating func writeDNATTarget(_ target: NATTarget) { putNAT("--to-destination", target) }
}
