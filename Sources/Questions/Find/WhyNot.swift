public import ChainGraph
public import HeaderSpace
public import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Why packets that a rule is meant for do not come to it.
public struct WhyNotAnswer {
    public var rule: RuleReference
    public var version: IPVersion
    public var space: PacketSpace
    /// What was asked about.
    public var asked: PacketSet
    /// Of them, those that come to the rule's chain.
    public var entering: PacketSet
    /// Of those, the ones for which the rule's matches would hold if it were the first of its chain.
    public var wanted: PacketSet
    /// Those that it gets.
    public var got: PacketSet
    /// What earlier rules of the chain take of `wanted`, in their order.
    public var taken: [Taken]
    /// Rules that lead to the chain.
    public var callers: [RuleReference]

    public struct Taken {
        public var rule: RuleReference
        public var packets: PacketSet
        /// Rules of the chains that `rule` leads to which take them there.
        public var inside: [(rule: RuleReference, packets: PacketSet)]
    }

    /// How much of `whole` is in `part`, from 0 to 1, counted in bit patterns.
    public func share(_ part: PacketSet, of whole: PacketSet) -> Double {
        let all = space.share(space.possibly(whole))
        return all == 0 ? 0 : space.share(space.possibly(part)) / all
    }
}

extension Finder {
    /// Follows all packets through the rules with a copy of the rule's matches, which do nothing, at the head of its chain:
    /// so the rule's packets are known as they come there, behind NAT and routing.
    public func whyNot(_ rule: RuleReference, _ version: IPVersion) -> WhyNotAnswer {
        let chain = rule.chain
        let table = model.linked.tableIndex(of: chain)
        var ruleset = model.linked.ruleset
        var copy = model.linked.rule(rule)
        copy.statements = Array(copy.statements.prefix { if case .match = $0 { true } else { false } })
        let place = chain.index - model.linked.chainID(table: table, chain: 0).index
        ruleset.tables[table].chains[place].rules.insert(copy, at: 0)
        let changed = HostModel(ruleset, model.host, names: model.names, unreadRules: model.unreadRules)
        var own = self
        own.model = changed
        let space = own.space(version)
        let (asked, analyses) = own.analyses(space, recordsRules: true)
        func shifted(_ index: Int) -> RuleReference { RuleReference(chain: chain, index: index + 1) }
        func reached(_ rule: RuleReference) -> PacketSet { space.union(analyses.compactMap { $0.reached[rule] }) }
        func hits(_ rule: RuleReference) -> PacketSet { space.union(analyses.compactMap { $0.hits[rule] }) }
        let head = RuleReference(chain: chain, index: 0)
        let wanted = hits(head)
        var taken: [WhyNotAnswer.Taken] = []
        var rest = space.and(wanted, reached(shifted(0)))
        for index in 0..<rule.index {
            if rest.isEmpty { break }
            let next = space.and(rest, reached(shifted(index + 1)))
            let lost = space.subtract(rest, next)
            rest = next
            if lost.isEmpty { continue }
            let inside = model.linked.chains(behind: RuleReference(chain: chain, index: index)).flatMap { chain in
                model.linked.chain(chain).rules.enumerated().compactMap {
                    (index, rule) -> (rule: RuleReference, packets: PacketSet)? in
                    guard rule.endsPackets else { return nil }
                    let reference = RuleReference(chain: chain, index: index)
                    let own = space.and(lost, hits(reference))
                    return own.isEmpty ? nil : (reference, own)
                }
            }
            taken.append(
                WhyNotAnswer.Taken(rule: RuleReference(chain: chain, index: index), packets: lost, inside: inside))
        }
        return WhyNotAnswer(
            rule: rule, version: version, space: space, asked: asked, entering: reached(head), wanted: wanted,
            got: hits(shifted(rule.index)), taken: taken, callers: model.linked.callers(of: chain))
    }
}

extension LinkedRuleset {
    /// Chains that packets may come to from a rule.
    fileprivate func chains(behind rule: RuleReference) -> [ChainID] {
        var open = jumps[rule.chain.index].filter { $0.rule == rule.index }.compactMap { $0.target }
        var seen: Set<ChainID> = []
        var result: [ChainID] = []
        while let next = open.popLast() {
            if !seen.insert(next).inserted { continue }
            result.append(next)
            open += jumps[next.index].compactMap { $0.target }
        }
        return result.sorted()
    }
}

extension Rule {
    /// Whether packets it matches leave the base chain, or its own for good.
    fileprivate var endsPackets: Bool {
        switch target {
        case .accept, .drop, .reject, .queue, .nfQueue, .dnat, .snat, .masquerade, .redirect, .netmap, .tproxy: true
        case .native(.translate), .native(.reject), .native(.queue), .native(.verdictMap): true
        default: false
        }
    }
}
