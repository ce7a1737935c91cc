internal import RuleModel
public import SourceText

/// Something wrong with how chains hang together.
public struct LinkFinding: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// A jump to a chain that is not in the table.
        case danglingJump(RuleReference, name: Symbol)
        /// Chains that jump to each other in a circle: the kernel refuses to load them.
        case loop([ChainID])
        /// Jumps nested deeper than nf_tables allows (16). Source: include/net/netfilter/nf_tables.h
        /// `NFT_JUMP_STACK_SIZE`.
        case tooDeep(ChainID, depth: Int)
        /// A user chain that nothing jumps to.
        case unreferenced(ChainID)
        /// The same name twice in one table.
        case duplicateChain(ChainID)
        /// A jump to a base chain: the kernel refuses it.
        case jumpToBaseChain(RuleReference)
    }

    public let kind: Kind
    public let place: Place
}

/// Jumps nest at most this deep in nf_tables.
public let nfTablesJumpLimit = 16

func findLinkProblems(
    _ ruleset: Ruleset, _ locations: [(table: Int, chain: Int)], _ jumps: [[Jump]]
) -> [LinkFinding] {
    var findings: [LinkFinding] = []
    func chain(_ index: Int) -> Chain { ruleset.tables[locations[index].table].chains[locations[index].chain] }
    var isReferenced = [Bool](repeating: false, count: locations.count)
    for (index, own) in jumps.enumerated() {
        for jump in own {
            let reference = RuleReference(chain: ChainID(index), index: jump.rule)
            let place = chain(index).rules[jump.rule].place
            guard let target = jump.target else {
                findings.append(LinkFinding(kind: .danglingJump(reference, name: jump.name), place: place))
                continue
            }
            isReferenced[target.index] = true
            if chain(target.index).base != nil {
                findings.append(LinkFinding(kind: .jumpToBaseChain(reference), place: place))
            }
        }
    }
    var seen: Set<TableAndName> = []
    for (index, location) in locations.enumerated() {
        let own = chain(index)
        if !seen.insert(TableAndName(table: location.table, name: own.name)).inserted {
            findings.append(LinkFinding(kind: .duplicateChain(ChainID(index)), place: own.place))
        } else if own.base == nil, !isReferenced[index] {
            findings.append(LinkFinding(kind: .unreferenced(ChainID(index)), place: own.place))
        }
    }
    return findings + findLoopsAndDepth(locations, jumps, ruleset)
}

private struct TableAndName: Hashable {
    let table: Int
    let name: Symbol
}

/// Walks the jumps depth first with a stack of its own, so that 10,000 nested chains cost no recursion.
private func findLoopsAndDepth(
    _ locations: [(table: Int, chain: Int)], _ jumps: [[Jump]], _ ruleset: Ruleset
) -> [LinkFinding] {
    enum Mark { case new, open, done }
    var findings: [LinkFinding] = []
    var marks = [Mark](repeating: .new, count: locations.count)
    /// Levels of jumps below a chain; goto adds none.
    var depth = [Int](repeating: 0, count: locations.count)
    for root in locations.indices where marks[root] == .new {
        var stack: [(chain: Int, next: Int)] = [(root, 0)]
        marks[root] = .open
        while let top = stack.last {
            guard top.next < jumps[top.chain].count else {
                marks[top.chain] = .done
                stack.removeLast()
                continue
            }
            stack[stack.count - 1].next += 1
            guard let target = jumps[top.chain][top.next].target?.index else { continue }
            switch marks[target] {
            case .new:
                marks[target] = .open
                stack.append((target, 0))
            case .open:
                guard let start = stack.firstIndex(where: { $0.chain == target }) else { continue }
                let loop = stack[start...].map { ChainID($0.chain) }
                let location = locations[target]
                let place = ruleset.tables[location.table].chains[location.chain].place
                findings.append(LinkFinding(kind: .loop(loop), place: place))
                // One loop found through this chain is told once.
                marks[target] = .done
            case .done: break
            }
        }
    }
    // Depth in an order where targets come first: repeat the walk on the now known acyclic part.
    for (index, value) in jumpDepths(jumps).enumerated() { depth[index] = value }
    for (index, location) in locations.enumerated() {
        let table = ruleset.tables[location.table]
        let chain = table.chains[location.chain]
        guard table.backend == .nfTables, chain.base != nil, depth[index] >= nfTablesJumpLimit else { continue }
        findings.append(LinkFinding(kind: .tooDeep(ChainID(index), depth: depth[index]), place: chain.place))
    }
    return findings
}

/// For each chain how many levels of chains lie below it; chains of a loop count once.
func jumpDepths(_ jumps: [[Jump]]) -> [Int] {
    var depth = [Int](repeating: -1, count: jumps.count)
    for root in jumps.indices where depth[root] < 0 {
        var stack: [(chain: Int, next: Int)] = [(root, 0)]
        depth[root] = 0
        while let top = stack.last {
            guard top.next < jumps[top.chain].count else {
                stack.removeLast()
                if let parent = stack.last {
                    depth[parent.chain] = max(depth[parent.chain], depth[top.chain] + 1)
                }
                continue
            }
            stack[stack.count - 1].next += 1
            guard let target = jumps[top.chain][top.next].target?.index else { continue }
            if depth[target] < 0 {
                depth[target] = 0
                stack.append((target, 0))
            } else {
                depth[top.chain] = max(depth[top.chain], depth[target] + 1)
            }
        }
    }
    return depth
}
