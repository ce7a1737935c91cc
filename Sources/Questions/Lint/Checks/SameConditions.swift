internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// A rule that does the opposite of an earlier one with the same conditions.
let contradictingRule = LintCheck(
    "contradicting-rule",
    "rules that accept what a rule with the same conditions has dropped before, or drop what it accepted"
) { node in
    takenBefore(node).compactMap { pair in
        guard let last = ending(of: node.linked.rule(pair.later))?.accepts, let first = pair.ending.accepts,
            first != last
        else { return nil }
        var finding = LintFinding(
            .warning,
            "\(node.path(pair.later)) \(last ? "accepts" : "drops") what \(node.path(pair.earlier)), with the same conditions, has \(first ? "accepted" : "dropped") before",
            at: [node.cite(pair.later, "never gets a packet"), node.cite(pair.earlier, "takes them")],
            of: [node.linked.path(of: pair.later.chain)],
            remedies: ["delete one of the two, or give one of them other conditions"])
        finding.meaning = "only the first of both has an effect"
        return finding
    }
}

/// A rule with the same conditions as an earlier one that ends every packet it meets.
let duplicateRule = LintCheck(
    "duplicate-rule", "rules whose packets an earlier rule with the same conditions has taken already"
) { node in
    takenBefore(node).compactMap { pair in
        let own = ending(of: node.linked.rule(pair.later))
        if let first = pair.ending.accepts, let last = own?.accepts, first != last { return nil }
        let isSame = own == pair.ending
        var finding = LintFinding(
            isSame ? .hint : .warning,
            isSame
                ? "\(node.path(pair.later)) says again what \(node.path(pair.earlier)) says"
                : "\(node.path(pair.later)) never gets a packet: \(node.path(pair.earlier)), with the same conditions, ends their way",
            at: [node.cite(pair.later, "never gets a packet"), node.cite(pair.earlier, "takes them")],
            of: [node.linked.path(of: pair.later.chain)],
            remedies: [
                isSame ? "delete the later one" : "put it before \(node.path(pair.earlier)), or delete it"
            ])
        finding.meaning = isSame ? "the later one has no effect" : "the rule does nothing"
        return finding
    }
}

private struct TakenRule {
    var later: RuleReference
    var earlier: RuleReference
    var ending: RuleEnding
}

/// Rules of the operator's whose packets an earlier rule of the chain with the same conditions ends.
///
/// What a condition asks for must be the same at both: nothing between them may have changed it.
private func takenBefore(_ node: LintedNode) -> [TakenRule] {
    let fieldsChange = node.writesFields
    var found: [TakenRule] = []
    for chain in node.chainIDs {
        let rules = node.linked.chain(chain).rules
        if rules.count < 2 { continue }
        var first: [[Match]: (index: Int, ending: RuleEnding, age: Int)] = [:]
        // Counts the rules so far that may have changed something.
        var age = 0
        for (index, rule) in rules.enumerated() {
            let own = conditions(of: rule)
            let steadiness = own.map { Steadiness($0, fieldsChange: fieldsChange) }.min() ?? .always
            if steadiness != .none {
                if let earlier = first[own], steadiness == .always || earlier.age == age {
                    let later = RuleReference(chain: chain, index: index)
                    if node.isOperators(later) {
                        let before = RuleReference(chain: chain, index: earlier.index)
                        found.append(TakenRule(later: later, earlier: before, ending: earlier.ending))
                    }
                } else if let ending = ending(of: rule) {
                    first[own] = (index, ending, age)
                }
            }
            if changesSomething(rule) { age += 1 }
        }
    }
    return found
}
