internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// A rule that asks for a set that is not there.
///
/// Observed: iptables 1.8.9, legacy and nft, `Set nosuch doesn't exist.`; nft 1.0.6 `No such file or directory`.
let missingSet = LintCheck("missing-set", "rules that ask for a set that is not there: not loaded") { node in
    let uses = node.setUses
    var findings: [LintFinding] = []
    if node.host.knowsSets {
        for use in uses.ipsets where node.model.sets.entries[use.name] == nil {
            findings.append(node.missing("the ipset \(node.name(use.name))", use))
        }
    }
    for use in uses.native where node.linked.set(named: use.name, besides: use.rule.chain) == nil {
        guard !node.linked.table(of: use.rule.chain).isPartial else { continue }
        findings.append(node.missing("the set or map \(node.name(use.name)) in its table", use))
    }
    return findings
}

/// Observed with nft 1.0.6 on Linux 6.18: `No such file or directory`.
let missingObject = LintCheck(
    "missing-object", "rules that use a counter, helper, flowtable, … that is not there: not loaded"
) { node in
    var findings: [LintFinding] = []
    let declared = node.linked.ruleset.tables.map { objects(of: $0) }
    for use in node.setUses.objects {
        let table = node.linked.tableIndex(of: use.rule.chain)
        if node.linked.ruleset.tables[table].isPartial || declared[table].contains(use.object) { continue }
        let what =
            use.object.kind.map { "\($0.name) \(node.name(use.object.name))" }
            ?? "flowtable \(node.name(use.object.name))"
        findings.append(
            node.refused(
                "\(node.path(use.rule)) uses the \(what), and its table has none of that name", at: use.rule,
                remedies: ["declare it in the table, or correct its name"]))
    }
    return findings
}

private func objects(of table: Table) -> Set<ObjectName> {
    Set(table.objects.map { ObjectName(kind: $0.kind, name: $0.name) })
        .union(table.flowtables.map { ObjectName(kind: nil, name: $0.name) })
}

/// A set of the operator's that holds nothing and that nothing fills.
let emptySet = LintCheck("empty-set", "sets without elements that rules ask for and no rule fills") { node in
    let uses = node.setUses
    var findings: [LintFinding] = []
    var first: [Symbol: SetUse] = [:]
    for use in uses.ipsets where first[use.name] == nil { first[use.name] = use }
    for set in node.host.sets where set.elements.isEmpty && !set.isIncomplete && !set.hasTimeout {
        guard let use = first[set.name], !uses.filled.contains(set.name), node.isOperatorsSet(node.name(set.name), nil)
        else { continue }
        findings.append(node.empty("the ipset \(node.name(set.name))", use, at: set.place))
    }
    var firstNative: [TableSymbol: SetUse] = [:]
    for use in uses.native {
        let name = TableSymbol(table: node.linked.tableIndex(of: use.rule.chain), name: use.name)
        if firstNative[name] == nil { firstNative[name] = use }
    }
    for (index, table) in node.linked.ruleset.tables.enumerated() {
        for set in table.sets where set.elements.count == 0 && set.catchAll == nil && !set.isTerse {
            let name = TableSymbol(table: index, name: set.name)
            guard !node.isPartlyUnread[index], let use = firstNative[name],
                set.flags.isDisjoint(with: [.anonymous, .dynamic, .timeout]),
                !uses.filledNative.contains(name), node.isOperatorsSet(node.name(set.name), node.name(table.name))
            else { continue }
            findings.append(node.empty("the \(set.isMap ? "map" : "set") \(node.name(set.name))", use, at: set.place))
        }
    }
    return findings
}

/// A set of the operator's that nothing asks for.
let unusedSet = LintCheck("unused-set", "sets that no rule and no other set uses") { node in
    let uses = node.setUses
    let used = Set(uses.ipsets.map { $0.name }).union(uses.members)
    var findings: [LintFinding] = []
    // Rules that were not read may use them; so may those of a version whose rules are not in the input.
    let sees = IPVersion.allVersions.filter { version in
        node.linked.ruleset.tables.contains { $0.family.sees(version) && $0.iptables != nil }
    }
    if node.model.unreadRules.isEmpty, !sees.isEmpty, !node.isPartlyUnread.contains(true) {
        for set in node.host.sets where !used.contains(set.name) {
            guard set.version.map(sees.contains) ?? true, node.isOperatorsSet(node.name(set.name), nil) else {
                continue
            }
            var finding = LintFinding(
                .hint, "no rule asks for the ipset \(node.name(set.name))",
                at: [LintFinding.Citation(set.place)], of: [node.name(set.name)],
                remedies: ["delete it (ipset destroy \(node.name(set.name))), or ask for it where it was meant to be"])
            finding.meaning = "its \(counted(UInt64(set.elements.count), "element")) decide nothing"
            findings.append(finding)
        }
    }
    for (index, table) in node.linked.ruleset.tables.enumerated() where !node.isPartlyUnread[index] {
        for set in table.sets where !set.flags.contains(.anonymous) {
            guard !uses.usedNative.contains(TableSymbol(table: index, name: set.name)),
                node.isOperatorsSet(node.name(set.name), node.name(table.name))
            else { continue }
            findings.append(node.unused(set.isMap ? "map" : "set", set.name, in: table, at: set.place))
        }
    }
    return findings
}

/// An object or flowtable of the operator's that nothing uses.
let unusedObject = LintCheck("unused-object", "named counters, helpers, flowtables, … that no rule uses") { node in
    let used = node.setUses.usedObjects
    var findings: [LintFinding] = []
    for (index, table) in node.linked.ruleset.tables.enumerated() where !node.isPartlyUnread[index] {
        for object in table.objects {
            let name = ObjectName(kind: object.kind, name: object.name)
            guard !used.contains(TableObject(table: index, object: name)), node.isOperatorsTable(table) else {
                continue
            }
            findings.append(node.unused(object.kind.name, object.name, in: table, at: object.place))
        }
        for flowtable in table.flowtables {
            let name = ObjectName(kind: nil, name: flowtable.name)
            guard !used.contains(TableObject(table: index, object: name)), node.isOperatorsTable(table) else {
                continue
            }
            findings.append(node.unused("flowtable", flowtable.name, in: table, at: flowtable.place))
        }
    }
    return findings
}

extension IPVersion {
    fileprivate static var allVersions: [IPVersion] { [.v4, .v6] }
}

extension LintedNode {
    fileprivate func missing(_ what: String, _ use: SetUse) -> LintFinding {
        var finding = refused(
            "\(path(use.rule)) asks for \(what), which is not there", at: use.rule,
            remedies: ["make the set before the rules are loaded, or correct its name"])
        finding.subjects.append(name(use.name))
        return finding
    }

    fileprivate func empty(_ what: String, _ use: SetUse, at place: Place) -> LintFinding {
        var finding = LintFinding(
            .hint, "\(what) is empty, and \(path(use.rule)) asks for it",
            at: [cite(use.rule), LintFinding.Citation(place)], of: [name(use.name), linked.path(of: use.rule.chain)],
            remedies: ["fill the set, or delete it and what asks for it"])
        finding.meaning =
            use.isNegated
            ? "the condition holds for every packet" : "the condition holds for no packet as long as nothing fills it"
        return finding
    }

    fileprivate func unused(_ kind: String, _ symbol: Symbol, in table: Table, at place: Place) -> LintFinding {
        LintFinding(
            .hint, "no rule of the table \(name(table.name)) uses the \(kind) \(name(symbol))",
            at: [LintFinding.Citation(place)], of: [name(symbol), "\(name(table.name))/\(name(symbol))"],
            remedies: ["delete it, or use it where it was meant to be"])
    }

    /// Whether no known program made the set.
    func isOperatorsSet(_ set: String, _ table: String?) -> Bool {
        if annotations.purpose(ofSet: set, table: table) != nil { return false }
        guard let table else { return true }
        return linked.ruleset.tables.allSatisfy { name($0.name) != table || isOperatorsTable($0) }
    }

    /// Whether the table's first chains are of no known program.
    func isOperatorsTable(_ table: Table) -> Bool {
        guard
            let index = linked.ruleset.tables.firstIndex(where: { $0.name == table.name && $0.family == table.family })
        else { return true }
        return table.chains.indices.prefix(16).allSatisfy { isOperators(linked.chainID(table: index, chain: $0)) }
    }
}

// MARK: - Who uses what

/// A rule's question about a set.
struct SetUse: Sendable {
    var name: Symbol
    var rule: RuleReference
    var isNegated = false
}

struct TableSymbol: Hashable, Sendable {
    var table: Int
    var name: Symbol
}

struct ObjectName: Hashable, Sendable {
    /// `nil`: a flowtable.
    var kind: ObjectKind?
    var name: Symbol
}

struct TableObject: Hashable, Sendable {
    var table: Int
    var object: ObjectName
}

/// What rules use of sets, maps and objects.
struct SetUses: Sendable {
    private(set) var ipsets: [SetUse] = []
    private(set) var native: [SetUse] = []
    private(set) var objects: [(object: ObjectName, rule: RuleReference)] = []
    /// ipsets that rules add to.
    private(set) var filled: Set<Symbol> = []
    private(set) var filledNative: Set<TableSymbol> = []
    private(set) var usedNative: Set<TableSymbol> = []
    private(set) var usedObjects: Set<TableObject> = []
    /// ipsets that are in another set.
    private(set) var members: Set<Symbol> = []

    init(_ linked: LinkedRuleset, _ host: HostState) {
        for set in host.sets where set.type == .listSet {
            for element in set.elements { if let member = element.member { members.insert(member) } }
        }
        for chain in linked.chainIDs.map({ ChainID($0) }) {
            let table = linked.tableIndex(of: chain)
            for (index, rule) in linked.chain(chain).rules.enumerated() {
                for statement in rule.statements { read(statement, RuleReference(chain: chain, index: index), table) }
            }
        }
        // Maps of names of objects use them too.
        for (index, table) in linked.ruleset.tables.enumerated() {
            for set in table.sets {
                guard case .object(let kind) = set.value else { continue }
                for element in 0..<set.elements.count {
                    guard case .object(let name) = set.elements.value(element) else { continue }
                    usedObjects.insert(TableObject(table: index, object: ObjectName(kind: kind, name: name)))
                }
            }
        }
    }

    private mutating func read(_ statement: Statement, _ rule: RuleReference, _ table: Int) {
        switch statement {
        case .match(.set(let match)):
            ipsets.append(SetUse(name: match.name.value, rule: rule, isNegated: match.name.isNegated))
        case .match(.native(let comparison)):
            for expression in comparison.expressions { read(expression, rule, table) }
            if case .set(let name) = comparison.right {
                use(name, rule, table, isNegated: comparison.relation == .notEqual)
            }
        case .match: break
        case .target(.set(let target)):
            for operation in [target.add, target.delete, target.map].compactMap({ $0 }) {
                ipsets.append(SetUse(name: operation.set, rule: rule))
            }
            if let add = target.add { filled.insert(add.set) }
        case .target(.native(let statement)): read(statement, rule, table)
        case .target: break
        }
    }

    private mutating func read(_ statement: NativeStatement, _ rule: RuleReference, _ table: Int) {
        for expression in statement.expressions { read(expression, rule, table) }
        for name in statement.sets { use(name, rule, table) }
        switch statement {
        case .changeSet(let change):
            filledNative.insert(TableSymbol(table: table, name: change.set))
            for state in change.states { read(state, rule, table) }
        case .object(let kind, let name): use(ObjectName(kind: kind, name: name), rule, table)
        case .flow(let name): use(ObjectName(kind: nil, name: name), rule, table)
        case .continue, .verdictMap, .counter, .limit, .quota, .connectionCount, .last, .objectMap, .assign, .translate,
            .reject, .log, .queue, .duplicate, .forward, .tproxy, .synproxy, .notrack, .resetOption, .xtables, .unknown:
            break
        }
    }

    private mutating func read(_ expression: Expression, _ rule: RuleReference, _ table: Int) {
        if case .map(_, let name) = expression { use(name, rule, table) }
        for part in expression.parts { read(part, rule, table) }
    }

    private mutating func use(_ name: Symbol, _ rule: RuleReference, _ table: Int, isNegated: Bool = false) {
        native.append(SetUse(name: name, rule: rule, isNegated: isNegated))
        usedNative.insert(TableSymbol(table: table, name: name))
    }

    private mutating func use(_ object: ObjectName, _ rule: RuleReference, _ table: Int) {
        objects.append((object, rule))
        usedObjects.insert(TableObject(table: table, object: object))
    }
}
