internal import ChainGraph
internal import RuleModel
internal import SourceText

/// What annotators read of a rule beside its statements.
struct RuleFacts {
    let linked: LinkedRuleset
    let reference: RuleReference

    var rule: Rule { linked.rule(reference) }

    /// The comments of the rule, in its order; for nft the one that a rule may have.
    var comments: [String] {
        var found: [String] = []
        for statement in rule.statements {
            if case .match(.comment(let symbol)) = statement { found.append(linked.name(symbol)) }
        }
        return found
    }

    /// The chain that the rule jumps or goes to.
    var jump: String? {
        switch rule.target {
        case .jump(let name)?, .goto(let name)?: linked.name(name)
        default: nil
        }
    }
}

/// What annotators read of a chain.
struct ChainFacts {
    let linked: LinkedRuleset
    let id: ChainID

    var name: String { linked.name(linked.chain(id).name) }
    var table: Table { linked.table(of: id) }
    var tableName: String { linked.name(table.name) }
    var isBase: Bool { linked.chain(id).base != nil }

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
