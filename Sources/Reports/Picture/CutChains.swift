internal import Annotations
internal import ChainGraph
internal import RuleModel

/// Which chains are left of a rule set, as `ChainPictureSettings` says.
struct ChainCut {
    let linked: LinkedRuleset
    let settings: ChainPictureSettings
    /// By chain, the maker of each.
    let owners: [Maker?]

    /// By chain, whether it is shown.
    func kept() -> [Bool] {
        var kept = linked.chainIDs.map { isOfTable(ChainID($0)) }
        if !settings.hooks.isEmpty {
            keep(&kept, only: reached(from: linked.chainIDs.filter { kept[$0] && isAtHook(ChainID($0)) }, limit: nil))
        }
        if settings.chains.isEmpty {
            if let depth = settings.depth {
                keep(&kept, only: reached(from: firstChains(kept), limit: depth))
            }
        } else {
            let asked = linked.chainIDs.filter { kept[$0] && isAskedFor(ChainID($0)) }
            let below = reached(from: asked, limit: settings.depth)
            let above = leading(to: asked)
            keep(&kept, only: zip(below, above).map { $0 || $1 })
        }
        if !settings.owners.isEmpty {
            keep(&kept, only: leading(to: linked.chainIDs.filter { kept[$0] && isOfOwner(ChainID($0)) }))
        }
        return kept
    }

    private func keep(_ kept: inout [Bool], only others: [Bool]) {
        for index in kept.indices where !others[index] { kept[index] = false }
    }

    private func isOfTable(_ chain: ChainID) -> Bool {
        if settings.tables.isEmpty { return true }
        let table = linked.table(of: chain)
        let name = linked.name(table.name)
        return settings.tables.contains { $0 == name || $0 == "\(table.family.name) \(name)" }
    }

    private func isAtHook(_ chain: ChainID) -> Bool {
        linked.chain(chain).base.map { settings.hooks.contains($0.hook) } ?? false
    }

    private func isAskedFor(_ chain: ChainID) -> Bool {
        settings.chains.contains(linked.name(linked.chain(chain).name))
    }

    private func isOfOwner(_ chain: ChainID) -> Bool {
        settings.owners.contains(owners[chain.index].map { .maker($0) } ?? .unknown)
    }

    /// Base chains and those that no rule leads to.
    private func firstChains(_ kept: [Bool]) -> [Int] {
        linked.chainIDs.filter {
            kept[$0] && (linked.chain(ChainID($0)).base != nil || linked.firstCaller(of: ChainID($0)) == nil)
        }
    }

    /// By chain, whether it is one of `roots` or at most `limit` jumps behind one.
    private func reached(from roots: [Int], limit: Int?) -> [Bool] {
        walk(from: roots, limit: limit) { chain in linked.jumps[chain].compactMap { $0.target?.index } }
    }

    /// By chain, whether it is one of `ends` or leads to one.
    private func leading(to ends: [Int]) -> [Bool] {
        var callers = [[Int]](repeating: [], count: linked.chainCount)
        for index in linked.chainIDs {
            for jump in linked.jumps[index] {
                guard let target = jump.target, callers[target.index].last != index else { continue }
                callers[target.index].append(index)
            }
        }
        return walk(from: ends, limit: nil) { callers[$0] }
    }

    /// Breadth first, so that the first way to a chain is a shortest one.
    private func walk(from roots: [Int], limit: Int?, _ next: (Int) -> [Int]) -> [Bool] {
        var isSeen = [Bool](repeating: false, count: linked.chainCount)
        for root in roots { isSeen[root] = true }
        var level = roots
        var depth = 0
        while !level.isEmpty, limit.map({ depth < $0 }) ?? true {
            var following: [Int] = []
            for chain in level {
                for target in next(chain) where !isSeen[target] {
                    isSeen[target] = true
                    following.append(target)
                }
            }
            level = following
            depth += 1
        }
        return isSeen
    }
}
