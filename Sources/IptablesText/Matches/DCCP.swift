internal import NetTypes
internal import RuleModel

/// Packet types by number; `INVALID` stands for 10 to 15.
/// Source: iptables 1.8.9, extensions/libxt_dccp.c `INVALID_OTHER_TYPE_MASK`.
private let packetTypes: Keywords<UInt16> = [
    ("REQUEST", 1 << 0), ("RESPONSE", 1 << 1), ("DATA", 1 << 2), ("ACK", 1 << 3), ("DATAACK", 1 << 4),
    ("CLOSEREQ", 1 << 5), ("CLOSE", 1 << 6), ("RESET", 1 << 7), ("SYNC", 1 << 8), ("SYNCACK", 1 << 9),
    ("INVALID", 0xfc00),
]

extension RuleReader {
    /// `-m dccp`
    mutating func readDCCP() throws(RuleFailure) -> Match {
        var match = DCCPMatch()
        while try beginOption() {
            if takes("--sport", "--source-port") {
                try refuseSecond(match.sourcePort)
                match.sourcePort = Negatable(try ports(), isNegated: negation())
            } else if takes("--dport", "--destination-port") {
                try refuseSecond(match.destinationPort)
                match.destinationPort = Negatable(try ports(), isNegated: negation())
            } else if takes("--dccp-types") {
                try refuseSecond(match.types)
                match.types = Negatable(try dccpTypes(), isNegated: negation())
            } else if takes("--dccp-option") {
                try refuseSecond(match.option)
                match.option = Negatable(try number(), isNegated: negation())
            } else {
                break
            }
        }
        return .dccp(match)
    }

    private mutating func dccpTypes() throws(RuleFailure) -> UInt16 {
        let range = try value()
        var types: UInt16 = 0
        for part in list(range) ?? [] {
            guard let type = find(anyCase: part, in: packetTypes) else {
                throw bad(.value, "a list of DCCP packet types")
            }
            types |= type
        }
        guard types != 0 else { throw bad(.value, "a list of DCCP packet types") }
        return types
    }
}

extension RuleWriter {
    mutating func writeDCCP(_ match: DCCPMatch) {
        writeGivenPorts("--sport", match.sourcePort)
        writeGivenPorts("--dport", match.destinationPort)
        if let types = match.types {
            option("--dccp-types", isNegated: types.isNegated)
            var separator: StaticString = " "
            for type in packetTypes where types.value & type.value != 0 {
                put(separator)
                put(type.name)
                separator = ","
            }
        }
        if let number = match.option { option("--dccp-option", number.value, isNegated: number.isNegated) }
    }
}
