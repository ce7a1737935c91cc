internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

// Words for what a native rule asks, as unknowns are named.
extension Evaluator {
    /// `ip saddr`, `meta mark`: by the names that iptables' matches give the same fields, where they do.
    func describe(_ expression: Expression) -> String {
        switch expression {
        case .literal(let literal): text(of: literal)
        case .field(let field): describe(field.row)
        case .payload(let base, let offset, let bits): "@\(base.name),\(offset),\(bits)"
        case .extensionHeader(let field): "option \(field.kind)+\(field.offset / 8)"
        case .meta(.mark): "mark"
        case .meta(let key): key.standsAlone ? key.name : "meta \(key.name)"
        case .connection(.state, _): "state"
        case .connection(.mark, _): "connection mark"
        case .connection(let key, let direction):
            "ct " + (direction.map { $0 == .original ? "original " : "reply " } ?? "") + key.name
        case .route(let key): "rt \(key.name)"
        case .fib(let query): "fib \(query.flags.contains(.destination) ? "daddr" : "saddr") \(query.result.name)"
        case .socket: "socket"
        case .operatingSystem: "fingerprint"
        case .unknown(let text, _): names.text(text)
        case .numberGenerator: "numgen"
        case .hash: "jhash"
        case .symmetricHash: "symhash"
        case .concatenation(let parts):
            parts.reduce("") { $0 + ($0.isEmpty ? "" : " . ") + describe($1) }
        case .masked(let value, let mask, _): "\(describe(value)) & \(hexadecimal(mask.bytes))"
        case .shifted(let value, _): describe(value)
        case .map(let key, let name): "\(describe(key)) map \(names.text(name))"
        case .range(let low, let high): rangeText(low, high)
        }
    }

    private func describe(_ row: HeaderField.Row) -> String {
        switch (row.header, row.name) {
        case (.ip, "saddr"), (.ip6, "saddr"): "source"
        case (.ip, "daddr"), (.ip6, "daddr"): "destination"
        case (.tcp, "sport"), (.udp, "sport"), (.th, "sport"): "source port"
        case (.tcp, "dport"), (.udp, "dport"), (.th, "dport"): "destination port"
        default: "\(row.header.name) \(row.name)"
        }
    }

    func text(of literal: Literal) -> String {
        switch literal.type {
        case .ipv4Address, .ipv6Address:
            return IPAddress(bytes: literal.bytes).map { "\($0)" } ?? hexadecimal(literal.bytes)
        case .interfaceName, .interfaceIndex, .string:
            return String(decoding: literal.bytes.prefix { $0 != 0 }, as: UTF8.self)
        case .mark, .bitmask, .tcpFlag, .connectionStatus, .connectionLabel, .etherAddress, .linkAddress, .etherType:
            return hexadecimal(literal.bytes)
        case .connectionState:
            let states: [(bit: UInt64, name: String)] = [
                (1, "INVALID"), (8, "NEW"), (4, "RELATED"), (2, "ESTABLISHED"), (64, "UNTRACKED"),
            ]
            var text = ""
            for state in states where (literal.number ?? 0) & state.bit != 0 {
                text += (text.isEmpty ? "" : ",") + state.name
            }
            return text
        default: return literal.number.map { "\($0)" } ?? hexadecimal(literal.bytes)
        }
    }

    func text(of bytes: [UInt8], _ expression: Expression) -> String {
        guard case .concatenation(let parts) = expression else {
            return text(of: Literal(bytes, expression.type, bits: bytes.count * 8))
        }
        var start = 0
        var text = ""
        for part in parts {
            let end = min(bytes.count, start + width(of: part))
            text += text.isEmpty ? "" : ","
            text += self.text(of: Literal(Array(bytes[start..<end]), part.type, bits: (end - start) * 8))
            start = end
        }
        return text
    }

    func rangeText(_ low: Literal, _ high: Literal) -> String {
        if low == high { return text(of: low) }
        if low.type == .interfaceName || low.type == .interfaceIndex { return text(of: low) + "*" }
        if let first = IPAddress(bytes: low.bytes), let last = IPAddress(bytes: high.bytes),
            low.type == .ipv4Address || low.type == .ipv6Address
        {
            if let prefix = AddressRange(first, last).prefix { return "\(first)/\(prefix.length)" }
        }
        return "\(text(of: low))-\(text(of: high))"
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        var text = ""
        for byte in bytes.drop(while: { $0 == 0 }) {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return "0x" + (text.isEmpty ? "0" : text)
    }

    /// The fields of the packet that an expression looks at.
    func fields(of expression: Expression) -> PacketFields {
        var fields: PacketFields = []
        switch expression {
        case .field(let field): fields = self.fields(of: field.row)
        case .payload(.network, let offset, let bits):
            if offset >= 96 { fields = [.source, .destination] }
            // Of IPv6 the payload's length lies there, of which nothing is taken for granted by that name.
            if offset <= 49, offset + bits > 49 { fields.insert(.dontFragment) }
        case .payload(.transport, _, _): fields = [.sourcePort, .destinationPort, .payload]
        case .payload(.inner, _, _): fields = .payload
        case .extensionHeader(let field): fields = field.holder == .tcpOption ? .tcpOptions : .otherHeaders
        case .meta(let key):
            switch key {
            case .length: fields = .length
            case .mark: fields = .mark
            case .layer4Protocol: fields = .protocol
            case .inIndex, .inName, .inType, .inGroup, .inKind: fields = .inInterface
            case .userID, .groupID: fields = .owner
            case .packetType: fields = .packetType
            default: break
            }
        case .connection(let key, _): fields = key == .mark ? .connectionMark : .connectionState
        case .fib(let query): fields = query.flags.contains(.destination) ? .destination : .source
        case .socket: fields = [.protocol, .destination, .destinationPort, .tcpFlags]
        case .literal, .payload, .route, .operatingSystem, .unknown, .numberGenerator, .hash, .symmetricHash,
            .concatenation, .masked, .shifted, .map, .range:
            break
        }
        for part in expression.parts { fields.formUnion(self.fields(of: part)) }
        // Where a fragment lies is asked under a mask that leaves the flag out.
        if case .masked(let part, let mask, _) = expression, let place = flagByte(part, mask), place & 0x40 == 0 {
            fields.remove(.dontFragment)
        }
        return fields
    }

    /// The bits that a mask leaves of the byte with the flag that forbids fragments.
    private func flagByte(_ expression: Expression, _ mask: Literal) -> UInt8? {
        let offset: Int
        switch expression {
        case .field(let field) where field.row.header == .ip: offset = field.row.offset
        case .payload(.network, let first, _): offset = first
        default: return nil
        }
        guard offset % 8 == 0, offset <= 48, mask.bytes.indices.contains((48 - offset) / 8) else { return nil }
        return mask.bytes[(48 - offset) / 8]
    }

    private func fields(of row: HeaderField.Row) -> PacketFields {
        switch (row.header, row.name) {
        case (.ip, "saddr"), (.ip6, "saddr"): .source
        case (.ip, "daddr"), (.ip6, "daddr"): .destination
        case (.ip, "ttl"), (.ip6, "hoplimit"): .ttl
        case (.ip, "dscp"), (.ip6, "dscp"), (.ip, "ecn"), (.ip6, "ecn"): .dscp
        case (.ip, "length"), (.ip6, "length"): .length
        case (.ip, "protocol"), (.ip6, "nexthdr"): .protocol
        case (.ip, "frag-off"): [.fragment, .dontFragment]
        case (.tcp, "flags"): [.protocol, .tcpFlags]
        case (.icmp, _), (.icmpv6, _): [.protocol, .icmpType]
        case (.th, "sport"): .sourcePort
        case (.th, "dport"): .destinationPort
        case (_, "sport"): [.protocol, .sourcePort]
        case (_, "dport"): [.protocol, .destinationPort]
        case (.ether, "saddr"): .mac
        case (.ip, _), (.ip6, _): .otherHeaders
        default: row.header.transport == nil ? [] : .protocol
        }
    }
}
