public import Annotations
internal import ChainGraph
internal import NetTypes
public import PathModel
internal import RuleModel
public import SourceText

/// One node as the checks see it.
public struct LintedNode: Sendable {
    public let model: HostModel
    public let annotations: AnnotatedRuleset
    /// For each chain the places from which packets get to it.
    let entries: [ChainEntries]
    let setUses: SetUses
    /// For each table whether a part of it could not be read: it may use anything.
    let isPartlyUnread: [Bool]
    /// What was told when the input was read.
    let diagnostics: [Diagnostic]

    public init(_ model: HostModel, annotations: AnnotatedRuleset, diagnostics: [Diagnostic]) {
        self.model = model
        self.annotations = annotations
        self.diagnostics = diagnostics
        entries = chainEntries(model.linked)
        setUses = SetUses(model.linked, model.host)
        isPartlyUnread = model.linked.ruleset.tables.map { table in
            table.isPartial || table.chains.contains { $0.rules.contains { $0.statements.contains(where: isUnread) } }
        }
    }

    var host: HostState { model.host }
    var linked: LinkedRuleset { model.linked }
    var chainIDs: [ChainID] { linked.chainIDs.map { ChainID($0) } }

    func name(_ symbol: Symbol) -> String { model.names.text(symbol) }

    /// Whether no program that is known here wrote the rule.
    func isOperators(_ rule: RuleReference) -> Bool { annotations.maker(of: rule) == nil }

    /// Whether no program that is known here made the chain, be it for the operator's rules.
    func isOperators(_ chain: ChainID) -> Bool { annotations.purpose(of: chain) == nil }

    func cite(_ rule: RuleReference, _ text: String = "") -> LintFinding.Citation {
        LintFinding.Citation(linked.rule(rule).place, rule: rule, text)
    }

    func cite(_ chain: ChainID, _ text: String = "") -> LintFinding.Citation {
        LintFinding.Citation(linked.chain(chain).place, text)
    }

    /// `filter/FORWARD:3`
    func path(_ rule: RuleReference) -> String { "\(linked.path(of: rule.chain)):\(rule.index + 1)" }

    /// A finding about one rule.
    func finding(
        _ severity: LintFinding.Severity, _ title: String, at rule: RuleReference, remedies: [String]
    ) -> LintFinding {
        LintFinding(severity, title, at: [cite(rule)], of: [linked.path(of: rule.chain)], remedies: remedies)
    }

    /// Every rule of every chain, in their order.
    func forEachRule(_ body: (RuleReference, Rule) -> Void) {
        for chain in chainIDs {
            for (index, rule) in linked.chain(chain).rules.enumerated() {
                body(RuleReference(chain: chain, index: index), rule)
            }
        }
    }

    /// How many packets have met a rule; `nil` where the dump does not tell.
    func packets(_ rule: Rule, in chain: Chain) -> UInt64? {
        if let counters = chain.counters(of: rule) { return counters.packets }
        for case .target(.native(.counter(let counters?))) in rule.statements { return counters.packets }
        return nil
    }
}

/// Whether a statement is kept word for word, not understood.
private func isUnread(_ statement: Statement) -> Bool {
    switch statement {
    case .match(.unknown), .target(.unknown), .target(.native(.unknown)), .target(.native(.xtables)): true
    case .match(.native(let comparison)):
        comparison.expressions.contains { $0.contains { if case .unknown = $0 { true } else { false } } }
    case .match, .target: false
    }
}

/// From which base chains packets get to a chain: hooks, and what of a base chain decides what its rules may ask and
/// do.
struct ChainEntries: OptionSet, Hashable, Sendable {
    let rawValue: UInt64
    init(rawValue: UInt64) { self.rawValue = rawValue }

    private static let kinds: [(type: ChainType, isEarly: Bool)] = [
        (.filter, false), (.filter, true), (.route, false), (.route, true), (.nat, false), (.nat, true),
    ]

    /// Conntrack looks at a packet at this priority of PREROUTING and OUTPUT.
    /// Source: include/uapi/linux/netfilter_ipv4.h `NF_IP_PRI_CONNTRACK`.
    private static let conntrackPriority: Int32 = -200

    init(_ base: BaseChain) {
        let isEarly =
            switch base.hook {
            case .ingress: true
            case .prerouting, .output: base.priority < Self.conntrackPriority
            case .input, .forward, .postrouting, .egress: false
            }
        self = Self.entry(base.hook, base.type, isEarly)
    }

    private static func entry(_ hook: Hook, _ type: ChainType, _ isEarly: Bool) -> ChainEntries {
        let kind = kinds.firstIndex { $0.type == type && $0.isEarly == isEarly } ?? 0
        return ChainEntries(rawValue: 1 << UInt64(Int(hook.rawValue) * kinds.count + kind))
    }

    var hooks: [Hook] { Hook.allCases.filter { contains(hook: $0) } }

    func contains(hook: Hook) -> Bool { rawValue >> UInt64(Int(hook.rawValue) * Self.kinds.count) & 0x3f != 0 }

    /// Whether packets come here from these hooks alone; not of a chain that none reaches.
    func isOnly(_ wanted: [Hook]) -> Bool { !isEmpty && hooks.allSatisfy { wanted.contains($0) } }

    /// Whether every packet comes here before conntrack has looked at it.
    var isBeforeConntrack: Bool {
        !isEmpty
            && Hook.allCases.allSatisfy { hook in
                Self.kinds.allSatisfy { $0.isEarly || !contains(Self.entry(hook, $0.type, false)) }
            }
    }

    func contains(type: ChainType) -> Bool {
        Hook.allCases.contains { hook in
            [true, false].contains { contains(Self.entry(hook, type, $0)) }
        }
    }

    /// The hooks from which base chains of `type` lead here.
    func hooks(of type: ChainType) -> [Hook] {
        Hook.allCases.filter { hook in [true, false].contains { contains(Self.entry(hook, type, $0)) } }
    }
}

/// Each chain's entries, by its id: jumps followed until nothing is added, at most once for each kind of entry.
private func chainEntries(_ linked: LinkedRuleset) -> [ChainEntries] {
    var entries = [ChainEntries](repeating: [], count: linked.chainCount)
    var waiting: [ChainID] = []
    for index in linked.chainIDs {
        guard let base = linked.chain(ChainID(index)).base else { continue }
        entries[index] = ChainEntries(base)
        waiting.append(ChainID(index))
    }
    while let chain = waiting.popLast() {
        for jump in linked.jumps[chain.index] {
            guard let target = jump.target, !entries[target.index].isSuperset(of: entries[chain.index]) else {
                continue
            }
            entries[target.index].formUnion(entries[chain.index])
            waiting.append(target)
        }
    }
    return entries
}
