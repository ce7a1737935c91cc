internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import Nftables
internal import PathModel
public import Questions
internal import RuleModel
public import SourceText

/// A node that was compared, with the files that it was read from.
public struct DiffedNode: Sendable {
    public var node: DiffNode
    public let files: [SourceFile]
    /// What of its input was lost or is not there; sentences without a final stop.
    public let doubts: [String]

    public init(_ node: DiffNode, files: [SourceFile], doubts: [String]) {
        self.node = node
        self.files = files
        self.doubts = doubts
    }

    var side: DiffSide { DiffSide(node: node, quotes: Quotes(model: node.model, files: files)) }
}

/// One of two nodes, as reports of their difference quote it.
struct DiffSide {
    let node: DiffNode
    let quotes: Quotes

    private var linked: LinkedRuleset { node.model.linked }
    private var tables: [Table] { linked.ruleset.tables }

    // MARK: Rules

    /// `ip filter FORWARD`
    func title(_ chain: ChainID) -> String {
        let table = linked.table(of: chain)
        let name = quotes.name(linked.chain(chain).name)
        return "\(table.family.name) \(quotes.name(table.name)) \(name)"
    }

    /// A rule as its file has it, but for its counters, which `iptables-save -c` has in front.
    func text(_ rule: RuleReference) -> String { withoutCounters(quotes.text(rule)) }

    private func withoutCounters(_ text: String) -> String {
        guard text.hasPrefix("["), let end = text.utf8.firstIndex(of: UInt8(ascii: "]")) else { return text }
        return String(text[text.index(after: end)...].drop { $0 == " " })
    }

    /// `rules:12`; the rule's number where it is in no file.
    func location(_ rule: RuleReference) -> String {
        quotes.location(linked.rule(rule).place) ?? "rule \(rule.index + 1)"
    }

    func table(of chain: ChainID) -> Int { linked.tableIndex(of: chain) }

    /// Whether there is a table of the same name that the chains of the other's could be in.
    func hasTable(like chain: ChainID, of other: DiffSide) -> Bool {
        let table = other.linked.table(of: chain)
        let name = other.quotes.name(table.name)
        return tables.contains {
            $0.family == table.family && $0.isNative == table.isNative && quotes.name($0.name) == name
        }
    }

    /// `table ip mangle: 7 chains, 12 rules, at prerouting, input`.
    func summary(ofTable index: Int) -> (title: String, contents: String) {
        let table = tables[index]
        let rules = table.chains.reduce(0) { $0 + $1.rules.count }
        var hooks: [String] = []
        for chain in table.chains {
            if let base = chain.base, !hooks.contains(base.hook.name) { hooks.append(base.hook.name) }
        }
        var text = "\(counted(table.chains.count, "chain")), \(counted(rules, "rule"))"
        if !hooks.isEmpty { text += ", at \(hooks.joined(separator: ", "))" }
        return ("table \(path(index))", text)
    }

    func location(_ chain: ChainID) -> String? { quotes.location(linked.chain(chain).place) }

    /// What a base chain is, in words; `nil` for others.
    func base(_ chain: ChainID) -> String? { hook(chain).map { "\($0), policy \(policy(chain))" } }

    /// The same without its policy.
    func hook(_ chain: ChainID) -> String? {
        guard let base = linked.chain(chain).base else { return nil }
        var text = "hook \(base.hook.name), priority \(base.priority)"
        let devices = linked.chain(chain).devices
        if !devices.isEmpty { text += ", devices \(devices.map { quotes.name($0) }.joined(separator: " "))" }
        if linked.table(of: chain).isDormant { text += ", its table dormant" }
        return text
    }

    func policy(_ chain: ChainID) -> String {
        linked.chain(chain).base.map { $0.policy == .drop ? "DROP" : "ACCEPT" } ?? "none"
    }

    /// Who made a chain, and what for; empty where that is not known.
    func purpose(_ chain: ChainID) -> String {
        guard let purpose = node.annotations.purpose(of: chain) else { return "" }
        return "\(purpose.maker.name): \(purpose.text)"
    }

    func ruleCount(_ chain: ChainID) -> Int { linked.chain(chain).rules.count }

    // MARK: Sets

    func title(_ place: SetPlace) -> String {
        switch place {
        case .ipset(let index): return "ipset \(set(index).map { quotes.name($0.name) } ?? "")"
        case .native(let table, let set):
            guard table < tables.count, set < tables[table].sets.count else { return "set" }
            let own = tables[table].sets[set]
            return "\(own.isMap ? "map" : "set") \(path(table)) \(quotes.name(own.name))"
        case .object(let table, let object):
            guard table < tables.count, object < tables[table].objects.count else { return "object" }
            let own = tables[table].objects[object]
            return "\(own.kind.name) \(path(table)) \(quotes.name(own.name))"
        case .flowtable(let table, let flowtable):
            guard table < tables.count, flowtable < tables[table].flowtables.count else { return "flowtable" }
            return "flowtable \(path(table)) \(quotes.name(tables[table].flowtables[flowtable].name))"
        }
    }

    private func path(_ table: Int) -> String { "\(tables[table].family.name) \(quotes.name(tables[table].name))" }

    private func set(_ index: Int) -> AddressSet? {
        index < node.model.host.sets.count ? node.model.host.sets[index] : nil
    }

    /// Where a set is, and where one of its members is.
    func location(_ place: SetPlace) -> String? {
        switch place {
        case .ipset(let index): return set(index).flatMap { quotes.location($0.place) }
        case .native(let table, let set): return quotes.location(tables[table].sets[set].place)
        case .object(let table, let object): return quotes.location(tables[table].objects[object].place)
        case .flowtable(let table, let flowtable):
            return quotes.location(tables[table].flowtables[flowtable].place)
        }
    }

    func memberCount(_ place: SetPlace) -> Int {
        switch place {
        case .ipset(let index): set(index)?.elements.count ?? 0
        case .native(let table, let set): tables[table].sets[set].elements.count
        case .object, .flowtable: 0
        }
    }

    /// Members of a set as text; one that was written as a range is told once.
    func members(_ indexes: [Int], of place: SetPlace) -> [String] {
        var texts: [String] = []
        for index in indexes {
            let text = member(index, of: place)
            if texts.last != text { texts.append(text) }
        }
        return texts
    }

    private func member(_ index: Int, of place: SetPlace) -> String {
        switch place {
        case .ipset(let number):
            // A set of all other hosts is compared with this one in it.
            guard let set = set(number), index < set.elements.count else { return "(this node itself)" }
            guard let line = quotes.text(set.elements[index].place) else { return "member \(index + 1)" }
            let lead = "add \(quotes.name(set.name)) "
            return line.hasPrefix(lead) ? String(line.dropFirst(lead.count)) : line
        case .native(let number, let place):
            let table = tables[number]
            return nativeText(ofElement: index, of: table.sets[place], in: table, names: node.model.names)
        case .object, .flowtable: return ""
        }
    }

    // MARK: The host

    func setting(_ name: String) -> String { node.model.host.sysctls[name] ?? "" }

    func route(_ index: Int) -> Place {
        index < node.model.host.routes.count ? node.model.host.routes[index].place : .none
    }

    func routingRule(_ index: Int, isV6: Bool) -> Place {
        let rules = node.model.host.routingRules(isV6 ? .v6 : .v4) ?? []
        return index < rules.count ? rules[index].place : .none
    }

    func neighbour(_ index: Int) -> Place {
        index < node.model.host.neighbours.count ? node.model.host.neighbours[index].place : .none
    }

    func forwardingEntry(_ index: Int) -> Place {
        index < node.model.host.forwardingEntries.count ? node.model.host.forwardingEntries[index].place : .none
    }

    func link(_ index: Int) -> Place {
        index < node.model.host.interfaces.count ? node.model.host.interfaces[index].place : .none
    }

    func linkName(_ index: Int) -> String {
        index < node.model.host.interfaces.count ? quotes.name(node.model.host.interfaces[index].name) : ""
    }

    private func facts(_ index: Int, _ aspect: LinkAspect) -> [LinkFact] {
        guard index < node.model.host.interfaces.count else { return [] }
        return linkFacts(node.model.host.interfaces[index], aspect, of: node.model.host, node.model.names)
    }

    /// What of a link is another thing on the other side, with what it is on both.
    func changes(
        _ index: Int, _ aspect: LinkAspect, _ other: DiffSide, _ place: Int, _ countsOwn: Bool
    ) -> [(fact: String, a: String, b: String)] {
        zip(facts(index, aspect), other.facts(place, aspect)).compactMap { own, theirs in
            own.value == theirs.value || own.name != theirs.name || own.isOwn && !countsOwn
                ? nil : (own.name, own.value, theirs.value)
        }
    }
}

extension HostDifference {
    /// What it is called and where it stands on each side; `nil` for what is there on both and of another value.
    func places(_ a: DiffSide, _ b: DiffSide) -> (kind: String, a: Place?, b: Place?)? {
        switch self {
        case .setting, .link(_, .some, .some, _): nil
        case .route(let own, let other): ("route", own.map { a.route($0) }, other.map { b.route($0) })
        case .routingRule(let isV6, let own, let other):
            ("ip rule", own.map { a.routingRule($0, isV6: isV6) }, other.map { b.routingRule($0, isV6: isV6) })
        case .link(_, let own, let other, _): ("link", own.map { a.link($0) }, other.map { b.link($0) })
        case .neighbour(let own, let other): ("neighbour", own.map { a.neighbour($0) }, other.map { b.neighbour($0) })
        case .forwardingEntry(let own, let other):
            ("forwarding entry", own.map { a.forwardingEntry($0) }, other.map { b.forwardingEntry($0) })
        }
    }
}
