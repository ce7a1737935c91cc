internal import NetTypes
public import SourceText

/// A value that nftables makes of a packet, its connection or its host: the left side of a comparison, a key that is
/// looked up, or what is written somewhere.
public indirect enum Expression: Hashable, Sendable {
    case literal(Literal)
    case field(HeaderField)
    /// `@nh,64,32`: base, bits from it, bits.
    case payload(PayloadBase, offset: Int, bits: Int)
    case extensionHeader(ExtensionField)
    case meta(MetaKey)
    case connection(ConnectionKey, ConnectionDirection?)
    case route(RouteKey)
    case fib(FibQuery)
    case socket(SocketKey)
    case operatingSystem(ttl: UInt8)
    /// `ipsec in|out …`, `tunnel id`, and others that are kept as they are written and never known.
    case unknown(Symbol, DataType)
    /// `numgen inc|random mod M offset O`
    case numberGenerator(isRandom: Bool, modulus: UInt32, offset: UInt32)
    /// `jhash KEY mod M seed S offset O`; a seed of `nil` is the kernel's own.
    case hash(Expression, modulus: UInt32, seed: UInt32?, offset: UInt32)
    /// `symhash mod M offset O`
    case symmetricHash(modulus: UInt32, offset: UInt32)
    /// `A . B . C`
    case concatenation([Expression])
    /// `(A & mask) ^ xor`; both are as long as the value.
    case masked(Expression, and: Literal, xor: Literal)
    /// By so many bits; negative is to the right.
    case shifted(Expression, by: Int)
    /// `KEY map @m`, `KEY map { … }`
    case map(Expression, Symbol)
    /// `A-B` and `A/24` in a translation: the address or port is one of them.
    case range(Literal, Literal)

    /// What its bits mean.
    public var type: DataType {
        switch self {
        case .literal(let literal): literal.type
        case .field(let field): field.row.type
        case .payload: .integer
        case .extensionHeader(let field): field.type
        case .meta(let key): key.type
        case .connection(let key, _): key.type
        case .route(let key): key.type
        case .fib(let query): query.result.type
        case .socket(let key): key.type
        case .operatingSystem: .string
        case .unknown(_, let type): type
        case .numberGenerator, .hash, .symmetricHash: .integer
        case .concatenation: .integer
        case .masked(let value, _, _), .shifted(let value, _): value.type
        case .map(let key, _): key.type
        case .range(let low, _): low.type
        }
    }
}

/// `meta` keys. Source: nftables src/meta.c `meta_templates`, 1.0.6.
public enum MetaKey: UInt8, Hashable, Sendable, CaseIterable {
    case length, `protocol`, priority, mark, inIndex, outIndex, inName, outName, inType, outType, userID, groupID
    case traces, classIdentifier, layer4Protocol, networkProtocol, packetType, cpu, inGroup, outGroup, cgroup
    case random, isSecured, inKind, outKind, bridgeInName, bridgeOutName, bridgePVID, bridgeProtocol
    case time, day, hour, slaveInIndex, slaveInName

    /// As nft writes it behind `meta`.
    public var name: String { row.name }
    public var type: DataType { row.type }
    /// Whether nft writes it without `meta`.
    public var standsAlone: Bool { row.alone }
    /// Bits of the value.
    public var bits: Int {
        switch self {
        case .length, .cpu, .random, .cgroup: 32
        case .bridgePVID: 16
        case .traces: 8
        case .inKind, .outKind: 128
        default: type.bits
        }
    }

    private var row: (name: String, type: DataType, alone: Bool) {
        switch self {
        case .length: ("length", .integer, false)
        case .protocol: ("protocol", .etherType, false)
        case .priority: ("priority", .classIdentifier, false)
        case .mark: ("mark", .mark, false)
        case .inIndex: ("iif", .interfaceIndex, true)
        case .outIndex: ("oif", .interfaceIndex, true)
        case .inName: ("iifname", .interfaceName, true)
        case .outName: ("oifname", .interfaceName, true)
        case .inType: ("iiftype", .interfaceType, true)
        case .outType: ("oiftype", .interfaceType, true)
        case .userID: ("skuid", .userID, false)
        case .groupID: ("skgid", .groupID, false)
        case .traces: ("nftrace", .integer, false)
        case .classIdentifier: ("rtclassid", .realm, false)
        case .layer4Protocol: ("l4proto", .internetProtocol, false)
        case .networkProtocol: ("nfproto", .networkProtocol, false)
        case .packetType: ("pkttype", .packetType, false)
        case .cpu: ("cpu", .integer, false)
        case .inGroup: ("iifgroup", .deviceGroup, true)
        case .outGroup: ("oifgroup", .deviceGroup, true)
        case .cgroup: ("cgroup", .integer, false)
        case .random: ("random", .integer, false)
        case .isSecured: ("ipsec", .boolean, false)
        case .inKind: ("iifkind", .string, false)
        case .outKind: ("oifkind", .string, false)
        case .bridgeInName: ("ibrname", .interfaceName, false)
        case .bridgeOutName: ("obrname", .interfaceName, false)
        case .bridgePVID: ("ibrpvid", .integer, false)
        case .bridgeProtocol: ("ibrvproto", .etherType, false)
        case .time: ("time", .time, false)
        case .day: ("day", .day, false)
        case .hour: ("hour", .hour, false)
        case .slaveInIndex: ("sdif", .interfaceIndex, false)
        case .slaveInName: ("sdifname", .interfaceName, false)
        }
    }
}

/// `ct` keys. Source: nftables src/ct.c `ct_templates`, 1.0.6.
public enum ConnectionKey: UInt8, Hashable, Sendable, CaseIterable {
    case state, direction, status, mark, expiration, helper, networkProtocol, source, destination, `protocol`
    case sourcePort, destinationPort, label, packets, bytes, averagePacket, zone, eventMask, identifier
    case sourceV4, destinationV4, sourceV6, destinationV6

    public var name: String { row.name }
    public var type: DataType { row.type }

    private var row: (name: String, type: DataType) {
        switch self {
        case .state: ("state", .connectionState)
        case .direction: ("direction", .connectionDirection)
        case .status: ("status", .connectionStatus)
        case .mark: ("mark", .mark)
        case .expiration: ("expiration", .time)
        case .helper: ("helper", .string)
        case .networkProtocol: ("l3proto", .networkProtocol)
        case .source: ("saddr", .integer)
        case .destination: ("daddr", .integer)
        case .protocol: ("protocol", .internetProtocol)
        case .sourcePort: ("proto-src", .internetService)
        case .destinationPort: ("proto-dst", .internetService)
        case .label: ("label", .connectionLabel)
        case .packets: ("packets", .integer)
        case .bytes: ("bytes", .integer)
        case .averagePacket: ("avgpkt", .integer)
        case .zone: ("zone", .integer)
        case .eventMask: ("event", .connectionEvent)
        case .identifier: ("id", .integer)
        case .sourceV4: ("ip saddr", .ipv4Address)
        case .destinationV4: ("ip daddr", .ipv4Address)
        case .sourceV6: ("ip6 saddr", .ipv6Address)
        case .destinationV6: ("ip6 daddr", .ipv6Address)
        }
    }
}

/// `rt` keys.
public enum RouteKey: UInt8, Hashable, Sendable, CaseIterable {
    case classIdentifier, nextHopV4, nextHopV6, mtu, isSecured

    public var name: String {
        switch self {
        case .classIdentifier: "classid"
        case .nextHopV4: "ip nexthop"
        case .nextHopV6: "ip6 nexthop"
        case .mtu: "mtu"
        case .isSecured: "ipsec"
        }
    }

    public var type: DataType {
        switch self {
        case .classIdentifier: .realm
        case .nextHopV4: .ipv4Address
        case .nextHopV6: .ipv6Address
        case .mtu: .integer
        case .isSecured: .boolean
        }
    }
}

/// `fib saddr . iif oif`: a look-up in the routing tables.
public struct FibQuery: Hashable, Sendable {
    public struct Flags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let source = Flags(rawValue: 0x01)
        public static let destination = Flags(rawValue: 0x02)
        public static let mark = Flags(rawValue: 0x04)
        public static let inInterface = Flags(rawValue: 0x08)
        public static let outInterface = Flags(rawValue: 0x10)
    }

    public enum Result: UInt8, Hashable, Sendable {
        case interfaceIndex, interfaceName, addressType

        public var name: String {
            switch self {
            case .interfaceIndex: "oif"
            case .interfaceName: "oifname"
            case .addressType: "type"
            }
        }

        public var type: DataType {
            switch self {
            case .interfaceIndex: .interfaceIndex
            case .interfaceName: .interfaceName
            case .addressType: .fibAddressType
            }
        }
    }

    public var flags: Flags
    public var result: Result
    /// `check`, `exists`, `missing`: only whether there is a route.
    public var testsPresence = false

    public init(flags: Flags, result: Result) {
        self.flags = flags
        self.result = result
    }
}

/// `socket` keys.
public enum SocketKey: Hashable, Sendable {
    case transparent, mark, wildcard
    case cgroup2(level: UInt8)

    public var type: DataType {
        switch self {
        case .transparent, .wildcard: .boolean
        case .mark: .mark
        case .cgroup2: .cgroup2
        }
    }
}

/// A field of something that lies between or behind the headers: an IPv6 extension header, an option of IPv4 or TCP, an
/// SCTP chunk.
public struct ExtensionField: Hashable, Sendable {
    public enum Holder: UInt8, Hashable, Sendable { case ipv6, ipv4Option, tcpOption, sctpChunk, dccpOption }

    public var holder: Holder
    /// The header's protocol number, the option's kind or the chunk's type.
    public var kind: UInt8
    /// Bits from its start.
    public var offset: Int
    public var bits: Int
    public var type: DataType
    /// `exthdr hbh`, `tcp option sack`: only whether it is there.
    public var testsPresence = false

    public init(_ holder: Holder, kind: UInt8, offset: Int, bits: Int, type: DataType = .integer) {
        self.holder = holder
        self.kind = kind
        self.offset = offset
        self.bits = bits
        self.type = type
    }
}

/// One comparison of a native rule: it holds, or the rule ends.
public struct Comparison: Hashable, Sendable {
    public enum Relation: UInt8, Hashable, Sendable {
        case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
        /// No operator before a set of flags: one of the bits is set.
        case anyBit
        /// `!`: none of the bits is set.
        case noBit
    }

    public enum Operand: Hashable, Sendable {
        case literal(Literal)
        /// Both ends count. For prefixes, and names that end in `*`, too.
        case range(Literal, Literal)
        /// A set of the table, also one without a name of its own.
        case set(Symbol)
        case expression(Expression)
    }

    public var left: Expression
    public var relation: Relation
    public var right: Operand

    public init(_ left: Expression, _ relation: Relation, _ right: Operand) {
        self.left = left
        self.relation = relation
        self.right = right
    }
}

extension Comparison.Operand {
    /// The number that a literal is, where it fits.
    public var number: UInt64? {
        if case .literal(let literal) = self { return literal.number }
        return nil
    }

    /// The name of a literal, or what names begin with that a range holds (`"cali*"`).
    public var name: (text: String, isPrefix: Bool)? {
        func text(_ literal: Literal) -> String { String(decoding: literal.bytes.prefix { $0 != 0 }, as: UTF8.self) }
        switch self {
        case .literal(let literal): return (text(literal), false)
        case .range(let first, _): return (text(first), true)
        case .set, .expression: return nil
        }
    }
}
