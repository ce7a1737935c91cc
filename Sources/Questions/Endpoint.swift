public import NetTypes

/// Why a description of a packet can't be read: a sentence and, where it is known, a byte.
public struct PacketFailure: Error, Hashable, Sendable {
    /// A sentence without a final stop that quotes the offending text.
    public let message: String
    /// Offset in bytes from the start of the text that was read.
    public let offset: Int?

    public init(_ message: String, at offset: Int? = nil) {
        self.message = message
        self.offset = offset
    }
}

/// Who is at one end of a packet's way.
public enum PacketEnd: Hashable, Sendable {
    case address(IPAddress)
    /// This host: as the source a packet made here, as the destination one of its addresses.
    case host
    /// An address that only the default route covers.
    case internet
    /// `pod:NS/NAME`, `svc:NS/NAME`, `node:NAME`.
    case named(kind: String, name: String)
}

/// What `--from` and `--to` take: `ADDRESS[:PORT][/PROTOCOL]`.
public struct Endpoint: Hashable, Sendable {
    public var end: PacketEnd
    public var port: UInt16?
    public var `protocol`: IPProtocol?
}

/// The kinds of names that stand for addresses.
let endpointKinds = ["pod", "svc", "node"]

/// Reads `ADDRESS[:PORT][/PROTOCOL]`, IPv6 in brackets where a port follows, `host`, `internet` or a name.
public func readEndpoint(_ text: String) throws(PacketFailure) -> Endpoint {
    for kind in endpointKinds where text.hasPrefix(kind + ":") {
        return Endpoint(end: .named(kind: kind, name: String(text.dropFirst(kind.count + 1))))
    }
    var rest = text[...]
    var ipProtocol: IPProtocol?
    if let slash = text.firstIndex(of: "/") {
        ipProtocol = try readProtocolSuffix(String(text[text.index(after: slash)...]), of: text)
        rest = text[..<slash]
    }
    let (name, portText) = try splitPort(rest)
    var port: UInt16?
    if let portText {
        guard let value = UInt16(portText), portText.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
            throw PacketFailure("'\(portText)' is not a port: a number from 0 to 65535")
        }
        port = value
    }
    let end: PacketEnd
    switch name {
    case "host": end = .host
    case "internet": end = .internet
    case "": throw PacketFailure("'\(text)' has no address: ADDRESS[:PORT][/PROTOCOL]")
    default:
        guard let address = IPAddress(name) else {
            throw PacketFailure("'\(name)' is not an address: 192.0.2.1, [2001:db8::1]:443, host or internet")
        }
        end = .address(address)
    }
    return Endpoint(end: end, port: port, protocol: ipProtocol)
}

private func readProtocolSuffix(_ text: String, of whole: String) throws(PacketFailure) -> IPProtocol {
    if !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) {
        throw PacketFailure(
            "'/\(text)' in '\(whole)' is a prefix length, and a packet has one address (a protocol by number: --proto \(text))"
        )
    }
    return try readProtocol(text)
}

/// Parts an address from what follows its colon.
private func splitPort(_ text: Substring) throws(PacketFailure) -> (name: String, port: String?) {
    if text.hasPrefix("[") {
        guard let close = text.firstIndex(of: "]") else {
            throw PacketFailure("'\(text)' has no closing ']'")
        }
        let name = String(text[text.index(after: text.startIndex)..<close])
        let rest = text[text.index(after: close)...]
        if rest.isEmpty { return (name, nil) }
        guard rest.hasPrefix(":") else { throw PacketFailure("'\(text)' has '\(rest)' behind ']' and not ':PORT'") }
        return (name, String(rest.dropFirst()))
    }
    let parts = text.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    switch parts.count {
    case 1: return (String(text), nil)
    case 2: return (String(parts[0]), String(parts[1]))
    // Two colons or more: an IPv6 address, which has no port unless it stands in brackets.
    default: return (String(text), nil)
    }
}
