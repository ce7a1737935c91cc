internal import NetTypes
internal import RuleModel

/// Source: iptables 1.8.9, extensions/dscp_helper.c `ds_classes`.
private let dscpClasses: Keywords<UInt8> = [
    ("CS0", 0x00), ("CS1", 0x08), ("CS2", 0x10), ("CS3", 0x18), ("CS4", 0x20), ("CS5", 0x28), ("CS6", 0x30),
    ("CS7", 0x38), ("BE", 0x00), ("AF11", 0x0a), ("AF12", 0x0c), ("AF13", 0x0e), ("AF21", 0x12), ("AF22", 0x14),
    ("AF23", 0x16), ("AF31", 0x1a), ("AF32", 0x1c), ("AF33", 0x1e), ("AF41", 0x22), ("AF42", 0x24), ("AF43", 0x26),
    ("EF", 0x2e),
]

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

    /// Takes the name of a DiffServ class, such as `AF41`.
    mutating func dscpClass() throws(RuleFailure) -> UInt8 {
        let range = try value()
        guard let found = find(anyCase: range, in: dscpClasses) else { throw bad(.value, "a DiffServ class") }
        return found
    }
}

extension RuleWriter {
    mutating func writeDSCPTarget(_ target: UInt8) {
        option("--set-dscp")
        put(" ")
        put(hexadecimal: target, digits: 2)
    }
}
