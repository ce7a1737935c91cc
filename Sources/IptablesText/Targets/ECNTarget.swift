internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j ECN`
    mutating func readECNTarget() throws(RuleFailure) -> Target {
        var target = ECNTarget()
        while try beginOption() {
            if takes("--ecn-tcp-remove") {
                target.ece = false
                target.cwr = false
            } else if takes("--ecn-tcp-cwr") {
                try refuseSecond(target.cwr)
                target.cwr = try number(UInt8.self, upTo: 1) == 1
            } else if takes("--ecn-tcp-ece") {
                try refuseSecond(target.ece)
                target.ece = try number(UInt8.self, upTo: 1) == 1
            } else if takes("--ecn-ip-ect") {
                try refuseSecond(target.ect)
                target.ect = try number(upTo: 3)
            } else {
                break
            }
        }
        guard target != ECNTarget() else { throw missing("--ecn-tcp-remove") }
        return .ecn(target)
    }
}

extension RuleWriter {
    mutating func writeECNTarget(_ target: ECNTarget) {
        if target == .tcpRemove {
            option("--ecn-tcp-remove")
            return
        }
        if let ece = target.ece { option("--ecn-tcp-ece", ece ? 1 : 0) }
        if let cwr = target.cwr { option("--ecn-tcp-cwr", cwr ? 1 : 0) }
        if let ect = target.ect { option("--ecn-ip-ect", ect) }
    }
}
