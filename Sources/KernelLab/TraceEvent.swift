internal import KernelLink
internal import NetlinkBytes
public import RuleModel

/// What a rule or chain decided, as a trace tells it.
public enum TraceVerdict: Hashable, Sendable {
    case accept, drop, stolen
    case queue(UInt16)
    case `continue`, `break`, `return`
    case jump(String)
    case goto(String)
    /// NF_REPEAT and what later kernels may add.
    case other(Int32)

    /// `target`: the chain of a jump. Source: include/uapi/linux/netfilter.h, nf_tables.h, Linux 6.18.
    init(code: Int32, target: String) {
        switch code {
        case -1: self = .continue
        case -2: self = .break
        case -3: self = .jump(target)
        case -4: self = .goto(target)
        case -5: self = .return
        default:
            switch code & 0xff {
            case 0: self = .drop
            case 1: self = .accept
            case 2: self = .stolen
            case 3: self = .queue(UInt16(truncatingIfNeeded: code >> 16))
            default: self = .other(code)
            }
        }
    }

    /// As `nft monitor trace` prints it.
    public var name: String {
        switch self {
        case .accept: "accept"
        case .drop: "drop"
        case .stolen: "stolen"
        case .queue: "queue"
        case .continue: "continue"
        case .break: "break"
        case .return: "return"
        case .jump: "jump"
        case .goto: "goto"
        case .other(let code): "verdict \(code)"
        }
    }
}

/// What conntrack says of a traced packet. Linux 6.16 and later tell it.
public struct TraceConnection: Hashable, Sendable {
    public enum State: UInt8, Hashable, Sendable {
        // The numbers of nft's `ct state`.
        case established = 2, related = 4, new = 8, untracked = 64
    }

    public var state: State?
    public var direction: ConnectionDirection?
    public var id: UInt32?
    /// All of IPS_…, more than `ConnectionStatus` has names for.
    public var status: UInt32?
}

/// One thing that a traced packet met: a line of `nft monitor trace`.
public struct TraceEvent: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// A rule gave a verdict.
        case rule
        /// A chain that was jumped to came to its end or gave the packet back.
        case `return`
        /// A base chain came to its end.
        case policy
    }

    /// The same for all events of one packet, and for its copies.
    public var identity: UInt32 = 0
    public var kind: Kind = .rule
    public var family: TableFamily
    public var table = ""
    public var chain = ""
    /// The rule's handle; 0 where the event is of no rule.
    public var handle: UInt64 = 0
    public var verdict: TraceVerdict?
    public var policy: Policy?
    public var mark: UInt32 = 0
    /// Interface numbers, 0 where the event does not tell: only the first event of a chain does.
    public var inIndex: UInt32 = 0
    public var outIndex: UInt32 = 0
    /// The first bytes of the headers, empty but in the first event of a chain. Of an IPv6 packet with extension
    /// headers `network` has the fixed one alone.
    public var network: [UInt8] = []
    public var transport: [UInt8] = []
    public var connection: TraceConnection?

    /// The event that `payload`, a message of NFT_MSG_TRACE without its netlink header, tells.
    /// `nil` for a family or kind that is not known, or a message cut short before it names its chain.
    init?(_ payload: Span<UInt8>) {
        guard payload.count >= 4, let family = TableFamily(kernel: payload[0]) else { return nil }
        self.family = family
        var kind: Kind?
        var walk = AttributeWalk(payload, after: 4)
        while let attribute = walk.next(in: payload) {
            let value = attribute.value
            switch attribute.type {
            case 1: table = payload.text(value)
            case 2: chain = payload.text(value)
            case 3: handle = payload.bigEndian(value)
            case 4: kind = Kind(kernel: payload.bigEndian(value))
            case 5: verdict = Self.verdict(payload, value)
            case 6: identity = UInt32(truncatingIfNeeded: payload.bigEndian(value))
            case 8: network = payload.copied(value)
            case 9: transport = payload.copied(value)
            case 10: inIndex = UInt32(truncatingIfNeeded: payload.bigEndian(value))
            case 12: outIndex = UInt32(truncatingIfNeeded: payload.bigEndian(value))
            case 14: mark = UInt32(truncatingIfNeeded: payload.bigEndian(value))
            case 16: policy = payload.bigEndian(value) == 0 ? .drop : .accept
            // NFTA_TRACE_CT_ID, …_DIRECTION, …_STATUS, …_STATE: uapi/linux/netfilter/nf_tables.h of Linux 6.16.
            case 18: connected { $0.id = UInt32(truncatingIfNeeded: payload.bigEndian(value)) }
            case 19: connected { $0.direction = ConnectionDirection(rawValue: UInt8(payload.bigEndian(value) & 1)) }
            case 20: connected { $0.status = UInt32(truncatingIfNeeded: payload.bigEndian(value)) }
            case 21: connected { $0.state = .init(rawValue: UInt8(truncatingIfNeeded: payload.bigEndian(value))) }
            default: break
            }
        }
        guard let kind, !chain.isEmpty else { return nil }
        self.kind = kind
        // What a rule made up for conntrack to take its zone or helper from is no connection: IPS_TEMPLATE of
        // uapi/linux/netfilter/nf_conntrack_common.h.
        if let status = connection?.status, status & 1 << 11 != 0 { connection = nil }
    }

    private mutating func connected(_ change: (inout TraceConnection) -> Void) {
        var connection = connection ?? TraceConnection()
        change(&connection)
        self.connection = connection
    }

    private static func verdict(_ payload: Span<UInt8>, _ range: Range<Int>) -> TraceVerdict? {
        var code: Int32?
        var target = ""
        var walk = AttributeWalk(range)
        while let attribute = walk.next(in: payload) {
            if attribute.type == 1 { code = Int32(truncatingIfNeeded: payload.bigEndian(attribute.value)) }
            if attribute.type == 2 { target = payload.text(attribute.value) }
        }
        return code.map { TraceVerdict(code: $0, target: target) }
    }
}

extension TraceEvent.Kind {
    /// Source: enum nft_trace_types.
    fileprivate init?(kernel number: UInt64) {
        switch number {
        case 1: self = .policy
        case 2: self = .return
        case 3: self = .rule
        default: return nil
        }
    }
}

extension TableFamily {
    /// Source: NFPROTO_… in include/uapi/linux/netfilter.h.
    init?(kernel number: UInt8) {
        switch number {
        case 1: self = .inet
        case 2: self = .ip
        case 3: self = .arp
        case 5: self = .netdev
        case 7: self = .bridge
        case 10: self = .ip6
        default: return nil
        }
    }
}
