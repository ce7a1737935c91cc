internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j REDIRECT`
    mutating func readREDIRECTTarget() throws(RuleFailure) -> Target {
        var target = NATTarget()
        while try beginOption() {
            if takes("--to-ports", "--to-port") {
                try refuseSecond(target.ports)
                let range = try value()
                try readNATPorts(range, into: &target)
            } else if takes("--random") {
                target.isRandom = true
            } else {
                break
            }
        }
        return .redirect(target)
    }
}

extension RuleWriter {
    mutating func writeRedirectTarget(_ target: NATTarget) { putNAT("--to-ports", target) }
}
