public import NetTypes
public import RuleModel
internal import SourceText

/// Reads a protocol's name or number.
public func readProtocol(_ text: String) throws(PacketFailure) -> IPProtocol {
    if text.lowercased() == "ipip" {
        throw PacketFailure("'ipip' is 94 to iptables, and 4 (ipencap) where tunnels are meant: give the number")
    }
    guard let value = IPProtocol(text) else {
        throw PacketFailure("'\(text)' is not a protocol: a name such as tcp or a number from 0 to 255")
    }
    return value
}

/// Reads a number, `0x…` as hexadecimal, up to `maximum`.
public func readNumber(_ text: String, maximum: UInt64, of what: String) throws(PacketFailure) -> UInt64 {
    let bytes = Array(text.utf8)
    let isHexadecimal = text.hasPrefix("0x") || text.hasPrefix("0X")
    guard let value = isHexadecimal ? number(bytes.span) : decimal(bytes.span), value <= maximum else {
        throw PacketFailure("'\(text)' is not \(what): a number from 0 to \(maximum)")
    }
    return value
}

/// Reads `syn,ack`, `none` or `all`.
public func readTCPFlags(_ text: String) throws(PacketFailure) -> TCPFlags {
    switch text.lowercased() {
    case "none": return []
    case "all": return TCPFlags(rawValue: 0x3f)
    default: break
    }
    var flags: TCPFlags = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
        guard let entry = TCPFlags.names.first(where: { $0.name == part.lowercased() }) else {
            throw PacketFailure("'\(part)' is not a TCP flag: fin, syn, rst, psh, ack, urg, ece, cwr or none")
        }
        flags.insert(entry.flag)
    }
    return flags
}

/// Reads `new`, `established`, `established,dnat`, ….
public func readStates(_ text: String) throws(PacketFailure) -> ConnectionStates {
    var states: ConnectionStates = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
        guard let entry = ConnectionStates.names.first(where: { $0.name == part.uppercased() }) else {
            throw PacketFailure(
                "'\(part)' is not a state: new, established, related, invalid or untracked, with snat or dnat")
        }
        states.insert(entry.state)
    }
    let main: ConnectionStates = [.new, .established, .related, .invalid, .untracked]
    let mainCount = states.intersection(main).rawValue.nonzeroBitCount
    guard mainCount == 1 else {
        throw PacketFailure(
            "'\(text)' must have just one of new, established, related, invalid and untracked")
    }
    return states
}

/// Reads a DSCP number (0 to 63) or class (`EF`, `AF11`, `CS1`, `BE`).
public func readDSCP(_ text: String) throws(PacketFailure) -> UInt8 {
    let name = text.uppercased()
    switch name {
    case "BE", "CS0": return 0
    case "EF": return 46
    case "VA", "VOICE-ADMIT": return 44
    default: break
    }
    let digits = name.utf8.dropFirst(2).compactMap { $0 >= 0x30 && $0 <= 0x39 ? $0 - 0x30 : nil }
    if name.hasPrefix("CS"), name.utf8.count == 3, let digit = digits.first, digit < 8 { return digit << 3 }
    if name.hasPrefix("AF"), name.utf8.count == 4, digits.count == 2, (1...4).contains(digits[0]),
        (1...3).contains(digits[1])
    {
        return digits[0] << 3 | digits[1] << 1
    }
    return UInt8(truncatingIfNeeded: try readNumber(text, maximum: 63, of: "a DSCP value"))
}

/// Names of ICMP types with the code that goes with them, as iptables names them.
private let icmpNames: [(name: String, type: UInt8, code: UInt8?)] = [
    ("echo-reply", 0, nil), ("pong", 0, nil), ("destination-unreachable", 3, nil), ("network-unreachable", 3, 0),
    ("host-unreachable", 3, 1), ("protocol-unreachable", 3, 2), ("port-unreachable", 3, 3),
    ("fragmentation-needed", 3, 4), ("communication-prohibited", 3, 13), ("source-quench", 4, nil),
    ("redirect", 5, nil), ("echo-request", 8, nil), ("ping", 8, nil), ("router-advertisement", 9, nil),
    ("router-solicitation", 10, nil), ("time-exceeded", 11, nil), ("ttl-exceeded", 11, nil),
    ("parameter-problem", 12, nil), ("timestamp-request", 13, nil), ("timestamp-reply", 14, nil),
    ("address-mask-request", 17, nil), ("address-mask-reply", 18, nil),
]

private let icmpv6Names: [(name: String, type: UInt8, code: UInt8?)] = [
    ("destination-unreachable", 1, nil), ("no-route", 1, 0), ("communication-prohibited", 1, 1),
    ("address-unreachable", 1, 3), ("port-unreachable", 1, 4), ("packet-too-big", 2, nil),
    ("time-exceeded", 3, nil), ("ttl-exceeded", 3, nil), ("parameter-problem", 4, nil), ("echo-request", 128, nil),
    ("ping", 128, nil), ("echo-reply", 129, nil), ("pong", 129, nil), ("router-solicitation", 133, nil),
    ("router-advertisement", 134, nil), ("neighbour-solicitation", 135, nil), ("neighbor-solicitation", 135, nil),
    ("neighbour-advertisement", 136, nil), ("neighbor-advertisement", 136, nil), ("redirect", 137, nil),
]

/// What `--icmp-type` says: a number or a name, whose number depends on the IP version.
public enum ICMPTypeText: Hashable, Sendable {
    case number(type: UInt8, code: UInt8?)
    case name(String)

    /// Reads `8`, `3/1` or `echo-request`.
    public init(_ text: String) throws(PacketFailure) {
        let name = text.lowercased()
        if icmpNames.contains(where: { $0.name == name }) || icmpv6Names.contains(where: { $0.name == name }) {
            self = .name(name)
            return
        }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let type = UInt8(parts[0]) else {
            throw PacketFailure("'\(text)' is not an ICMP type: a number from 0 to 255, or a name such as echo-request")
        }
        guard parts.count == 2 else {
            self = .number(type: type, code: nil)
            return
        }
        guard let code = UInt8(parts[1]) else {
            throw PacketFailure("'\(parts[1])' is not an ICMP code: a number from 0 to 255")
        }
        self = .number(type: type, code: code)
    }

    /// The numbers in packets of `version`.
    func resolve(_ version: IPVersion) throws(PacketFailure) -> (type: UInt8, code: UInt8?) {
        switch self {
        case .number(let type, let code): return (type, code)
        case .name(let name):
            for entry in version == .v4 ? icmpNames : icmpv6Names where entry.name == name {
                return (entry.type, entry.code)
            }
            throw PacketFailure("\(version == .v4 ? "ICMP" : "ICMPv6") has no type '\(name)'")
        }
    }
}
