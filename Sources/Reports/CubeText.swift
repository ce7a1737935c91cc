internal import HeaderSpace
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// In the place of an interface's name for packets that this host makes.
private let madeHere = "(made here)"

/// Cubes of one space in words.
struct CubeWords {
    let space: PacketSpace
    let model: HostModel
    /// Terms of one field that are shown at most.
    var mostTerms = 12

    /// `in eth0, from 10.0.0.0/8, to 10.96.0.10, udp port 53`; nothing is limited: `all of them`.
    func text(_ cube: Cube) -> String {
        var parts: [String] = []
        func add(_ field: PacketField, _ name: String) {
            guard let terms = terms(cube, field) else { return }
            let values = joined(field, terms, cube)
            parts.append("\(name) \(values)")
        }
        if let terms = terms(cube, .inInterface) { parts.append(arrival(terms, cube)) }
        add(.source, "from")
        add(.sourcePort, "source port")
        add(.destination, "to")
        parts += transport(cube)
        if let terms = terms(cube, .state) { parts.append(joined(.state, terms, cube)) }
        for field in [PacketField.ttl, .tos, .length, .mark, .connectionMark, .mac, .user, .group] {
            add(field, field.name)
        }
        return parts.isEmpty ? "all of them" : parts.joined(separator: ", ")
    }

    /// `in eth0, eth1 or made on this host`.
    private func arrival(_ terms: FieldTerms, _ cube: Cube) -> String {
        let values = values(.inInterface, terms, isICMP: false)
        guard !terms.isNegated, values.contains(madeHere) else { return "in \(joined(.inInterface, terms, cube))" }
        if values.count == 1 { return "made on this host" }
        var others = values.filter { $0 != madeHere }
        if others.count > mostTerms { others[mostTerms...] = ["\(others.count - mostTerms) more"] }
        return "in \(others.joined(separator: ", ")) or made on this host"
    }

    private func transport(_ cube: Cube) -> [String] {
        let protocols = terms(cube, .protocol).map { joined(.protocol, $0, cube) }
        var parts: [String] = []
        if let ports = terms(cube, .destinationPort) {
            let values = "\(isICMP(cube) ? "type" : "port") \(joined(.destinationPort, ports, cube))"
            // `not icmp, tcp port 80` would be read as TCP's.
            let isNegated = terms(cube, .protocol)?.isNegated ?? false
            parts.append(
                isNegated ? "\(values), protocol \(protocols ?? "")" : "\(protocols.map { $0 + " " } ?? "")\(values)")
        } else if let protocols {
            parts.append((terms(cube, .protocol)?.isNegated ?? false) ? "protocol \(protocols)" : protocols)
        }
        if let flags = terms(cube, .tcpFlags) { parts.append("flags \(joined(.tcpFlags, flags, cube))") }
        return parts
    }

    /// What a cube says of a field; `nil`: nothing.
    func terms(_ cube: Cube, _ field: PacketField) -> FieldTerms? {
        guard let part = cube.parts[field] else { return nil }
        if field == .protocol, cube.parts[.destinationPort] != nil || cube.parts[.sourcePort] != nil,
            part == space.protocolsWithPorts
        {
            return nil
        }
        return space.terms(of: part, field)
    }

    private func isICMP(_ cube: Cube) -> Bool {
        guard let part = cube.parts[.protocol] else { return false }
        let icmp: IPProtocol = space.version == .v4 ? .icmp : .icmpv6
        return part == space.packets(.protocol, UInt128(icmp.rawValue))
    }

    private func joined(_ field: PacketField, _ terms: FieldTerms, _ cube: Cube) -> String {
        let values = values(field, terms, isICMP: isICMP(cube))
        var text = values.prefix(mostTerms).joined(separator: ", ")
        if values.count > mostTerms { text += " and \(values.count - mostTerms) more" }
        if terms.isCut { text += " and others" }
        return (terms.isNegated ? "not " : "") + text
    }

    /// Each term as a word.
    func values(_ field: PacketField, _ terms: FieldTerms, isICMP: Bool) -> [String] {
        switch terms.terms {
        case .ranges(let ranges): ranges.flatMap { range(field, $0, isICMP: isICMP) }
        case .patterns(let patterns): patterns.map { pattern(field, $0) }
        }
    }

    func values(_ cube: Cube, _ field: PacketField, _ terms: FieldTerms) -> [String] {
        values(field, terms, isICMP: isICMP(cube))
    }

    private func range(_ field: PacketField, _ range: ClosedRange<UInt128>, isICMP: Bool) -> [String] {
        let (first, last) = (range.lowerBound, range.upperBound)
        switch field {
        case .source, .destination:
            // Two addresses are told as two: /31 is a link's.
            if last - first == 1 { return ["\(space.address(first))", "\(space.address(last))"] }
            return [addressWord(AddressRange(space.address(first), space.address(last)))]
        case .inInterface, .state, .protocol:
            if last - first > 8, field == .protocol { return ["\(first)-\(last)"] }
            return (first...last).map { name(field, $0) }
        case .destinationPort where isICMP: return types(range)
        case .destinationPort, .sourcePort, .tcpFlags, .ttl, .tos, .length, .mark, .connectionMark, .mac, .user, .group:
            return [first == last ? name(field, first) : "\(name(field, first))-\(name(field, last))"]
        }
    }

    /// Types of ICMP, with their codes where not all are meant.
    private func types(_ range: ClosedRange<UInt128>) -> [String] {
        var result: [String] = []
        var next = range.lowerBound
        while next <= range.upperBound {
            let type = next >> 8
            let end = min(range.upperBound, type << 8 | 255)
            let isWhole = next & 255 == 0 && end & 255 == 255
            if isWhole, range.upperBound > end | 0x3ff {
                let last = range.upperBound & 255 == 255 ? range.upperBound >> 8 : (range.upperBound >> 8) - 1
                result.append("\(type)-\(last)")
                next = (last + 1) << 8
                continue
            }
            let codes = next == end ? "\(next & 255)" : "\(next & 255)-\(end & 255)"
            let word =
                icmpName(UInt8(truncatingIfNeeded: type), UInt8(truncatingIfNeeded: next), space.version)
                .flatMap { isWhole && next & 255 == 0 ? $0 : nil }
            result.append(isWhole ? word ?? "\(type)" : "\(type)/\(codes)")
            next = end + 1
        }
        return result
    }

    private func name(_ field: PacketField, _ value: UInt128) -> String {
        switch field {
        case .inInterface:
            guard Int(value) < space.interfaces.count, let symbol = space.interfaces[Int(value)] else {
                return madeHere
            }
            let name = model.names.text(symbol)
            return space.strangers.contains(symbol) ? "\(name) (or any other)" : name
        case .state:
            return ArrivalState(rawValue: UInt8(truncatingIfNeeded: value))?.name ?? "\(value)"
        case .protocol: return IPProtocol(UInt8(truncatingIfNeeded: value)).shortName
        case .mark, .connectionMark, .tos: return "0x" + String(value, radix: 16)
        case .mac: return MACAddress(bits: UInt64(truncatingIfNeeded: value)).description
        case .destination, .source: return "\(space.address(value))"
        case .tcpFlags: return flags(value)
        case .destinationPort, .sourcePort, .ttl, .length, .user, .group: return "\(value)"
        }
    }

    private func pattern(_ field: PacketField, _ pattern: FieldTerms.Pattern) -> String {
        switch field {
        case .tcpFlags: return "\(flags(pattern.value))/\(flags(pattern.mask))"
        default: return "0x\(String(pattern.value, radix: 16))/0x\(String(pattern.mask, radix: 16))"
        }
    }

    private func flags(_ value: UInt128) -> String {
        let flags = TCPFlags(rawValue: UInt8(truncatingIfNeeded: value))
        let names = TCPFlags.names.filter { flags.contains($0.flag) }.map { $0.name }
        return names.isEmpty ? "none" : names.joined(separator: "+")
    }
}
