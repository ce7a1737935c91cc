internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j TPROXY`
    mutating func readTPROXYTarget() throws(RuleFailure) -> Target {
        var target = TPROXYTarget()
        var port: UInt16?
        while try beginOption() {
            if takes("--on-port") {
                try refuseSecond(port)
                let range = try value()
                guard let found = readPort(range) else { throw bad(.port, "a port") }
                port = found
            } else if takes("--on-ip") {
                try refuseSecond(target.address)
                target.address = try address()
            } else if takes("--tproxy-mark") {
                target.mark = try maskedWord()
            } else {
                break
            }
        }
        guard let port else { throw missing("--on-port") }
        target.port = port
        // The zero address is how the kernel holds none.
        if target.address?.isZero == true { target.address = nil }
        return .tproxy(target)
    }
}

extension RuleWriter {
    mutating func writeTPROXYTarget(_ target: TPROXYTarget) {
        option("--on-port", target.port)
        option("--on-ip")
        put(" ")
        put(target.address ?? .zero(isV6 ? .v6 : .v4))
        putMark("--tproxy-mark", target.mark)
    }
}
