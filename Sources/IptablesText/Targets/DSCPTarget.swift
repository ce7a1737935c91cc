internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j DSCP`
    mutating func readDSCPTarget() throws(RuleFailure) -> Target {
        var value: UInt8?
        while try beginOption() {
            let isClass: Bool
            if takes("--set-dscp") {
                isClass = false
            } else if takes("--set-dscp-class") {
                isClass = true
            } else {
                break
            }
            try refuseSecond(value)
            value = isClass ? try dscpClass() : try number(upTo: 63)
        }
        guard let value else { throw missing("--set-dscp") }
        return .dscp(value)
    }
}

extension RuleWriter {
    mutating func writeDSCPTarget(_ target: UInt8) {
        option("--set-dscp")
        put(" ")
        put(hexadecimal: target, digits: 2)
    }
}
