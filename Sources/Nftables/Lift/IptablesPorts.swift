internal import NetTypes
internal import RuleModel
internal import SourceText

// Ports and flags, which iptables-nft compares one by one: they become one `-m tcp` or `-m udp`.
extension IptablesRuleReader {
    mutating func compareTransport(
        _ offset: Int, mask: [UInt8]?, _ bytes: [UInt8], _ isNegated: Bool
    ) -> Bool {
        if offset == 0, bytes.count == 4, mask == nil {
            let done =
                setPorts(isSource: true, PortRange(half(bytes)), isNegated)
                && setPorts(isSource: false, PortRange(half(Array(bytes[2...]))), isNegated)
            if isNegated { result.joinsNegatedPorts = true }
            return done
        }
        guard offset == 13, bytes.count == 1, transportProtocol == .tcp else { return false }
        return setFlags(
            TCPFlags(rawValue: mask?.first ?? 0xff), TCPFlags(rawValue: bytes[0]), isNegated)
    }

    func half(_ bytes: [UInt8]) -> UInt16 {
        bytes.count < 2 ? 0 : UInt16(bytes[0]) << 8 | UInt16(bytes[1])
    }

    func ports(_ relation: Comparison.Relation, _ port: UInt16) -> PortRange? {
        switch relation {
        case .equal, .notEqual: PortRange(port)
        case .lessOrEqual: PortRange(0, port)
        case .greaterOrEqual: PortRange(port, .max)
        case .less: port > 0 ? PortRange(0, port - 1) : nil
        case .greater: port < .max ? PortRange(port + 1, .max) : nil
        case .anyBit, .noBit: nil
        }
    }

    mutating func readPorts(_ register: Int, _ ports: PortRange, isNegated: Bool) -> Bool {
        guard let held = registers[register], held.mask == nil,
            case .payload(.transport, let offset, 2) = held.source, offset == 0 || offset == 2
        else { return false }
        return setPorts(isSource: offset == 0, ports, isNegated)
    }

    private var transportProtocol: IPProtocol? {
        guard case .protocol(.is(let test))? = generic[4] else { return nil }
        return test.number
    }

    private mutating func setPorts(isSource: Bool, _ ports: PortRange, _ isNegated: Bool) -> Bool {
        guard let number = transportProtocol else { return false }
        switch number {
        case .tcp:
            let part: TCPMatch.Inversion = isSource ? .sourcePorts : .destinationPorts
            let place = tcpPlace {
                (isSource ? $0.sourcePorts : $0.destinationPorts).isAll && !$0.inversion.contains(part)
            }
            guard case .tcp(var match) = matches[place] else { return false }
            if isSource { match.sourcePorts = ports } else { match.destinationPorts = ports }
            if isNegated { match.inversion.insert(part) }
            matches[place] = .tcp(match)
        case .udp, .udplite:
            var match = UDPMatch()
            var place = matches.count
            if let transport, let known = udp(matches[transport]),
                isSource
                    ? known.sourcePorts.isAll && !known.sourceIsNegated
                    : known.destinationPorts.isAll && !known.destinationIsNegated
            {
                (match, place) = (known, transport)
            }
            if isSource {
                match.sourcePorts = ports
                match.sourceIsNegated = isNegated
            } else {
                match.destinationPorts = ports
                match.destinationIsNegated = isNegated
            }
            let made: Match = number == .udp ? .udp(match) : .udplite(match)
            if place == matches.count { matches.append(made) } else { matches[place] = made }
            transport = place
        default: return false
        }
        return true
    }

    private func udp(_ match: Match) -> UDPMatch? {
        switch match {
        case .udp(let match), .udplite(let match): match
        default: nil
        }
    }

    private mutating func setFlags(_ mask: TCPFlags, _ value: TCPFlags, _ isNegated: Bool) -> Bool {
        // iptables has names for six of them.
        guard mask.union(value).isDisjoint(with: [.ece, .cwr]) else { return false }
        let place = tcpPlace { $0.flagsMask.isEmpty && !$0.inversion.contains(.flags) }
        guard case .tcp(var match) = matches[place] else { return false }
        match.flagsMask = mask
        match.flagsValue = value
        if isNegated { match.inversion.insert(.flags) }
        matches[place] = .tcp(match)
        return true
    }

    /// Where the match lies that the next comparison belongs to: a new one where it has such a part already.
    private mutating func tcpPlace(_ isFree: (TCPMatch) -> Bool) -> Int {
        if let transport, case .tcp(let match) = matches[transport], isFree(match) { return transport }
        matches.append(.tcp(TCPMatch()))
        transport = matches.count - 1
        return matches.count - 1
    }
}
