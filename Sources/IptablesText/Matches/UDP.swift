internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m udp`
    mutating func readUDP() throws(RuleFailure) -> Match { .udp(try readUDPPorts()) }

    /// The options of `-m udp` and `-m udplite`.
    mutating func readUDPPorts() throws(RuleFailure) -> UDPMatch {
        var match = UDPMatch()
        var hasSource: Bool?
        var hasDestination: Bool?
        while try beginOption() {
            if takes("--sport", "--source-port") {
                try refuseSecond(hasSource)
                hasSource = true
                match.sourcePorts = try ports()
                match.sourceIsNegated = negation()
            } else if takes("--dport", "--destination-port") {
                try refuseSecond(hasDestination)
                hasDestination = true
                match.destinationPorts = try ports()
                match.destinationIsNegated = negation()
            } else {
                break
            }
        }
        return match
    }
}

extension RuleWriter {
    mutating func writeUDP(_ match: UDPMatch) {
        writePorts("--sport", match.sourcePorts, isNegated: match.sourceIsNegated)
        writePorts("--dport", match.destinationPorts, isNegated: match.destinationIsNegated)
    }

    /// An option for ports, left out where it says every port.
    mutating func writePorts(_ name: StaticString, _ ports: PortRange, isNegated: Bool) {
        if ports.isAll, !isNegated { return }
        option(name, isNegated: isNegated)
        put(" ")
        put(ports)
    }
}
