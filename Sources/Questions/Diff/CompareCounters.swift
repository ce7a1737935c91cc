internal import ChainGraph
internal import PathModel
internal import RuleModel

/// Gathers what counters of two snapshots of one node did.
struct CounterReading {
    private let a: DiffNode
    private let b: DiffNode
    private let isAsked: Bool
    private let isWanted: Bool
    private var comparison = CounterComparison()

    init(_ a: DiffNode, _ b: DiffNode, _ settings: DiffSettings, isOneNode: Bool) {
        self.a = a
        self.b = b
        isAsked = settings.comparesCounters
        isWanted = isAsked || isOneNode
    }

    /// Looks at the rules that two chains have in common.
    mutating func look(at a: Part, _ b: Part, _ difference: ChainDifference?) {
        guard isWanted, case .chain(let tableA, let placeA) = a.source, case .chain(let tableB, let placeB) = b.source
        else { return }
        let linkedA = self.a.model.linked
        let linkedB = self.b.model.linked
        let idA = linkedA.chainID(table: tableA, chain: placeA)
        let idB = linkedB.chainID(table: tableB, chain: placeB)
        let chainA = linkedA.chain(idA)
        let chainB = linkedB.chain(idB)
        if let base = chainB.base, let before = chainA.policyCounters, let after = chainB.policyCounters {
            note(
                .policy(a: idA, b: idB), before, after, refuses: base.policy == .drop && chainA.base?.policy == .drop)
        }
        if chainA.ruleCounters.isEmpty && !chainA.hasNativeCounters { return }
        func noteRules(_ ruleA: Int, _ ruleB: Int, _ reading: inout CounterReading) {
            guard ruleA < chainA.rules.count, ruleB < chainB.rules.count,
                let before = chainA.count(chainA.rules[ruleA]), let after = chainB.count(chainB.rules[ruleB])
            else { return }
            let counted = CounterComparison.Growth.Counted.rule(
                a: RuleReference(chain: idA, index: ruleA), b: RuleReference(chain: idB, index: ruleB))
            reading.note(counted, before, after, refuses: chainB.rules[ruleB].refuses)
        }
        if let difference {
            for pair in difference.kept { noteRules(pair.a, pair.b, &self) }
            for case .moved(let from, let to) in difference.changes { noteRules(from, to, &self) }
        } else {
            let own = a.items.indices.filter { a.items[$0].number != Part.Item.leftOut }
            let other = b.items.indices.filter { b.items[$0].number != Part.Item.leftOut }
            for (ruleA, ruleB) in zip(own, other) { noteRules(ruleA, ruleB, &self) }
        }
    }

    private mutating func note(
        _ counted: CounterComparison.Growth.Counted, _ before: Counters, _ after: Counters, refuses: Bool
    ) {
        guard isAsked || refuses else { return }
        if after.packets < before.packets {
            comparison.resetCount += 1
        } else if after.packets > before.packets {
            comparison.grown.append(
                CounterComparison.Growth(
                    counted: counted, packets: after.packets - before.packets,
                    bytes: after.bytes >= before.bytes ? after.bytes - before.bytes : 0, refuses: refuses))
        }
    }

    func result() -> CounterComparison {
        var sorted = comparison
        // What refuses first: that is what is looked for. The order is stable.
        let order = sorted.grown.indices.sorted { x, y in
            let first = sorted.grown[x]
            let second = sorted.grown[y]
            if first.refuses != second.refuses { return first.refuses }
            return first.packets == second.packets ? x < y : first.packets > second.packets
        }
        sorted.grown = order.map { comparison.grown[$0] }
        return sorted
    }
}

extension Chain {
    /// What a rule has counted: iptables counts beside it, nft in a statement.
    fileprivate func count(_ rule: Rule) -> Counters? {
        if let beside = counters(of: rule) { return beside }
        for case .target(.native(.counter(let counters))) in rule.statements { return counters }
        return nil
    }

    fileprivate var hasNativeCounters: Bool {
        rules.contains { rule in
            rule.statements.contains { statement in
                if case .target(.native(.counter)) = statement { return true }
                return false
            }
        }
    }
}

extension Rule {
    fileprivate var refuses: Bool {
        statements.contains { statement in
            if case .target(let target) = statement { return target.refuses }
            return false
        }
    }
}
