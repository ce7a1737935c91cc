internal import NetTypes
internal import RuleModel
internal import SourceText

// The tables that iptables-nft made, read as iptables-save shows them.
extension Lifter {
    /// Reads all rules: those of the tables of iptables as its own.
    mutating func readRules(_ dump: KernelDump) {
        for (number, name) in dump.ipsets { setNames[number] = names.intern(name.span) }
        let kinds = reading.tables.map { iptablesTable($0) }
        var pending = kinds.map { _ in [Attributes]() }
        for message in dump.rules where open(message, 1) {
            let data = Attributes(message: message)
            if kinds[table] == nil { readRule(data) } else { pending[table].append(data) }
        }
        for (index, kind) in kinds.enumerated() {
            guard let kind else { continue }
            table = index
            family = reading.tables[index].family
            if !readIptables(kind, pending[index]) {
                for data in pending[index] { readRule(data) }
            }
        }
    }

    /// Which of iptables' tables this one is, as far as its name and chains tell; `nil` where they are not just so.
    private func iptablesTable(_ table: Table) -> IptablesTable? {
        guard table.family == .ip || table.family == .ip6, !table.isOwned, !table.isDormant,
            !table.chains.isEmpty,
            let kind = IptablesTable.allCases.first(where: { $0.name == names.text(table.name) })
        else { return nil }
        for chain in table.chains {
            let builtIn = kind.base(
                chain: names.text(chain.name), policy: chain.base?.policy ?? .accept, backend: .nfTables)
            guard chain.base == builtIn, chain.devices.isEmpty else { return nil }
        }
        return kind
    }

    /// Reads the rules of a table that may be iptables'; false, and nothing read, where they are nft's own: without
    /// matches and targets of x_tables, and in forms that iptables does not write, such as without a counter, or beside
    /// sets.
    private mutating func readIptables(_ kind: IptablesTable, _ messages: [Attributes]) -> Bool {
        var rules: [(chain: Int, rule: IptablesRule, handle: UInt64)] = []
        let own = reading.tables[table]
        var isWhole = own.sets.isEmpty && own.objects.isEmpty && own.flowtables.isEmpty
        var hasExtensions = false
        let version: IPVersion = family == .ip6 ? .v6 : .v4
        for data in messages {
            guard let chain = chain(data) else { continue }
            let list = data.nest(4).map { expressions($0) } ?? []
            let comment = symbol(UserData(data.bytes(7)).text(0))
            var reader = IptablesRuleReader(version: version, sets: setNames)
            swap(&reader.names, &names)
            let rule = reader.read(list, comment: comment)
            swap(&reader.names, &names)
            if !rule.unknowns.isEmpty || rule.counters == nil || rule.isForeign { isWhole = false }
            if rule.hasExtensions { hasExtensions = true }
            rules.append((chain, rule, data.number(3) ?? 0))
        }
        guard isWhole || hasExtensions else { return false }
        for (chain, rule, handle) in rules {
            var made = Rule(
                statements: rule.statements, place: .none, handle: UInt32(truncatingIfNeeded: handle))
            if let counters = rule.counters {
                made.counters = CountersIndex(reading.tables[table].chains[chain].ruleCounters.count)
                reading.tables[table].chains[chain].ruleCounters.append(counters)
            }
            reading.tables[table].chains[chain].rules.append(made)
            if rule.joinsNegatedPorts { reading.tables[table].joinsNegatedPorts = true }
            tell(rule.unknowns, chain, handle)
        }
        for chain in reading.tables[table].chains.indices
        where reading.tables[table].chains[chain].policyCounters == nil {
            reading.tables[table].chains[chain].policyCounters = Counters(packets: 0, bytes: 0)
        }
        sortChains()
        reading.tables[table].iptables = kind
        reading.isManagedByIptables[table] = true
        return true
    }
}

extension Lifter {
    /// In the order in which iptables-save writes chains: the built-in ones by hook, then the others by name.
    private mutating func sortChains() {
        let chains = reading.tables[table].chains
        var builtIn = chains.filter { $0.base != nil }
        builtIn.sort { ($0.base?.hook.rawValue ?? 0) < ($1.base?.hook.rawValue ?? 0) }
        var others = chains.filter { $0.base == nil }
        others.sort { names.bytes($0.name).lexicographicallyPrecedes(names.bytes($1.name)) }
        reading.tables[table].chains = builtIn + others
    }
}

/// A rule as iptables has it.
struct IptablesRule: Sendable {
    var statements: [Statement] = []
    var counters: Counters?
    /// Whether two negated ports are compared as one number.
    var joinsNegatedPorts = false
    var hasExtensions = false
    /// Whether it has forms that mean the same as one of iptables, but that iptables-nft writes otherwise.
    var isForeign = false
    /// Names of what is not understood.
    var unknowns: [Symbol] = []
}
