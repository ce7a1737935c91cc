internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j TCPMSS`
    mutating func readTCPMSSTarget() throws(RuleFailure) -> Target {
        var target: TCPMSSTarget?
        while try beginOption() {
            if takes("--set-mss") {
                try refuseSecond(target)
                // 65535 is how the kernel holds the other option.
                target = .set(try number(upTo: .max - 1))
            } else if takes("--clamp-mss-to-pmtu") {
                try refuseSecond(target)
                target = .clampToPathMTU
            } else {
                break
            }
        }
        guard let target else { throw missing("--set-mss or --clamp-mss-to-pmtu") }
        return .tcpMSS(target)
    }
}

extension RuleWriter {
    mutating func writeTCPMSSTarget(_ target: TCPMSSTarget) {
        switch target {
        case .set(let size): option("--set-mss", size)
        case .clampToPathMTU: option("--clamp-mss-to-pmtu")
        }
    }
}
