public import NetTypes
public import SourceText

/// Which kernel machinery holds a table.
public enum Backend: UInt8, Hashable, Sendable {
    /// x_tables proper (`iptables-legacy`).
    case legacy
    /// nf_tables: native tables and those that iptables-nft writes.
    case nfTables

    /// As JSON names it.
    public var name: String { self == .legacy ? "legacy" : "nf_tables" }
}

/// The packets a table sees.
public enum TableFamily: UInt8, Hashable, Sendable, CaseIterable {
    case ip, ip6, inet, arp, bridge, netdev

    public var name: String {
        switch self {
        case .ip: "ip"
        case .ip6: "ip6"
        case .inet: "inet"
        case .arp: "arp"
        case .bridge: "bridge"
        case .netdev: "netdev"
        }
    }

    /// Whether IP packets of `version` pass this family's hooks.
    public func sees(_ version: IPVersion) -> Bool {
        switch self {
        case .ip: version == .v4
        case .ip6: version == .v6
        case .inet: true
        case .arp, .bridge, .netdev: false
        }
    }
}

/// A place in the kernel's packet path where base chains run.
public enum Hook: UInt8, Hashable, Sendable, CaseIterable, Comparable {
    case ingress, prerouting, input, forward, output, postrouting, egress

    public var name: String {
        switch self {
        case .ingress: "ingress"
        case .prerouting: "prerouting"
        case .input: "input"
        case .forward: "forward"
        case .output: "output"
        case .postrouting: "postrouting"
        case .egress: "egress"
        }
    }

    public static func < (a: Hook, b: Hook) -> Bool { a.rawValue < b.rawValue }
}

/// What kind of base chain: decides what its rules may do, and when it runs.
public enum ChainType: UInt8, Hashable, Sendable {
    /// Runs at its priority.
    case filter
    /// Re-routes a locally generated packet that it changed: iptables' mangle OUTPUT.
    case route
    /// Asked once per connection, inside the NAT step of its hook.
    case nat
}

/// A base chain's policy: what happens to a packet that reaches its end.
public enum Policy: UInt8, Hashable, Sendable {
    case accept, drop
}

/// How many packets and bytes a chain's policy or a rule has seen.
public struct Counters: Hashable, Sendable {
    public var packets: UInt64
    public var bytes: UInt64

    public init(packets: UInt64, bytes: UInt64) {
        self.packets = packets
        self.bytes = bytes
    }
}

/// What makes a chain a base chain.
public struct BaseChain: Hashable, Sendable {
    public var hook: Hook
    /// Lower runs earlier at a hook; at equal priority the chain registered last runs first.
    public var priority: Int32
    public var type: ChainType
    public var policy: Policy

    public init(hook: Hook, priority: Int32, type: ChainType, policy: Policy) {
        self.hook = hook
        self.priority = priority
        self.type = type
        self.policy = policy
    }
}

/// One rule: an ordered list of matches and targets. iptables writes matches, then at most one target; nft may
/// interleave them.
public struct Rule: Hashable, Sendable {
    public var statements: [Statement]
    /// Index into the ruleset's `counters`; `nil` where the dump had none.
    public var counters: CountersIndex
    /// Where the rule stands in the input.
    public var place: Place
    /// The kernel's handle, 0 where it is not known.
    public var handle: UInt32

    public init(statements: [Statement], counters: CountersIndex = .none, place: Place, handle: UInt32 = 0) {
        self.statements = statements
        self.counters = counters
        self.place = place
        self.handle = handle
    }

    /// The last target, or `nil` for a rule without one. nft may have a comment or comparisons behind it.
    public var target: Target? {
        for case .target(let target) in statements.reversed() { return target }
        return nil
    }

    /// Whether what ends it could not be read: it may be a verdict.
    public var endsWithUnread: Bool {
        for statement in statements.reversed() {
            switch statement {
            case .match(.comment): continue
            case .target(.native(.unknown)): return true
            case .match, .target: return false
            }
        }
        return false
    }
}

/// Where a rule's counters lie in its chain's `ruleCounters`; most dumps have none.
public struct CountersIndex: Hashable, Sendable {
    public let index: UInt32
    public init(_ index: Int) { self.index = UInt32(truncatingIfNeeded: index) }
    /// Fits an `Int` of 32 bits too.
    public static let none = CountersIndex(Int(Int32.max))
    public var isNone: Bool { index == UInt32(Int32.max) }
}

/// One part of a rule.
public enum Statement: Hashable, Sendable {
    case match(Match)
    case target(Target)
}

/// A chain: a list of rules, hung on a hook if `base` is set.
public struct Chain: Hashable, Sendable {
    public var name: Symbol
    public var base: BaseChain?
    public var rules: [Rule] = []
    /// The policy's counters, where the dump has them.
    public var policyCounters: Counters?
    /// The counters that the rules' `counters` point to.
    public var ruleCounters: [Counters] = []
    /// Of a base chain at ingress or egress: the interfaces that it is hung on.
    public var devices: [Symbol] = []
    public var comment: Symbol = .empty
    /// Where the chain is declared; `.none` where it is only mentioned.
    public var place: Place

    public init(name: Symbol, base: BaseChain? = nil, place: Place) {
        self.name = name
        self.base = base
        self.place = place
    }

    /// The counters of a rule of this chain.
    public func counters(of rule: Rule) -> Counters? {
        let index = Int(rule.counters.index)
        return index < ruleCounters.count ? ruleCounters[index] : nil
    }
}

/// A table: its chains in the order of the dump.
///
/// A table of iptables is a set of base chains with fixed hooks and priorities (`IptablesTable`).
public struct Table: Hashable, Sendable {
    public var family: TableFamily
    public var backend: Backend
    public var name: Symbol
    public var chains: [Chain] = []
    /// Set for what iptables made (raw, mangle, nat, filter, security).
    public var iptables: IptablesTable?
    /// Whether two ports that a rule negates are compared as one number, so that a packet with either other is met: what
    /// iptables-nft made of them before 1.8.11 (observed with 1.8.9).
    public var joinsNegatedPorts = false
    /// Whether what a native rule asks by `!=` of fields side by side is perhaps compared as one number: true of texts,
    /// which do not tell what nft made of them (`Rule.joinableComparisons`).
    public var mayJoinComparisons = false
    /// Whether a dormant flag keeps its base chains off the hooks.
    public var isDormant = false
    /// Sets and maps of a native table, also those written in rules.
    public var sets: [NativeSet] = []
    public var objects: [NativeObject] = []
    public var flowtables: [Flowtable] = []
    /// Whether a program owns it, with which it ends.
    public var isOwned = false
    public var comment: Symbol = .empty
    /// Whether the dump ended before `COMMIT`: rules may be missing.
    public var isCutOff = false
    /// Whether the dump begins within it, or has rules of a built-in chain that it does not declare: policies and rules may be
    /// missing.
    public var lacksDeclarations = false
    /// Whether lines of it could not be read of which it is not known in which chain they stand.
    public var hasUnplacedLines = false
    public var place: Place

    public init(family: TableFamily, backend: Backend, name: Symbol, place: Place) {
        self.family = family
        self.backend = backend
        self.name = name
        self.place = place
    }

    /// Whether it may have rules or policies beside those that are known.
    public var isPartial: Bool { isCutOff || lacksDeclarations || hasUnplacedLines }

    /// Whether its rules are nft's own, and not matches and targets of iptables.
    public var isNative: Bool { backend == .nfTables && iptables == nil }
}

/// The five tables of iptables with their chains' hooks and priorities.
/// Source: include/uapi/linux/netfilter_ipv4.h `nf_ip_hook_priorities`, iptables/nft.c `xtables_ipv4`.
public enum IptablesTable: UInt8, Hashable, Sendable, CaseIterable {
    case raw, mangle, nat, filter, security

    public var name: String {
        switch self {
        case .raw: "raw"
        case .mangle: "mangle"
        case .nat: "nat"
        case .filter: "filter"
        case .security: "security"
        }
    }

    /// The hook, priority and type of the built-in chain `name`, or `nil` where this table has no such chain.
    ///
    /// iptables-nft 1.8.9 gives the table `security` priority 150, behind nat's INPUT; legacy has it at 50. Observed on
    /// Linux 6.18.
    public func base(chain name: String, policy: Policy, backend: Backend) -> BaseChain? {
        let hook: Hook
        switch name {
        case "PREROUTING": hook = .prerouting
        case "INPUT": hook = .input
        case "FORWARD": hook = .forward
        case "OUTPUT": hook = .output
        case "POSTROUTING": hook = .postrouting
        default: return nil
        }
        switch self {
        case .raw:
            guard hook == .prerouting || hook == .output else { return nil }
            return BaseChain(hook: hook, priority: -300, type: .filter, policy: policy)
        case .mangle:
            return BaseChain(hook: hook, priority: -150, type: hook == .output ? .route : .filter, policy: policy)
        case .nat:
            guard hook != .forward else { return nil }
            let isDestination = hook == .prerouting || hook == .output
            return BaseChain(hook: hook, priority: isDestination ? -100 : 100, type: .nat, policy: policy)
        case .filter:
            guard hook == .input || hook == .forward || hook == .output else { return nil }
            return BaseChain(hook: hook, priority: 0, type: .filter, policy: policy)
        case .security:
            guard hook == .input || hook == .forward || hook == .output else { return nil }
            return BaseChain(hook: hook, priority: backend == .legacy ? 50 : 150, type: .filter, policy: policy)
        }
    }
}

/// Every table of one network namespace, in the order in which they were read.
public struct Ruleset: Hashable, Sendable {
    public var tables: [Table] = []
    public init() {}
}
