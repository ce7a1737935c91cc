public import NetTypes
public import SourceText

/// What a rule does with a packet that its matches hold for.
public enum Target: Hashable, Sendable {
    // Verdicts.
    case accept
    case drop
    case `return`
    /// `-j CHAIN`
    case jump(Symbol)
    /// `-g CHAIN`: as `jump`, but the end of that chain returns to where this chain was jumped from.
    case goto(Symbol)
    /// `-j QUEUE`: to user space, queue 0.
    case queue
    case nfQueue(NFQueueTarget)
    indirect case reject(RejectWith)

    // Translations: end the chain where they succeed.
    indirect case dnat(NATTarget)
    indirect case snat(NATTarget)
    indirect case masquerade(NATTarget)
    indirect case redirect(NATTarget)
    /// The prefix that the address's leading bits are replaced by.
    indirect case netmap(AddressMask)

    // Changes to the packet or its connection; the rule goes on after them.
    case mark(MarkOperation)
    indirect case connectionMark(ConnectionMarkTarget)
    case connectionSecurityMark(ConnectionSecurityMark)
    indirect case ct(CTTarget)
    case notrack
    case classify(UInt32)
    case checksumFill
    case dscp(UInt8)
    case tos(MaskedByte)
    /// `-j TTL` (IPv4) and `-j HL` (IPv6).
    case timeToLive(TimeToLiveTarget)
    case ecn(ECNTarget)
    case tcpMSS(TCPMSSTarget)
    /// `-j TCPOPTSTRIP`: option numbers, ascending.
    indirect case tcpOptionStrip([UInt8])
    indirect case hmark(HMarkTarget)
    indirect case prefixTranslation(PrefixTranslationTarget)
    indirect case securityMark(Symbol)

    // Side effects.
    indirect case log(LogTarget)
    indirect case nfLog(NFLogTarget)
    indirect case ulog(ULogTarget)
    case audit(AuditType)
    indirect case set(SetTarget)
    indirect case tee(TEETarget)
    indirect case idleTimer(IdleTimerTarget)
    indirect case led(LEDTarget)
    indirect case rateEstimate(RateEstimateTarget)
    case trace

    // Taken over by something else.
    indirect case tproxy(TPROXYTarget)
    indirect case synproxy(SYNPROXYTarget)
    indirect case clusterIP(ClusterIPTarget)

    /// A statement of a native rule of nf_tables that iptables has no like of, or has another shape for.
    indirect case native(NativeStatement)

    /// A target this program does not know, or could not read. Kept word for word (`text` begins with `-j`, or is
    /// the whole rest of the rule) and answers "perhaps".
    case unknown(name: Symbol, text: Symbol)
}

/// How `-j REJECT` answers.
public enum RejectWith: Hashable, Sendable {
    case icmpNetUnreachable, icmpHostUnreachable, icmpPortUnreachable, icmpProtocolUnreachable
    case icmpNetProhibited, icmpHostProhibited, icmpAdminProhibited
    case tcpReset
    case icmp6NoRoute, icmp6AdminProhibited, icmp6AddressUnreachable, icmp6PortUnreachable
    case icmp6PolicyFail, icmp6RejectRoute
    /// Destination unreachable with a code that iptables has no name for, as nft may write it.
    case icmpCode(UInt8), icmp6Code(UInt8)

    /// Those that have a name.
    public static let named: [Self] = [
        .icmpNetUnreachable, .icmpHostUnreachable, .icmpPortUnreachable, .icmpProtocolUnreachable, .icmpNetProhibited,
        .icmpHostProhibited, .icmpAdminProhibited, .tcpReset, .icmp6NoRoute, .icmp6AdminProhibited,
        .icmp6AddressUnreachable, .icmp6PortUnreachable, .icmp6PolicyFail, .icmp6RejectRoute,
    ]

    /// Destination unreachable with this code.
    public init(version: IPVersion, code: UInt8) {
        let type: UInt8 = version == .v4 ? 3 : 1
        let named = Self.named.first { $0.icmp.map { $0 == (type, code) } ?? false }
        self = named ?? (version == .v4 ? .icmpCode(code) : .icmp6Code(code))
    }

    /// As iptables-save writes it after `--reject-with`.
    public var name: String {
        switch self {
        case .icmpNetUnreachable: "icmp-net-unreachable"
        case .icmpHostUnreachable: "icmp-host-unreachable"
        case .icmpPortUnreachable: "icmp-port-unreachable"
        case .icmpProtocolUnreachable: "icmp-proto-unreachable"
        case .icmpNetProhibited: "icmp-net-prohibited"
        case .icmpHostProhibited: "icmp-host-prohibited"
        case .icmpAdminProhibited: "icmp-admin-prohibited"
        case .tcpReset: "tcp-reset"
        case .icmp6NoRoute: "icmp6-no-route"
        case .icmp6AdminProhibited: "icmp6-adm-prohibited"
        case .icmp6AddressUnreachable: "icmp6-addr-unreachable"
        case .icmp6PortUnreachable: "icmp6-port-unreachable"
        case .icmp6PolicyFail: "icmp6-policy-fail"
        case .icmp6RejectRoute: "icmp6-reject-route"
        // As nft calls it.
        case .icmpCode(4): "icmp-frag-needed"
        case .icmpCode(let code): "icmp-unreachable-code-\(code)"
        case .icmp6Code(let code): "icmp6-unreachable-code-\(code)"
        }
    }

    /// ICMP type and code of the answer; `nil` for a TCP reset.
    public var icmp: (type: UInt8, code: UInt8)? {
        switch self {
        case .icmpNetUnreachable: (3, 0)
        case .icmpHostUnreachable: (3, 1)
        case .icmpProtocolUnreachable: (3, 2)
        case .icmpPortUnreachable: (3, 3)
        case .icmpNetProhibited: (3, 9)
        case .icmpHostProhibited: (3, 10)
        case .icmpAdminProhibited: (3, 13)
        case .tcpReset: nil
        case .icmp6NoRoute: (1, 0)
        case .icmp6AdminProhibited: (1, 1)
        case .icmp6AddressUnreachable: (1, 3)
        case .icmp6PortUnreachable: (1, 4)
        case .icmp6PolicyFail: (1, 5)
        case .icmp6RejectRoute: (1, 6)
        case .icmpCode(let code): (3, code)
        case .icmp6Code(let code): (1, code)
        }
    }
}

/// `-j MARK`, as its second revision does it: `mark = (mark & ~mask) ^ value`, or one of and/or/xor.
/// iptables-save 1.8.9 writes `--set-xmark` for all of them; the old words are read too.
public struct MarkOperation: Hashable, Sendable {
    public var word: MaskedWord
    public init(_ word: MaskedWord) { self.word = word }
}

/// A byte set under a mask: `(byte & ~mask) ^ value`.
public struct MaskedByte: Hashable, Sendable {
    public var value: UInt8
    public var mask: UInt8
    public init(_ value: UInt8, mask: UInt8) {
        self.value = value
        self.mask = mask
    }
}

/// `-j TTL` and `-j HL`.
public struct TimeToLiveTarget: Hashable, Sendable {
    public enum Operation: UInt8, Hashable, Sendable { case set, increase, decrease }
    public var version: IPVersion
    public var operation: Operation
    public var value: UInt8
    public init(_ version: IPVersion, _ operation: Operation, _ value: UInt8) {
        self.version = version
        self.operation = operation
        self.value = value
    }
}

/// `-j ECN`: bits set to a value; `nil` leaves them. `--ecn-tcp-remove` clears both TCP bits.
public struct ECNTarget: Hashable, Sendable {
    /// The ECE bit of the TCP header.
    public var ece: Bool?
    /// The CWR bit of the TCP header.
    public var cwr: Bool?
    /// The two ECN bits of the IPv4 header: 0…3.
    public var ect: UInt8?
    public init() {}

    public static var tcpRemove: ECNTarget {
        var target = ECNTarget()
        target.ece = false
        target.cwr = false
        return target
    }
}

/// `-j TCPMSS`.
public enum TCPMSSTarget: Hashable, Sendable {
    case set(UInt16)
    case clampToPathMTU
}

/// `-j CONNSECMARK`.
public enum ConnectionSecurityMark: UInt8, Hashable, Sendable { case save, restore }

/// `-j AUDIT --type`.
public enum AuditType: UInt8, Hashable, Sendable { case accept, drop, reject }
