internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-m multiport`
    mutating func readMultiport() throws(RuleFailure) -> Match {
        var match: MultiportMatch?
        while try beginOption() {
            var next = MultiportMatch()
            if takes("--sports", "--source-ports") {
                next.side = .source
            } else if takes("--dports", "--destination-ports") {
                next.side = .destination
            } else if takes("--ports") {
                next.side = .either
            } else {
                break
            }
            try refuseSecond(match)
            let isNegated = negation()
            next.ports = Negatable(try portList(), isNegated: isNegated)
            match = next
        }
        guard let match else { throw missing("--ports") }
        return .multiport(match)
    }

    /// `22,80:90`: at most 15 numbers, and no open end.
    /// Source: iptables 1.8.9, extensions/libxt_multiport.c `parse_multi_ports_v1`.
    private mutating func portList() throws(RuleFailure) -> [PortRange] {
        let range = try value()
        var ports: [PortRange] = []
        var slots = 0
        for part in list(range) ?? [] {
            let colon = firstIndex(of: UInt8(ascii: ":"), in: part)
            if let colon {
                guard let first = readPort(part.lowerBound..<colon),
                    let last = readPort(colon + 1..<part.upperBound), first < last
                else { throw bad(.port, "a list of ports") }
                ports.append(PortRange(first, last))
            } else {
                guard let port = readPort(part) else { throw bad(.port, "a list of ports") }
                ports.append(PortRange(port))
            }
            slots += colon == nil ? 1 : 2
        }
        guard slots > 0, slots <= 15 else { throw bad(.port, "a list of up to 15 ports") }
        return ports
    }
}

extension RuleWriter {
    mutating func writeMultiport(_ match: MultiportMatch) {
        let name: StaticString =
            switch match.side {
            case .source: "--sports"
            case .destination: "--dports"
            case .either: "--ports"
            }
        option(name, isNegated: match.ports.isNegated)
        var separator: StaticString = " "
        for ports in match.ports.value {
            put(separator)
            put(ports)
            separator = ","
        }
    }
}
