public import ChainGraph
internal import NetTypes
package import RuleModel
internal import SourceText

/// One thing that happens at a hook.
public enum HookStep: Hashable, Sendable {
    /// Fragments are put together (-400).
    case defragment
    /// A base chain of type filter or route.
    case chain(ChainID)
    /// Chains of both backends at one priority. Whichever was registered last runs first, which no dump tells.
    case unordered(legacy: [ChainID], nfTables: [ChainID])
    /// The connection is looked up or made (-200).
    case conntrack
    /// All nat chains of the hook, in one step: at -100 for destinations, at 100 for sources.
    case nat([ChainID])
    /// The same while no chain of type nat is there.
    case withoutNAT
    /// The same where both backends have nat chains of one priority.
    case unorderedNAT(legacyFirst: [ChainID], nfTablesFirst: [ChainID])
    /// The connection enters the table (last at INPUT and POSTROUTING).
    case confirm
    /// IPVS gives the answers of its real servers the virtual address back (INPUT 98, FORWARD 100, OUTPUT -99).
    case virtualReplies
    /// IPVS takes what is for a virtual service (INPUT 99, OUTPUT -98).
    case virtualRequests

    /// Whether addresses and ports are translated here.
    public var isNAT: Bool {
        switch self {
        case .nat, .unorderedNAT, .withoutNAT: true
        case .defragment, .chain, .unordered, .conntrack, .confirm, .virtualReplies, .virtualRequests: false
        }
    }
}

/// The steps at `hook`: base chains by priority, with the kernel's own between them.
///
/// Source: include/uapi/linux/netfilter_ipv4.h; that nat chains' own priorities only order them among themselves
/// was observed on Linux 6.18.
func makePlan(
    _ linked: LinkedRuleset, _ version: IPVersion, _ hook: Hook, tracks: Bool, joinsFragments: Bool, balances: Bool
) -> [HookStep] {
    let registered = Registrations(linked, version)
    var timed: [(priority: Int32, step: HookStep)] = []
    var nat: [ChainID] = []
    for id in linked.baseChains(version, hook) {
        guard let base = linked.chain(id).base else { continue }
        if base.type == .nat { nat.append(id) } else { timed.append((base.priority, .chain(id))) }
    }
    timed = withUnordered(timed, linked)
    let natStep = hasNAT(linked.ruleset, version) ? natStep(nat, linked) : .withoutNAT
    // Each with the first table that makes the kernel hang it up.
    var kernel: [(priority: Int32, step: HookStep, table: Int?)] = []
    if tracks {
        switch hook {
        case .prerouting, .output:
            kernel = [
                (-400, .defragment, registered.tracking), (-200, .conntrack, registered.tracking),
                (-100, natStep, registered.nat),
            ]
        case .input, .postrouting:
            kernel = [(100, natStep, registered.nat), (.max, .confirm, registered.tracking)]
        case .forward, .ingress, .egress: break
        }
    } else if joinsFragments, hook == .prerouting || hook == .output {
        kernel = [(-400, .defragment, nil)]
    }
    if balances { hangUpIPVS(hook, &kernel) }
    // A stable merge: at equal priority what was registered last goes first. That is the kernel's own hook for a table
    // whose rules first needed it, and a chain of a table that came behind.
    func goesBefore(_ timed: (priority: Int32, step: HookStep), _ priority: Int32, _ table: Int?) -> Bool {
        if timed.priority != priority { return timed.priority < priority }
        guard case .chain(let chain) = timed.step, let table else { return false }
        return linked.tableIndex(of: chain) > table
    }
    var plan: [HookStep] = []
    var next = 0
    for own in kernel {
        while next < timed.count, goesBefore(timed[next], own.priority, own.table) {
            plan.append(timed[next].step)
            next += 1
        }
        plan.append(own.step)
    }
    while next < timed.count {
        plan.append(timed[next].step)
        next += 1
    }
    return plan
}

/// IPVS's own hooks stand beside those of NAT: behind it in OUTPUT, before it in INPUT.
/// Source: `ip_vs_ops` of net/netfilter/ipvs/ip_vs_core.c, Linux 6.x.
private func hangUpIPVS(_ hook: Hook, _ kernel: inout [(priority: Int32, step: HookStep, table: Int?)]) {
    switch hook {
    case .input: kernel.insert(contentsOf: [(98, .virtualReplies, nil), (99, .virtualRequests, nil)], at: 0)
    case .forward: kernel.append((100, .virtualReplies, nil))
    case .output: kernel += [(-99, .virtualReplies, nil), (-98, .virtualRequests, nil)]
    case .prerouting, .postrouting, .ingress, .egress: break
    }
}

/// Chains of one priority of which both backends have one that does something, as one step.
private func withUnordered(
    _ timed: [(priority: Int32, step: HookStep)], _ linked: LinkedRuleset
) -> [(priority: Int32, step: HookStep)] {
    var result: [(priority: Int32, step: HookStep)] = []
    var rest = timed[...]
    while let first = rest.first {
        let group = rest.prefix { $0.priority == first.priority }
        rest = rest.dropFirst(group.count)
        let chains: [ChainID] = group.compactMap { if case .chain(let chain) = $0.step { chain } else { nil } }
        let (legacy, nfTables) = byBackend(chains, linked)
        if legacy.contains(where: { !isIdle($0, linked) }), nfTables.contains(where: { !isIdle($0, linked) }) {
            result.append((first.priority, .unordered(legacy: legacy, nfTables: nfTables)))
        } else {
            result += group
        }
    }
    return result
}

private func natStep(_ chains: [ChainID], _ linked: LinkedRuleset) -> HookStep {
    var legacyFirst: [ChainID] = []
    var nfTablesFirst: [ChainID] = []
    var rest = chains[...]
    while let first = rest.first {
        let priority = linked.chain(first).base?.priority
        let group = rest.prefix { linked.chain($0).base?.priority == priority }
        rest = rest.dropFirst(group.count)
        // A chain without rules maps nothing, wherever it stands.
        let (legacy, nfTables) = byBackend(group.filter { !isIdle($0, linked) }, linked)
        let isKnown = legacy.isEmpty || nfTables.isEmpty
        legacyFirst += isKnown ? Array(group) : legacy + nfTables
        nfTablesFirst += isKnown ? Array(group) : nfTables + legacy
    }
    if legacyFirst == nfTablesFirst { return .nat(legacyFirst) }
    return .unorderedNAT(legacyFirst: legacyFirst, nfTablesFirst: nfTablesFirst)
}

/// Whether NAT hooks itself up: it does for the first chain of type nat, to all hooks.
/// Source: net/netfilter/nf_nat_core.c `nf_nat_register_fn`, Linux 6.18.
private func hasNAT(_ ruleset: Ruleset, _ version: IPVersion) -> Bool {
    ruleset.tables.contains { $0.registersNAT(version) }
}

extension Table {
    fileprivate func registersNAT(_ version: IPVersion) -> Bool {
        family.sees(version) && !isDormant && chains.contains { $0.base?.type == .nat }
    }
}

private func byBackend(_ chains: [ChainID], _ linked: LinkedRuleset) -> (legacy: [ChainID], nfTables: [ChainID]) {
    var legacy: [ChainID] = []
    var nfTables: [ChainID] = []
    for chain in chains {
        switch linked.table(of: chain).backend {
        case .legacy: legacy.append(chain)
        case .nfTables: nfTables.append(chain)
        }
    }
    return (legacy, nfTables)
}

/// Whether a base chain lets every packet pass as it is.
private func isIdle(_ chain: ChainID, _ linked: LinkedRuleset) -> Bool {
    let chain = linked.chain(chain)
    return chain.rules.isEmpty && chain.base?.policy != .drop
}

/// The first tables that make the kernel hang up hooks of its own; `nil` where no dump tells.
private struct Registrations {
    var tracking: Int?
    var nat: Int?

    init(_ linked: LinkedRuleset, _ version: IPVersion) {
        let tables = linked.ruleset.tables
        // Which of both backends' tables were there first is not known.
        if tables.contains(where: { $0.backend == .legacy }) { return }
        tracking = tables.firstIndex { needsConntrack($0, version) }
        nat = tables.firstIndex { $0.registersNAT(version) }
    }
}

/// Whether a rule of `version` makes the kernel track connections.
///
/// Any match or target that speaks of connections does; a nat table without one does not, and its chains are then not
/// asked at all. Rules of family inet and bridge do it for both versions, those of dormant tables too. Observed on Linux
/// 6.18 for nf_tables and legacy.
func needsConntrack(_ ruleset: Ruleset, _ version: IPVersion) -> Bool {
    ruleset.tables.contains { needsConntrack($0, version) }
}

private func needsConntrack(_ table: Table, _ version: IPVersion) -> Bool {
    guard table.family.sees(version) || table.family == .bridge else { return false }
    for object in table.objects where speaksOfConnections(object.kind) { return true }
    for set in table.sets where set.states.contains(where: { speaksOfConnections($0, version) }) { return true }
    for chain in table.chains {
        for rule in chain.rules {
            for statement in rule.statements where speaksOfConnections(statement, version) { return true }
        }
    }
    return false
}

func setsLabels(_ statement: Statement) -> Bool {
    switch statement {
    case .match(.connectionLabel), .target(.native(.assign(.connection(.label, _), _))): true
    case .match, .target: false
    }
}

func setsConnectionMark(_ rule: Rule) -> Bool {
    rule.statements.contains { statement in
        if case .target(.connectionMark(let target)) = statement { return target.operation != .restore }
        return false
    }
}

func asksForCounters(_ statement: Statement) -> Bool {
    func isCounter(_ expression: Expression) -> Bool {
        guard case .connection(let key, _) = expression else { return false }
        return key == .packets || key == .bytes || key == .averagePacket
    }
    switch statement {
    case .match(.connectionBytes): return true
    case .match(.native(let comparison)): return comparison.expressions.contains { $0.contains(where: isCounter) }
    case .target(.native(let statement)): return statement.expressions.contains { $0.contains(where: isCounter) }
    case .match, .target: return false
    }
}

extension Ruleset {
    package func hasStatement(where condition: (Statement) -> Bool) -> Bool {
        for table in tables {
            for chain in table.chains {
                for rule in chain.rules where rule.statements.contains(where: condition) { return true }
            }
        }
        return false
    }
}

/// Objects of conntrack switch it on where they are declared, whether or not a rule speaks of them.
private func speaksOfConnections(_ kind: ObjectKind) -> Bool {
    switch kind {
    case .helper, .timeout, .expectation, .synproxy: true
    case .counter, .quota, .limit, .securityMark, .tunnel: false
    }
}

/// Whether a rule of `version` has fragments put together although no connection is tracked: one that looks for sockets.
/// Source: net/netfilter/xt_socket.c `socket_mt_enable_defrag`, net/netfilter/xt_TPROXY.c, Linux 6.18.
func looksForSockets(_ ruleset: Ruleset, _ version: IPVersion) -> Bool {
    for table in ruleset.tables where table.family.sees(version) {
        for chain in table.chains {
            for rule in chain.rules {
                for statement in rule.statements {
                    switch statement {
                    case .match(.socket), .target(.tproxy), .target(.native(.tproxy)): return true
                    case .match, .target: continue
                    }
                }
            }
        }
    }
    return false
}

private func speaksOfConnections(_ statement: Statement, _ version: IPVersion) -> Bool {
    switch statement {
    case .match(let match):
        switch match {
        case .conntrack, .state, .connectionMark, .connectionBytes, .connectionLabel, .connectionLimit, .helper,
            .cluster:
            true
        case .native(let comparison): comparison.expressions.contains { $0.contains(where: isOfConnection) }
        default: false
        }
    case .target(let target):
        switch target {
        case .dnat, .snat, .masquerade, .redirect, .netmap, .connectionMark, .connectionSecurityMark, .synproxy: true
        // What is only left untracked needs no tracking: net/netfilter/xt_CT.c `xt_ct_tg_check`; observed on Linux 6.18.
        case .ct(let target): !target.notrack
        case .native(let statement): speaksOfConnections(statement, version)
        default: false
        }
    }
}

private func isOfConnection(_ expression: Expression) -> Bool {
    if case .connection = expression { return true }
    return false
}

/// Source: the callers of `nf_ct_netns_get` in net/netfilter/nft_*.c, Linux 6.18.
private func speaksOfConnections(_ statement: NativeStatement, _ version: IPVersion) -> Bool {
    if statement.expressions.contains(where: { $0.contains(where: isOfConnection) }) { return true }
    switch statement {
    // An address is of one version, for which alone it asks.
    case .translate(let translation): return translation.version == nil || translation.version == version
    case .synproxy, .connectionCount, .flow: return true
    case .assign(.connection, _): return true
    case .object(let kind, _), .objectMap(let kind, _, _): return speaksOfConnections(kind)
    case .changeSet(let change): return change.states.contains { speaksOfConnections($0, version) }
    case .continue, .verdictMap, .counter, .limit, .quota, .last, .assign, .reject, .log, .queue, .duplicate,
        .forward, .tproxy, .notrack, .resetOption, .xtables, .unknown:
        return false
    }
}
