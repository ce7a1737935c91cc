public import NetTypes

/// What `--from` and `--to` of `find` and `check` take: `ADDRESS|PREFIX|NAME[:PORTS][/PROTOCOL]`.
public struct QueryEnd: Hashable, Sendable {
    public enum Place: Hashable, Sendable {
        case anywhere
        case addresses(AddressRange)
        /// This host: as the source packets made here, as the destination all of its addresses.
        case host
        /// Addresses that only the default route covers.
        case internet
        /// `pod:NS/NAME`, `svc:NS/NAME`, `node:NAME`, as far as it is read without the cluster.
        case named(kind: String, name: String)
    }

    public var place: Place
    /// Alternatives; empty for all, ports of a name among them.
    public var ports: [PortRange] = []
    public var `protocol`: IPProtocol?
}

extension QueryEnd {
    /// The IP version of its addresses; `nil` where it may have either.
    var version: IPVersion? {
        if case .addresses(let range) = place { return range.first.version }
        return nil
    }

    /// Reads it. Behind `/` a name is a protocol and a number a prefix length.
    public init(_ text: String) throws(PacketFailure) {
        for kind in endpointKinds where text.hasPrefix(kind + ":") {
            self.init(place: .named(kind: kind, name: String(text.dropFirst(kind.count + 1))))
            return
        }
        var (name, rest) = try QueryEnd.splitAddress(text)
        var length: UInt8?
        var ports: [PortRange] = []
        var ipProtocol: IPProtocol?
        if name.hasSuffix("/") || name.isEmpty {
            throw PacketFailure(
                "'\(text)' has no address: ADDRESS, PREFIX, host, internet or any, with :PORT and /PROTOCOL")
        }
        if let slash = name.firstIndex(of: "/") {
            length = try QueryEnd.prefixLength(String(name[name.index(after: slash)...]), of: text)
            name = String(name[..<slash])
        }
        while let mark = rest.first {
            let word = String(rest.dropFirst().prefix { $0 != "/" && $0 != ":" })
            rest = String(rest.dropFirst(word.count + 1))
            let isNumber = !word.isEmpty && word.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
            switch mark {
            case ":" where ports.isEmpty && ipProtocol == nil: ports = try readPorts(word)
            case "/" where isNumber:
                guard length == nil, ports.isEmpty, ipProtocol == nil else {
                    throw PacketFailure(
                        "'/\(word)' in '\(text)' is a prefix length, which stands behind the address (a protocol by number: --proto \(word))"
                    )
                }
                length = try QueryEnd.prefixLength(word, of: text)
            case "/" where ipProtocol == nil: ipProtocol = try readProtocol(word)
            default: throw PacketFailure("'\(mark)\(word)' in '\(text)' has no place: ADDRESS|PREFIX[:PORT][/PROTOCOL]")
            }
        }
        self.init(place: try QueryEnd.place(name, length, text), ports: ports, protocol: ipProtocol)
        if let ipProtocol, !ports.isEmpty, !ipProtocol.hasPorts {
            throw PacketFailure("'\(text)': a packet of protocol \(ipProtocol.shortName) has no ports")
        }
    }

    /// The address, with a prefix length where brackets hold one, and what follows it.
    private static func splitAddress(_ text: String) throws(PacketFailure) -> (name: String, rest: String) {
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { throw PacketFailure("'\(text)' has no closing ']'") }
            let name = String(text[text.index(after: text.startIndex)..<close])
            let rest = String(text[text.index(after: close)...])
            guard rest.isEmpty || rest.hasPrefix(":") || rest.hasPrefix("/") else {
                throw PacketFailure("'\(text)' has '\(rest)' behind ']' and not ':PORT'")
            }
            return (name, rest)
        }
        // Two colons or more: an IPv6 address, which has no port unless it stands in brackets.
        let head = text.prefix { $0 != "/" }
        if head.filter({ $0 == ":" }).count > 1 { return (String(head), String(text.dropFirst(head.count))) }
        let name = text.prefix { $0 != "/" && $0 != ":" }
        return (String(name), String(text.dropFirst(name.count)))
    }

    private static func prefixLength(_ text: String, of whole: String) throws(PacketFailure) -> UInt8 {
        guard let length = UInt8(text), length <= 128 else {
            throw PacketFailure("'/\(text)' in '\(whole)' is not a prefix length: 0 to 32, or 0 to 128")
        }
        return length
    }

    private static func place(_ name: String, _ length: UInt8?, _ text: String) throws(PacketFailure) -> Place {
        let word: Place?
        switch name {
        case "any": word = .anywhere
        case "host": word = .host
        case "internet": word = .internet
        default: word = nil
        }
        if let word {
            if length != nil { throw PacketFailure("'\(text)': '\(name)' has no prefix length") }
            return word
        }
        let ends = name.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        if ends.count == 2, length == nil, let first = IPAddress(ends[0]), let last = IPAddress(ends[1]) {
            guard first.version == last.version, !(last < first) else {
                throw PacketFailure("'\(name)' is no range: its last address comes before its first")
            }
            return .addresses(AddressRange(first, last))
        }
        guard let address = IPAddress(name) else {
            throw PacketFailure(
                "'\(name)' is not an address: 192.0.2.1, 10.0.0.0/8, [2001:db8::1]:443, host or internet")
        }
        guard let length else { return .addresses(AddressRange(address, address)) }
        guard Int(length) <= address.version.addressBits else {
            throw PacketFailure("'/\(length)' in '\(text)' is more than an IPv4 address has: 0 to 32")
        }
        let prefix = IPPrefix(address, length: length)
        return .addresses(AddressRange(prefix.address, prefix.last))
    }
}
