internal import NetTypes
internal import RuleModel

/// `192.0.2.1:80`, `[2001:db8::1]:443`, or the address alone where the protocol has no ports.
func endText(_ address: IPAddress, port: UInt16?, isKnown: Bool = true) -> String {
    if !isKnown { return "unknown" + (port.map { ":\($0)" } ?? "") }
    guard let port else { return "\(address)" }
    return address.version == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
}

/// `tcp 192.0.2.7:40000 -> 192.0.2.1:80`.
///
/// - Parameter isFromWire: whether it came in: no address is then nobody's, and not this host's.
func packetText(_ packet: Packet, isFromWire: Bool = false) -> String {
    var text = packet.protocol.shortName
    if packet.protocol.isICMP { text += " " + icmpText(packet) }
    return text + " " + sourceText(packet, isFromWire: isFromWire) + " -> " + destinationText(packet)
}

func sourceText(_ packet: Packet, isFromWire: Bool = false) -> String {
    let isKnown = !packet.unknown.contains(.source)
    if packet.protocol.hasPorts, let choices = packet.sourcePortChoices {
        let address = isKnown ? "\(packet.source)" : "unknown"
        return (packet.version == .v6 && isKnown ? "[\(address)]" : address) + ":" + rangeText(choices)
    }
    let port: UInt16? = packet.protocol.hasPorts ? packet.sourcePort : nil
    if packet.source.isZero, isKnown, !isFromWire { return "this host" + (port.map { ":\($0)" } ?? "") }
    return endText(packet.source, port: port, isKnown: isKnown)
}

func destinationText(_ packet: Packet) -> String {
    let hasPort = packet.protocol.hasPorts && !packet.unknown.contains(.destinationPort)
    return endText(
        packet.destination, port: hasPort ? packet.destinationPort : nil,
        isKnown: !packet.unknown.contains(.destination))
}

/// `echo-request`, or `type 13 code 0`.
func icmpText(_ packet: Packet) -> String {
    icmpName(packet.icmpType, packet.icmpCode, packet.version) ?? "type \(packet.icmpType) code \(packet.icmpCode)"
}

/// A name for the usual types, `nil` for others.
func icmpName(_ type: UInt8, _ code: UInt8, _ version: IPVersion) -> String? {
    switch version {
    case .v4:
        switch (type, code) {
        case (0, _): return "echo-reply"
        case (8, _): return "echo-request"
        case (3, 0): return "net-unreachable"
        case (3, 1): return "host-unreachable"
        case (3, 2): return "protocol-unreachable"
        case (3, 3): return "port-unreachable"
        case (3, 4): return "fragmentation-needed"
        case (3, 9): return "net-prohibited"
        case (3, 10): return "host-prohibited"
        case (3, 13): return "admin-prohibited"
        case (11, _): return "time-exceeded"
        case (12, 0): return "ip-header-bad"
        default: return nil
        }
    case .v6:
        switch (type, code) {
        case (1, 0): return "no-route"
        case (1, 1): return "admin-prohibited"
        case (1, 3): return "address-unreachable"
        case (1, 4): return "port-unreachable"
        case (1, 5): return "policy-fail"
        case (1, 6): return "reject-route"
        case (2, _): return "packet-too-big"
        case (3, _): return "time-exceeded"
        case (128, _): return "echo-request"
        case (129, _): return "echo-reply"
        case (135, _): return "neighbour-solicitation"
        case (136, _): return "neighbour-advertisement"
        default: return nil
        }
    }
}

/// `syn,ack`, or `none`.
func flagsText(_ flags: TCPFlags) -> String {
    var text = ""
    for entry in TCPFlags.names where flags.contains(entry.flag) { text += (text.isEmpty ? "" : ",") + entry.name }
    return text.isEmpty ? "none" : text
}

/// `NEW`, `ESTABLISHED,DNAT`; `none` where conntrack knows nothing.
func statesText(_ states: ConnectionStates) -> String {
    var text = ""
    for entry in ConnectionStates.names where states.contains(entry.state) {
        text += (text.isEmpty ? "" : ",") + entry.name
    }
    return text.isEmpty ? "none" : text
}

func typesText(_ types: AddressTypes) -> String {
    var text = ""
    for entry in AddressTypes.names where types.contains(entry.type) {
        text += (text.isEmpty ? "" : " or ") + entry.name
    }
    return text.isEmpty ? "none" : text
}

/// `80`, or `1024-65535`.
func rangeText(_ range: PortRange) -> String { range.isSingle ? "\(range.first)" : "\(range.first)-\(range.last)" }

/// `a`, `a and b`, `a, b and c`.
func listed(_ parts: [String]) -> String {
    guard let last = parts.last else { return "" }
    if parts.count == 1 { return last }
    var text = ""
    for part in parts.dropLast() { text += (text.isEmpty ? "" : ", ") + part }
    return text + " and " + last
}

/// `1 rule`, `2 rules`.
func counted(_ count: Int, _ one: String, _ many: String? = nil) -> String {
    count == 1 ? "1 \(one)" : "\(count) \(many ?? one + "s")"
}

func hookTitle(_ hook: Hook) -> String { hook.name.uppercased() }

/// `ip rule` puts a tab behind the priority.
func withoutTabs(_ text: String) -> String {
    String(decoding: text.utf8.map { $0 == 0x09 ? 0x20 : $0 }, as: UTF8.self)
}

/// The first letter as a capital.
func capitalised(_ text: String) -> String {
    guard let first = text.unicodeScalars.first, first.value >= 0x61, first.value <= 0x7a,
        let upper = Unicode.Scalar(first.value - 32)
    else { return text }
    var result = ""
    result.unicodeScalars.append(upper)
    result.unicodeScalars.append(contentsOf: text.unicodeScalars.dropFirst())
    return result
}
