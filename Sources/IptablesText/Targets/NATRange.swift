internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// Takes `address[-address][:port[-port[/base]]]`, where IPv6 addresses stand in brackets before a port, or the
    /// ports alone.
    /// Source: iptables 1.8.9, extensions/libxt_NAT.c `parse_to`.
    mutating func readNATRange(into target: inout NATTarget) throws(RuleFailure) {
        let range = try value()
        var addresses = range
        var portColon: Int?
        let colon = UInt8(ascii: ":")
        if let open = firstIndex(of: UInt8(ascii: "["), in: range) {
            guard isV6, open == range.lowerBound,
                let close = firstIndex(of: UInt8(ascii: "]"), in: range)
            else { throw bad(.address, "an address, a range of two, or one with ports") }
            addresses = open + 1..<close
            if close + 1 < range.upperBound {
                guard buffer[close + 1] == colon else { throw bad(.address, "an IPv6 address with ports") }
                portColon = close + 1
            }
        } else if let first = firstIndex(of: colon, in: range),
            firstIndex(of: colon, in: first + 1..<range.upperBound) == nil
        {
            // One colon alone is that of a port.
            addresses = range.lowerBound..<first
            portColon = first
        }
        if let portColon {
            try readNATPorts(portColon + 1..<range.upperBound, into: &target)
            if addresses.isEmpty { return }
        }
        guard let found = readAddressRange(addresses) else {
            throw bad(.address, isV6 ? "an IPv6 address or a range of two" : "an IPv4 address or a range of two")
        }
        target.addresses = found
    }

    /// Reads `port`, `port-port` or `port-port/base` in `range`; the first and the base may be a service's name.
    func readNATPorts(_ range: Range<Int>, into target: inout NATTarget) throws(RuleFailure) {
        let slash = firstIndex(of: UInt8(ascii: "/"), in: range)
        let ports = range.lowerBound..<(slash ?? range.upperBound)
        if let found: PortRange = readNumberRange(ports, separator: UInt8(ascii: "-")),
            !isOpenRange(ports)
        {
            target.ports = found
        } else if slash == nil, let port = readPort(ports) {
            target.ports = PortRange(port)
        } else {
            throw bad(.port, "a port or a range of ports")
        }
        guard let slash else { return }
        guard let base = readPort(slash + 1..<range.upperBound), base > 0, target.ports?.isSingle == false else {
            throw bad(.port, "a range of ports with the base it is counted from")
        }
        target.basePort = base
    }

    /// Whether a range has no number before or behind its `-`.
    private func isOpenRange(_ range: Range<Int>) -> Bool {
        let dash = UInt8(ascii: "-")
        return range.isEmpty || buffer[range.lowerBound] == dash || buffer[range.upperBound - 1] == dash
    }
}

extension RuleWriter {
    /// ` --name` and the range, unless there is none, then the flags.
    mutating func putNAT(_ name: StaticString, _ target: NATTarget) {
        if target.addresses != nil || target.ports != nil {
            option(name)
            put(" ")
        }
        if let addresses = target.addresses {
            let hasBrackets = isV6 && target.ports != nil
            if hasBrackets { put("[") }
            put(addresses)
            if hasBrackets { put("]") }
        }
        if let ports = target.ports {
            // MASQUERADE and REDIRECT, which know ports alone, write no colon.
            if !name.description.utf8.elementsEqual("--to-ports".utf8) { put(":") }
            put(ports, separator: "-")
            if let base = target.basePort {
                put("/")
                put(base)
            }
        }
        if target.isRandom { option("--random") }
        if target.isFullyRandom { option("--random-fully") }
        if target.isPersistent { option("--persistent") }
    }
}
