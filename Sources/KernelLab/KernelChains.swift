internal import CNetfilter
public import KernelLink
internal import NetlinkBytes
public import RuleModel

/// A chain by its names.
public struct ChainKey: Hashable, Sendable {
    public var family: TableFamily
    public var table: String
    public var chain: String

    public init(_ family: TableFamily, _ table: String, _ chain: String) {
        self.family = family
        self.table = table
        self.chain = chain
    }
}

extension ChainKey: CustomStringConvertible {
    public var description: String { "\(family.name) \(table) \(chain)" }
}

/// Where the chains and rules of nf_tables stand: what trace events name by handle.
public struct KernelChains: Sendable {
    /// What is known of one rule.
    public struct Rule: Hashable, Sendable {
        /// From 1 within its chain.
        public var number: Int
        /// Whether its target is REJECT, whose verdict a trace tells as a drop.
        public var isReject: Bool
    }

    public private(set) var bases: [ChainKey: BaseChain] = [:]
    private var rules: [ChainKey: [UInt64: Rule]] = [:]

    public init() {}

    /// Reads all of this namespace.
    public init(_ socket: inout NetlinkSocket) throws(LabFailure) {
        let chains = NetlinkRequest(subsystem: Int(NFNL_SUBSYS_NFTABLES), message: Int(NFT_MSG_GETCHAIN.rawValue))
        for payload in try socket.dump(chains, "chains") { add(chain: payload.span) }
        let rules = NetlinkRequest(subsystem: Int(NFNL_SUBSYS_NFTABLES), message: Int(NFT_MSG_GETRULE.rawValue))
        for payload in try socket.dump(rules, "rules") { add(rule: payload.span) }
    }

    /// Whether a chain is hung on a device.
    var hasChainsOfDevices: Bool {
        bases.contains { $0.value.hook.isOfDevice && $0.key.table != ProbeTable.name }
    }

    public func rule(_ chain: ChainKey, handle: UInt64) -> Rule? { rules[chain]?[handle] }

    mutating func add(chain payload: Span<UInt8>) {
        guard payload.count >= 4, let family = TableFamily(kernel: payload[0]) else { return }
        var key = ChainKey(family, "", "")
        var hook: Hook?
        var priority: Int32 = 0
        var policy = Policy.accept
        var type = ChainType.filter
        var walk = AttributeWalk(payload, after: 4)
        while let attribute = walk.next(in: payload) {
            switch nft_chain_attributes(UInt32(attribute.type)) {
            case NFTA_CHAIN_TABLE: key.table = payload.text(attribute.value)
            case NFTA_CHAIN_NAME: key.chain = payload.text(attribute.value)
            case NFTA_CHAIN_POLICY: policy = payload.bigEndian(attribute.value) == 0 ? .drop : .accept
            case NFTA_CHAIN_TYPE:
                let name = payload.text(attribute.value)
                type = name == "nat" ? .nat : name == "route" ? .route : .filter
            case NFTA_CHAIN_HOOK:
                var inner = AttributeWalk(attribute.value)
                while let part = inner.next(in: payload) {
                    let number = payload.bigEndian(part.value)
                    if part.type == NFTA_HOOK_HOOKNUM.rawValue { hook = Hook(kernel: number, family) }
                    if part.type == NFTA_HOOK_PRIORITY.rawValue { priority = Int32(truncatingIfNeeded: number) }
                }
            default: break
            }
        }
        guard let hook else { return }
        bases[key] = BaseChain(hook: hook, priority: priority, type: type, policy: policy)
    }

    mutating func add(rule payload: Span<UInt8>) {
        guard payload.count >= 4, let family = TableFamily(kernel: payload[0]) else { return }
        var key = ChainKey(family, "", "")
        var handle: UInt64 = 0
        var isReject = false
        var walk = AttributeWalk(payload, after: 4)
        while let attribute = walk.next(in: payload) {
            switch nft_rule_attributes(UInt32(attribute.type)) {
            case NFTA_RULE_TABLE: key.table = payload.text(attribute.value)
            case NFTA_RULE_CHAIN: key.chain = payload.text(attribute.value)
            case NFTA_RULE_HANDLE: handle = payload.bigEndian(attribute.value)
            case NFTA_RULE_EXPRESSIONS: isReject = Self.rejects(payload, attribute.value)
            default: break
            }
        }
        let number = (rules[key]?.count ?? 0) + 1
        rules[key, default: [:]][handle] = Rule(number: number, isReject: isReject)
    }

    /// Whether one of the expressions is `reject`, or x_tables' REJECT target.
    private static func rejects(_ payload: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var expressions = AttributeWalk(range)
        while let expression = expressions.next(in: payload) {
            var name = ""
            var parts = AttributeWalk(expression.value)
            while let part = parts.next(in: payload) {
                if part.type == NFTA_EXPR_NAME.rawValue { name = payload.text(part.value) }
                guard part.type == NFTA_EXPR_DATA.rawValue, name == "target" else { continue }
                var data = AttributeWalk(part.value)
                while let item = data.next(in: payload) {
                    if item.type == NFTA_TARGET_NAME.rawValue, payload.text(item.value) == "REJECT" { return true }
                }
            }
            if name == "reject" { return true }
        }
        return false
    }
}

extension Hook {
    /// Whether chains there are hung on a device.
    var isOfDevice: Bool { self == .ingress || self == .egress }

    /// Source: enum nf_inet_hooks, enum nf_dev_hooks of include/uapi/linux/netfilter.h.
    init?(kernel number: UInt64, _ family: TableFamily) {
        if family == .netdev {
            self = number == 0 ? .ingress : .egress
            return
        }
        switch number {
        case 0: self = family == .arp ? .input : .prerouting
        case 1: self = family == .arp ? .output : .input
        case 2: self = .forward
        case 3: self = .output
        case 4: self = .postrouting
        case 5: self = .ingress
        default: return nil
        }
    }
}
