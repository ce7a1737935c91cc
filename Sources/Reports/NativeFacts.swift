internal import NetTypes
internal import PacketPath
internal import RuleModel

// What a packet has where a native rule looks.
extension ConditionFacts {
    /// A clause for each thing that the comparison looks at; `nil` where one of them can't be named so.
    func fact(_ comparison: Comparison, _ view: PacketView) -> String? {
        var parts: [String] = []
        for expression in comparison.expressions {
            guard let part = fact(expression, view) else { return nil }
            parts.append(part)
        }
        return parts.isEmpty ? nil : listed(parts)
    }

    private func fact(_ expression: Expression, _ view: PacketView) -> String? {
        let packet = view.packet
        switch expression {
        case .concatenation(let keys):
            var parts: [String] = []
            for key in keys {
                guard let part = fact(key, view) else { return nil }
                parts.append(part)
            }
            return listed(parts)
        case .masked(let value, _, _): return fact(value, view)
        case .field(let field): return fact(field.row, packet)
        case .meta(.layer4Protocol): return "the protocol is \(packet.protocol.shortName)"
        case .meta(.networkProtocol): return "it is of IPv\(packet.version.rawValue)"
        case .meta(.length): return "its length is \(packet.length) bytes"
        case .meta(.mark):
            return packet.unknown.contains(.mark) ? nil : "the mark is \(hexadecimal(packet.mark))"
        case .meta(.inName), .meta(.inIndex): return arrival(view)
        case .meta(.outName), .meta(.outIndex): return departure(view)
        case .connection(.state, _): return "its state is \(statesText(view.state))"
        case .connection(.mark, _):
            return view.connectionMark.map { "the connection's mark is \(hexadecimal($0))" }
                ?? "the packet has no connection entry"
        case .literal, .payload, .extensionHeader, .meta, .connection, .route, .fib, .socket, .operatingSystem,
            .unknown, .numberGenerator, .hash, .symmetricHash, .shifted, .map, .range:
            return nil
        }
    }

    private func fact(_ row: HeaderField.Row, _ packet: Packet) -> String? {
        switch (row.header, row.name) {
        case (.ip, "saddr"), (.ip6, "saddr"): return source(packet)
        case (.ip, "daddr"), (.ip6, "daddr"): return destination(packet)
        case (.ip, "protocol"), (.ip6, "nexthdr"): return "the protocol is \(packet.protocol.shortName)"
        case (.ip, "ttl"), (.ip6, "hoplimit"):
            return "the \(packet.version == .v4 ? "TTL" : "hop limit") is \(packet.ttl)"
        case (.ip, "dscp"), (.ip6, "dscp"): return "the DSCP is \(packet.dscp)"
        case (.icmp, "type"), (.icmpv6, "type"), (.icmp, "code"), (.icmpv6, "code"):
            guard packet.protocol.isICMP else { return "the protocol is \(packet.protocol.shortName)" }
            return "the ICMP type is \(packet.icmpType), the code \(packet.icmpCode)"
        case (.tcp, "flags"):
            guard packet.protocol == .tcp else { return "the protocol is \(packet.protocol.shortName)" }
            return "the flags are \(flagsText(packet.tcpFlags))"
        default: break
        }
        guard row.name == "sport" || row.name == "dport", packet.protocol.hasPorts else { return nil }
        if let wanted = row.header.transport, wanted != packet.protocol.rawValue {
            return "the protocol is \(packet.protocol.shortName)"
        }
        return ports(packet, source: row.name == "sport", destination: row.name == "dport")
    }
}
