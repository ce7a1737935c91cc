public import NetTypes
public import SourceText

/// States of `--ctstate` and `--state`.
public struct ConnectionStates: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let invalid = ConnectionStates(rawValue: 1 << 0)
    public static let new = ConnectionStates(rawValue: 1 << 1)
    public static let related = ConnectionStates(rawValue: 1 << 2)
    public static let established = ConnectionStates(rawValue: 1 << 3)
    public static let untracked = ConnectionStates(rawValue: 1 << 4)
    /// The connection's source was translated (`--ctstate` only).
    public static let snat = ConnectionStates(rawValue: 1 << 5)
    /// The connection's destination was translated (`--ctstate` only).
    public static let dnat = ConnectionStates(rawValue: 1 << 6)

    /// In the order that iptables 1.8.9 writes them.
    public static let names: [(state: ConnectionStates, name: String)] = [
        (.invalid, "INVALID"), (.new, "NEW"), (.related, "RELATED"), (.established, "ESTABLISHED"),
        (.untracked, "UNTRACKED"), (.snat, "SNAT"), (.dnat, "DNAT"),
    ]
}

/// Bits of `--ctstatus`. An empty set is `NONE`: true of an entry whose status word is 0.
public struct ConnectionStatus: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let expected = ConnectionStatus(rawValue: 1 << 0)
    public static let seenReply = ConnectionStatus(rawValue: 1 << 1)
    public static let assured = ConnectionStatus(rawValue: 1 << 2)
    public static let confirmed = ConnectionStatus(rawValue: 1 << 3)
}

public enum ConnectionDirection: UInt8, Hashable, Sendable {
    case original, reply
}

/// `-m conntrack`: each option that is set must hold; negation is per option.
/// Source: net/netfilter/xt_conntrack.c (revision 3).
public struct ConntrackMatch: Hashable, Sendable {
    public var state: Negatable<ConnectionStates>?
    public var `protocol`: Negatable<ProtocolTest>?
    public var originalSource: Negatable<AddressMask>?
    public var originalDestination: Negatable<AddressMask>?
    public var replySource: Negatable<AddressMask>?
    public var replyDestination: Negatable<AddressMask>?
    public var originalSourcePort: Negatable<PortRange>?
    public var originalDestinationPort: Negatable<PortRange>?
    public var replySourcePort: Negatable<PortRange>?
    public var replyDestinationPort: Negatable<PortRange>?
    public var status: Negatable<ConnectionStatus>?
    /// Remaining seconds of the entry.
    public var expires: Negatable<NumberRange<UInt32>>?
    public var direction: ConnectionDirection?
    public init() {}
}

/// `-m connbytes --connbytes FROM[:TO]`.
public struct ConnectionBytesMatch: Hashable, Sendable {
    public enum Direction: UInt8, Hashable, Sendable { case original, reply, both }
    public enum Mode: UInt8, Hashable, Sendable { case packets, bytes, averagePacket }
    /// `.max` as the upper end: no upper bound.
    public var range = Negatable.is(NumberRange<UInt64>.all)
    public var direction = Direction.both
    public var mode = Mode.bytes
    public init() {}
}

/// `-m connlabel --label N [--set]`.
public struct ConnectionLabelMatch: Hashable, Sendable {
    public var label: Negatable<UInt16> = .is(0)
    /// Sets the label when the entry does not have it.
    public var sets = false
    public init() {}
}

/// `-m connlimit`: how many connections one client, or group of clients, has.
public struct ConnectionLimitMatch: Hashable, Sendable {
    /// `--connlimit-upto N` holds while there are at most N; otherwise `--connlimit-above N`.
    public var isUpTo = false
    public var limit: UInt32 = 0
    /// Leading bits of the address that make a group: 0…32 or 0…128.
    public var maskLength: UInt8 = 32
    /// Counts by destination instead of source.
    public var countsDestination = false
    public init() {}
}

/// `-m recent`: a list of addresses that rules themselves keep.
public struct RecentMatch: Hashable, Sendable {
    public enum Operation: UInt8, Hashable, Sendable { case set, check, update, remove }
    public var operation: Negatable<Operation> = .is(.check)
    public var seconds: UInt32 = 0
    public var reap = false
    public var hitCount: UInt32 = 0
    public var comparesTTL = false
    public var name: Symbol = .empty
    public var mask: IPAddress?
    /// `--rdest` instead of `--rsource`.
    public var usesDestination = false
    public init() {}
}

/// `-m helper` is in `Match` itself; `-m socket`: is there a socket for this packet.
public struct SocketMatch: Hashable, Sendable {
    public var transparent = false
    public var noWildcard = false
    public var restoresMark = false
    public init() {}
}

/// `-m owner`: the socket that a locally generated packet comes from.
public struct OwnerMatch: Hashable, Sendable {
    public var user: Negatable<NumberRange<UInt32>>?
    public var group: Negatable<NumberRange<UInt32>>?
    public var socketExists: Negatable<Bool>?
    public var includesSupplementaryGroups = false
    public init() {}
}

/// `-m ipvs`.
public struct IPVSMatch: Hashable, Sendable {
    /// `--ipvs`: the packet belongs to an IPVS connection.
    public var isIPVS: Negatable<Bool>?
    public var `protocol`: Negatable<ProtocolTest>?
    public var address: Negatable<AddressMask>?
    public var port: Negatable<UInt16>?
    public var direction: ConnectionDirection?
    /// GATE, IPIP, MASQ as 3, 2, 0 (`IP_VS_CONN_F_*`).
    public var method: Negatable<UInt8>?
    public var controlPort: Negatable<UInt16>?
    public init() {}
}

/// `-m cluster`.
public struct ClusterMatch: Hashable, Sendable {
    public var totalNodes: UInt32 = 0
    /// One bit for each node that is this one.
    public var localNodeMask: Negatable<UInt32> = .is(0)
    public var hashSeed: UInt32 = 0
    public init() {}
}
