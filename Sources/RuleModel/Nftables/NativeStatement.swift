public import NetTypes
public import SourceText

/// What a native rule does, besides comparing and the plain verdicts that iptables has too.
public indirect enum NativeStatement: Hashable, Sendable {
    case `continue`
    /// `KEY vmap @m`: a key that no element has ends the rule, as a comparison that fails does.
    case verdictMap(Expression, Symbol)
    case counter(Counters?)
    /// Ends the rule where the limit is passed, or is not (`over`).
    case limit(NativeLimit)
    case quota(NativeQuota)
    /// `ct count [over] N`
    case connectionCount(UInt32, isOver: Bool)
    case last
    /// `counter name "x"`, `ct helper set "x"`: of the table.
    case object(ObjectKind, Symbol)
    /// `counter name KEY map @m`
    case objectMap(ObjectKind, Expression, Symbol)
    /// `meta mark set …`, `ct mark set …`, `ip dscp set …`, `tcp option maxseg size set …`
    case assign(Assignable, Expression)
    case translate(NativeTranslation)
    case reject(NativeReject)
    case log(NativeLog)
    case queue(NativeQueue)
    /// `dup to ADDRESS device NAME`
    case duplicate(address: Expression?, device: Expression?)
    /// `fwd to NAME`, `fwd ip to ADDRESS device NAME`
    case forward(address: Expression?, device: Expression, IPVersion?)
    case tproxy(IPVersion?, address: Expression?, port: Expression?)
    case synproxy(SYNPROXYTarget)
    case notrack
    /// `add @s { KEY timeout 5s limit … : VALUE }`, `update`, `delete`
    case changeSet(SetChange)
    /// `flow add @f`
    case flow(Symbol)
    /// `reset tcp option KIND`
    case resetOption(UInt8)
    /// A match or target of x_tables: `nft` prints no more of it than its name, and sometimes a wrong translation.
    case xtables(Symbol)
    /// What this program can't read, as written.
    case unknown(Symbol)
}

/// Where a statement writes to.
public enum Assignable: Hashable, Sendable {
    case meta(MetaKey)
    case connection(ConnectionKey, ConnectionDirection?)
    case field(HeaderField)
    case payload(PayloadBase, offset: Int, bits: Int)
    case extensionHeader(ExtensionField)
}

/// `limit rate [over] N[ UNIT]/TIME burst N`
public struct NativeLimit: Hashable, Sendable {
    public var rate: UInt64 = 0
    /// Seconds of the unit of time.
    public var per: UInt32 = 1
    public var burst: UInt32 = 5
    public var countsBytes = false
    public var isOver = false
    public init() {}
}

/// `quota [over] N bytes used N bytes`
public struct NativeQuota: Hashable, Sendable {
    public var bytes: UInt64 = 0
    public var used: UInt64 = 0
    public var isOver = false
    public init() {}
}

/// `snat`, `dnat`, `masquerade`, `redirect`.
public struct NativeTranslation: Hashable, Sendable {
    public enum Kind: UInt8, Hashable, Sendable {
        case snat, dnat, masquerade, redirect
        public var name: String {
            switch self {
            case .snat: "snat"
            case .dnat: "dnat"
            case .masquerade: "masquerade"
            case .redirect: "redirect"
            }
        }
    }

    public var kind: Kind
    /// `dnat ip to …`; `nil` where the table's family says it.
    public var version: IPVersion?
    /// An address, a range of them, or a map; of a concatenation address and port together.
    public var address: Expression?
    public var port: Expression?
    /// `dnat ip prefix to …`: the address's leading bits only.
    public var isPrefix = false
    public var isRandom = false
    public var isFullyRandom = false
    public var isPersistent = false

    public init(_ kind: Kind) { self.kind = kind }
}

/// `reject with …`; without words it is port unreachable.
public enum NativeReject: Hashable, Sendable {
    case tcpReset
    case icmp(code: UInt8)
    case icmpv6(code: UInt8)
    /// For both versions: 0 no route, 1 port unreachable, 2 host unreachable, 3 administratively prohibited.
    case icmpx(code: UInt8)
}

/// `log`
public struct NativeLog: Hashable, Sendable {
    public var prefix: Symbol = .empty
    /// To a group of nfnetlink_log; `nil`: to the kernel's log.
    public var group: UInt16?
    /// syslog level; `nil` where it was not written. 8 is `audit`.
    public var level: UInt8?
    public var snapLength: UInt32?
    public var queueThreshold: UInt16?
    public var flags: LogTarget.Options = []
    public init() {}
}

/// `queue to 1-3 bypass,fanout`
public struct NativeQueue: Hashable, Sendable {
    public var target: Expression
    public var bypass = false
    public var fanout = false
    public init(_ target: Expression) { self.target = target }
}

/// A rule's own change to a set.
public struct SetChange: Hashable, Sendable {
    public enum Operation: UInt8, Hashable, Sendable { case add, update, delete }

    public var operation: Operation
    public var set: Symbol
    public var key: Expression
    public var value: Expression?
    /// Thousandths of a second.
    public var timeout: UInt64?
    /// Limits, counters, … that each element gets.
    public var states: [NativeStatement] = []

    public init(_ operation: Operation, set: Symbol, key: Expression) {
        self.operation = operation
        self.set = set
        self.key = key
    }
}
