internal import NetTypes

/// A part of a packet, or of how it arrives, that rules look at.
public enum PacketField: UInt8, Hashable, Sendable, CaseIterable {
    /// A number of `PacketSpace.interfaces`.
    case inInterface
    /// A number of `ArrivalState`.
    case state
    case `protocol`
    case destination
    /// Of ICMP type and code: `type << 8 | code`, as ipsets have it.
    case destinationPort
    case source
    case sourcePort
    case tcpFlags
    case ttl
    /// The whole byte.
    case tos
    case length
    case mark
    case connectionMark
    case mac
    case user
    case group

    /// How an answer names it.
    public var name: String {
        switch self {
        case .inInterface: "in"
        case .state: "state"
        case .protocol: "protocol"
        case .destination: "to"
        case .destinationPort: "port"
        case .source: "from"
        case .sourcePort: "source port"
        case .tcpFlags: "tcp flags"
        case .ttl: "ttl"
        case .tos: "tos"
        case .length: "length"
        case .mark: "mark"
        case .connectionMark: "ct mark"
        case .mac: "mac"
        case .user: "uid"
        case .group: "gid"
        }
    }

    /// The fields of a trace's packet that it stands for.
    var fields: PacketFields {
        switch self {
        case .inInterface: .inInterface
        case .state: .connectionState
        case .protocol: .protocol
        case .destination: .destination
        case .destinationPort: [.destinationPort, .icmpType]
        case .source: .source
        case .sourcePort: .sourcePort
        case .tcpFlags: .tcpFlags
        case .ttl: .ttl
        case .tos: .dscp
        case .length: .length
        case .mark: .mark
        case .connectionMark: .connectionMark
        case .mac: .mac
        case .user, .group: .owner
        }
    }
}

/// What conntrack says of a packet when it arrives: what `--state` gives a trace.
public enum ArrivalState: UInt8, Hashable, Sendable, CaseIterable {
    case new, established, related, invalid, untracked

    public var name: String {
        switch self {
        case .new: "new"
        case .established: "established"
        case .related: "related"
        case .invalid: "invalid"
        case .untracked: "untracked"
        }
    }
}

/// Where one bit comes from: an arriving packet's bit or its opposite, or a constant.
public struct Bit: Hashable, Sendable {
    /// `level << 1 | isOpposite`, or one of the two constants.
    private let code: UInt32

    static let zero = Bit(code: .max - 1)
    static let one = Bit(code: .max)

    private init(code: UInt32) { self.code = code }

    init(level: UInt32) { code = level << 1 }

    init(_ value: Bool) { self = value ? .one : .zero }

    /// `nil` for an arriving bit.
    var constant: Bool? { code >= UInt32.max - 1 ? code == .max : nil }

    var level: UInt32 { code >> 1 }
    var isOpposite: Bool { code & 1 == 1 }

    /// The other value.
    var opposite: Bit { Bit(code: code ^ 1) }
}

/// Where a field's value comes from once rules have written to it.
public enum FieldSource: Hashable, Sendable {
    /// As it arrived.
    case arriving
    case constant(UInt128)
    /// Bit by bit, the highest first.
    case bits([Bit])
    /// The arriving number less something, of packets that have as much: the time to live behind a hop.
    case lowered(by: UInt128)
    /// A value that the input does not tell: a port that NAT drew.
    case unknown
    /// One value here and another there, of packets that are followed together because no rule of a chain looks at it.
    case various
}
