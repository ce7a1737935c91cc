internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j CONNSECMARK`
    mutating func readCONNSECMARKTarget() throws(RuleFailure) -> Target {
        var operation: ConnectionSecurityMark?
        while try beginOption() {
            let next: ConnectionSecurityMark
            if takes("--save") {
                next = .save
            } else if takes("--restore") {
                next = .restore
            } else {
                break
            }
            try refuseSecond(operation)
            operation = next
        }
        guard let operation else { throw missing("--save or --restore") }
        return .connectionSecurityMark(operation)
    }
}

extension RuleWriter {
    mutating func writeConnectionSecurityMarkTarget(_ target: ConnectionSecurityMark) {
        option(target == .save ? "--save" : "--restore")
    }
}
