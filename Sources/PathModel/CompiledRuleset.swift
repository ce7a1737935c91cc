public import ChainGraph
public import NetTypes
public import RuleModel
public import SourceText

/// Conditions of one rule that are cheap to test and must hold for it to match; 32 bytes.
///
/// A packet that fails one cannot match the rule, so the rule is passed over without looking at its statements.
/// Only conditions that stand before any match with an effect of its own are taken, so nothing is skipped that the
/// kernel would have done.
public struct CompiledRule: Hashable, Sendable {
    /// The low 32 bits of the packet's addresses under these masks must equal these values; a mask of 0 asks nothing.
    public var source: UInt32 = 0
    public var sourceMask: UInt32 = 0
    public var destination: UInt32 = 0
    public var destinationMask: UInt32 = 0
    public var destinationPortFirst: UInt16 = 0
    public var destinationPortLast: UInt16 = .max
    /// 0: any protocol.
    public var protocolNumber: UInt8 = 0
    /// Whether the rule can match at all as far as these conditions tell.
    public var asksPort = false
    /// What a native rule asks before all else; the rule is judged by it wherever the prefilter is not looked at, too.
    public var start: RuleStart = []
    /// `mark & markMask == markValue`; a mask of 0 asks nothing.
    public var markMask: UInt32 = 0
    public var markValue: UInt32 = 0

    public init() {}

    /// Whether a packet with these fields may match: `false` is certain, `true` is not.
    public func mayMatch(_ key: PacketKey) -> Bool {
        if key.source & sourceMask != source { return false }
        if key.destination & destinationMask != destination { return false }
        if protocolNumber != 0, protocolNumber != key.protocolNumber { return false }
        if !start.isDisjoint(with: [.isV4, .isV6]), start.contains(.isV6) != (key.version == .v6) { return false }
        if asksPort, key.destinationPort < destinationPortFirst || key.destinationPort > destinationPortLast {
            return false
        }
        return key.mark & markMask == markValue
    }
}

/// The fields of a packet that `CompiledRule` tests. A packet with unknown fields has no key.
public struct PacketKey: Hashable, Sendable {
    public var source: UInt32
    public var destination: UInt32
    public var mark: UInt32
    /// `nil` where it is not known.
    public var sourcePort: UInt16?
    public var destinationPort: UInt16
    public var protocolNumber: UInt8
    public var version: IPVersion
    public var inInterface: Interface
    public var outInterface: Interface

    /// An interface as rules ask for it.
    public enum Interface: Hashable, Sendable {
        /// There is none at the hook: no rule that asks for one matches.
        case none
        case known(Symbol)
        /// There is one, but nobody knows which.
        case unknown

        /// A number that only rules for this interface ask for; `nil` where any may match.
        var value: UInt32? {
            switch self {
            case .none: .max
            case .known(let name): name.index
            case .unknown: nil
            }
        }
    }

    public init(
        _ packet: __shared Packet, in inInterface: Interface = .unknown, out outInterface: Interface = .unknown
    ) {
        self.inInterface = inInterface
        self.outInterface = outInterface
        source = packet.source.v4Bits
        destination = packet.destination.v4Bits
        mark = packet.mark
        let isDrawn = packet.sourcePortChoices != nil || packet.unknown.contains(.sourcePort)
        sourcePort = isDrawn ? nil : packet.sourcePort
        destinationPort = packet.destinationPort
        protocolNumber = packet.protocol.rawValue
        version = packet.version
    }

    /// Fields that must be known for the key to say anything.
    public static let fields: PacketFields = [.source, .destination, .protocol, .destinationPort, .mark, .fragment]
}

/// A rule set made ready for packets: flat prefilters beside the typed rules, and the order of steps at each hook.
///
/// It never changes, and is asked for each packet: so it is shared and not copied.
public final class CompiledRuleset: Sendable {
    public let linked: LinkedRuleset
    /// One for each rule, all chains one after another.
    public let rules: [CompiledRule]
    /// Where each chain's rules begin in `rules`; one more entry than there are chains.
    public let firstRule: [Int]
    /// Of long chains alone.
    private let indexes: [RuleIndex]
    /// For each chain its index's place among them and 1 more; 0 where it has none.
    private let indexPlaces: [UInt32]
    /// Steps at each hook, by `planIndex`.
    private let plans: [[HookStep]]
    /// What the rules of each hook may come to, by `planIndex`.
    private let hookEndings: [RuleEndings]
    /// Sets that some rule changes.
    public let changedSets: [Symbol]
    /// The sets of native tables.
    public let nativeSets: [NativeSetName: NativeSetIndex]
    /// Native sets that some rule changes.
    public let changedNativeSets: [NativeSetName]
    /// Whether conntrack is on for IPv4 and for IPv6.
    public let tracksV4: Bool
    public let tracksV6: Bool
    /// Whether rules have new connections get room for labels, and for counters. Source: net/netfilter/xt_connlabel.c,
    /// xt_connbytes.c, nft_ct.c, Linux 6.18.
    public let labelsConnections: Bool
    public let countsConnections: Bool
    /// Whether a rule may give a mark to what CT makes up before conntrack.
    public let marksTemplates: Bool

    /// Compiles `linked`; linear in the number of statements.
    ///
    /// - Parameter balanced: the IP versions that IPVS has virtual services of.
    public init(_ linked: LinkedRuleset, balanced: Set<IPVersion> = []) {
        self.linked = linked
        var rules: [CompiledRule] = []
        var firstRule: [Int] = []
        var count = 0
        for table in linked.ruleset.tables { for chain in table.chains { count += chain.rules.count } }
        rules.reserveCapacity(count)
        var own: [RuleEndings] = []
        var changed: [Symbol] = []
        var changedNatives: [NativeSetName] = []
        var indexes: [RuleIndex] = []
        var indexPlaces: [UInt32] = []
        for (tableIndex, table) in linked.ruleset.tables.enumerated() {
            for chain in table.chains {
                firstRule.append(rules.count)
                var endings: RuleEndings = []
                for rule in chain.rules {
                    let start = RuleStart(rule, of: table)
                    // What is perhaps asked for later keeps no packet from what is done before.
                    var compiled = start.contains(.mayMove) ? CompiledRule() : CompiledRule(rule)
                    compiled.start = start
                    rules.append(compiled)
                    endings.formUnion(RuleEndings(rule))
                    changed += PathModel.changedSets(rule)
                    for case .target(.native(.changeSet(let change))) in rule.statements {
                        changedNatives.append(NativeSetName(table: tableIndex, name: change.set))
                    }
                }
                if chain.rules.count >= RuleIndex.leastRules, let first = firstRule.last {
                    indexes.append(RuleIndex(chain.rules, rules[first...]))
                    indexPlaces.append(UInt32(indexes.count))
                } else {
                    indexPlaces.append(0)
                }
                own.append(endings)
            }
        }
        changedSets = changed
        nativeSets = indexNativeSets(linked.ruleset)
        changedNativeSets = changedNatives
        firstRule.append(rules.count)
        self.rules = rules
        self.firstRule = firstRule
        self.indexes = indexes
        self.indexPlaces = indexPlaces
        tracksV4 = needsConntrack(linked.ruleset, .v4)
        tracksV6 = needsConntrack(linked.ruleset, .v6)
        labelsConnections = linked.ruleset.hasStatement(where: setsLabels)
        marksTemplates = linked.ruleset.tables.contains { table in
            table.iptables == .raw && table.chains.contains { $0.rules.contains(where: setsConnectionMark) }
        }
        countsConnections = linked.ruleset.hasStatement(where: asksForCounters)
        let joinsV4 = looksForSockets(linked.ruleset, .v4)
        let joinsV6 = looksForSockets(linked.ruleset, .v6)
        var plans: [[HookStep]] = []
        for hook in Hook.allCases {
            plans.append(
                makePlan(
                    linked, .v4, hook, tracks: tracksV4, joinsFragments: joinsV4, balances: balanced.contains(.v4)))
            plans.append(
                makePlan(
                    linked, .v6, hook, tracks: tracksV6, joinsFragments: joinsV6, balances: balanced.contains(.v6)))
        }
        self.plans = plans
        hookEndings = Hook.allCases.flatMap { hook in
            [reachableEndings(linked, own, .v4, hook), reachableEndings(linked, own, .v6, hook)]
        }
    }

    public func tracks(_ version: IPVersion) -> Bool { version == .v4 ? tracksV4 : tracksV6 }

    /// What happens at `hook` to packets of `version`, in order.
    public func plan(_ version: IPVersion, _ hook: Hook) -> [HookStep] {
        plans[Int(hook.rawValue) * 2 + (version == .v4 ? 0 : 1)]
    }
}

extension CompiledRuleset {
    /// The index of a chain that is long enough to have one.
    public func index(of chain: ChainID) -> RuleIndex? {
        let place = Int(indexPlaces[chain.index])
        return place == 0 ? nil : indexes[place - 1]
    }

    public func start(of rule: RuleReference) -> RuleStart { rules[firstRule[rule.chain.index] + rule.index].start }

    /// What the rules at `hook` may make of packets of `version`, whatever they ask.
    public func endings(_ version: IPVersion, _ hook: Hook) -> RuleEndings {
        hookEndings[Int(hook.rawValue) * 2 + (version == .v4 ? 0 : 1)]
    }
}

extension CompiledRule {
    /// The conditions of `rule` that can be tested this way.
    public init(_ rule: Rule) {
        self.init()
        for statement in rule.statements {
            guard case .match(let match) = statement, take(match) else { return }
        }
    }

    /// Takes what `match` says; `false` where the scan must end because the match has an effect.
    private mutating func take(_ match: Match) -> Bool {
        if match.hasItsTurn { return false }
        switch match {
        case .sourceV4(let test) where !test.isNegated:
            source = test.address
            sourceMask = test.mask
        case .destinationV4(let test) where !test.isNegated:
            destination = test.address
            destinationMask = test.mask
        case .source(.is(let test)) where test.address.version == .v6:
            sourceMask = test.mask.v4Bits
            source = test.address.v4Bits
        case .destination(.is(let test)) where test.address.version == .v6:
            destinationMask = test.mask.v4Bits
            destination = test.address.v4Bits
        case .protocol(.is(let test)): protocolNumber = test.number.rawValue
        case .tcp(let test) where !test.inversion.contains(.destinationPorts):
            takePorts(test.destinationPorts)
        case .udp(let test) where !test.destinationIsNegated: takePorts(test.destinationPorts)
        case .mark(.is(let word)) where markMask == 0 && word.value & ~word.mask == 0:
            markMask = word.mask
            markValue = word.value
        case .native(let comparison): take(comparison)
        default: break
        }
        return true
    }

    private mutating func takePorts(_ range: PortRange) {
        guard !range.isAll else { return }
        asksPort = true
        destinationPortFirst = range.first
        destinationPortLast = range.last
    }

    /// Takes what a native comparison says of one value or one prefix: no packet of another kind meets it either.
    private mutating func take(_ comparison: Comparison) {
        let low: Literal
        let high: Literal
        switch comparison.right {
        case .literal(let literal):
            low = literal
            high = literal
        case .range(let first, let last):
            low = first
            high = last
        case .set, .expression: return
        }
        guard comparison.relation == .equal else { return }
        switch comparison.left {
        case .field(let field): take(field.row, low, high)
        case .meta(.layer4Protocol): if low == high { takeProtocol(low) }
        case .meta(.mark):
            guard low == high, markMask == 0, let number = low.number else { return }
            markMask = .max
            markValue = UInt32(truncatingIfNeeded: number)
        default: return
        }
    }

    private mutating func takeProtocol(_ literal: Literal) {
        guard let number = literal.number.flatMap({ UInt8(exactly: $0) }) else { return }
        protocolNumber = number
    }

    private mutating func take(_ row: HeaderField.Row, _ low: Literal, _ high: Literal) {
        // Only bits that both ends have in common, from the front on.
        func lastWord(_ bytes: [UInt8]) -> UInt32 { bytes.suffix(4).reduce(0) { $0 << 8 | UInt32($1) } }
        let first = lastWord(low.bytes)
        let differing = first ^ lastWord(high.bytes)
        let isWhole = low.bytes.dropLast(4) == high.bytes.dropLast(4)
        let mask = differing == 0 ? UInt32.max : ~(UInt32.max >> UInt32(differing.leadingZeroBitCount))
        switch (row.header, row.name) {
        case (.ip, "saddr"), (.ip6, "saddr"):
            guard isWhole else { return }
            sourceMask = mask
            source = first & mask
        case (.ip, "daddr"), (.ip6, "daddr"):
            guard isWhole else { return }
            destinationMask = mask
            destination = first & mask
        case (_, "dport"):
            guard let start = low.number.flatMap({ UInt16(exactly: $0) }),
                let end = high.number.flatMap({ UInt16(exactly: $0) }), start <= end
            else { return }
            if let transport = row.header.transport { protocolNumber = transport }
            takePorts(PortRange(start, end))
        default:
            guard let transport = row.header.transport else { return }
            protocolNumber = transport
        }
    }
}
