internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j REDIRECT`
    mutating func readREDIRECTTarget() throws(RuleFailure) -> Target {
        var target = NATTarget()
        while try beginOption() {
            if takes("--to-ports", "--to-port") {
                try refuseSecond(target.ports)
                try readNATPorts(try value(), into: &target)
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
