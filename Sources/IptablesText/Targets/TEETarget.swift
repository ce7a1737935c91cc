internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-j TEE`
    mutating func readTEETarget() throws(RuleFailure) -> Target {
        var gateway: IPAddress?
        var device: Symbol?
        while try beginOption() {
            if takes("--gateway") {
                try refuseSecond(gateway)
                gateway = try address()
            } else if takes("--oif") {
                try refuseSecond(device)
                device = try symbol()
            } else {
                break
            }
        }
        guard let gateway else { throw missing("--gateway") }
        var target = TEETarget(gateway: gateway)
        target.device = device ?? .empty
        return .tee(target)
    }
}

extension RuleWriter {
    mutating func writeTEETarget(_ target: TEETarget) {
        option("--gateway")
        put(" ")
        put(target.gateway)
        if target.device == .empty { return }
        option("--oif")
        put(" ")
        put(target.device)
    }
}
