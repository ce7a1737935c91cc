internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j MASQUERADE`
    mutating func readMASQUERADETarget() throws(RuleFailure) -> Target {
        var target = NATTarget()
        while try beginOption() {
            if takes("--to-ports") {
                try refuseSecond(target.ports)
                let range = try value()
                try readNATPorts(range, into: &target)
            } else if takes("--random") {
                target.isRandom = true
            } else if takes("--random-fully") {
                target.isFullyRandom = true
            } else {
                break
            }
        }
        return .masquerade(target)
    }
}

extension RuleWriter {
    mutating func writeMasqueradeTarget(_ target: NATTarget) { putNAT("--to-ports", target) }
}
