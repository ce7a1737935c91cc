internal import ChainGraph
internal import RuleModel
internal import SourceText

/// What annotators read of a rule beside its statements.
struct RuleFacts {
    let linked: LinkedRuleset
    let reference: RuleReference

    var rule: Rule { linked.rule(reference) }
    var chain: ChainFacts { ChainFacts(linked: linked, id: reference.chain) }

    /// The comments of the rule, in its order; for nft the one that a rule may have.
    var comments: [String] {
        var found: [String] = []
        for statement in rule.statements {
            if case .match(.comment(let symbol)) = statement { found.append(linked.name(symbol)) }
        }
        return found
    }

    /// The chain that the rule jumps or goes to.
    var jump: String? { jumpSymbol.map { linked.name($0) } }

    var jumpSymbol: Symbol? {
        for statement in rule.statements.reversed() {
            switch statement {
            case .target(.jump(let name)), .target(.goto(let name)): return name
            case .match, .target: continue
            }
        }
        return nil
    }

    /// The same, where the table has it.
    var jumpTarget: ChainID? { jumpSymbol.flatMap { linked.sibling(of: reference.chain, named: $0) } }
}

/// What annotators read of a chain.
struct ChainFacts {
    let linked: LinkedRuleset
    let id: ChainID

    var name: String { linked.name(linked.chain(id).name) }
    var table: Table { linked.table(of: id) }
    var tableName: String { linked.name(table.name) }
    var isBase: Bool { linked.chain(id).base != nil }

    var rules: [Rule] { linked.chain(id).rules }

    /// The chain `name` of the same table.
    func sibling(_ name: String) -> ChainFacts? {
        guard let symbol = linked.names.find(name), let id = linked.sibling(of: id, named: symbol) else { return nil }
        return ChainFacts(linked: linked, id: id)
    }

    /// The chain `name` of iptables' table `table` for the same version of IP.
    func cousin(_ name: String, table: IptablesTable) -> ChainFacts? {
        guard let symbol = linked.names.find(name) else { return nil }
        let family = self.table.family
        for (index, other) in linked.ruleset.tables.enumerated()
        where other.iptables == table && other.family == family {
            if let id = linked.chainID(table: index, named: symbol) { return ChainFacts(linked: linked, id: id) }
        }
        return nil
    }

    /// The first rule that leads here.
    var caller: RuleFacts? { linked.firstCaller(of: id).map { RuleFacts(linked: linked, reference: $0) } }

    func facts(_ index: Int) -> RuleFacts {
        RuleFacts(linked: linked, reference: RuleReference(chain: id, index: index))
    }

    /// The comments of the chain's rules, in their order.
    func comments(first count: Int = 64) -> [String] {
        var found: [String] = []
        for index in linked.chain(id).rules.indices.prefix(count) { found += facts(index).comments }
        return found
    }
}
