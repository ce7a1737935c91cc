internal import ChainGraph
internal import KernelLink
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel

extension Comparison {
    /// Rules and policies of legacy tables, which have no trace: those that either counts more often than the other.
    func countDifferences(_ way: Way) -> [String] {
        struct Place: Hashable {
            var chain: ChainKey
            /// `nil`: the policy.
            var number: Int?
        }
        var ours: [Place: UInt64] = [:]
        var possible: [Place: UInt64] = [:]
        for step in visible(way) {
            // The kernel counts once all of a rule's matches have held (net/ipv4/netfilter/ip_tables.c `ipt_do_table`).
            let place: Place
            switch step.kind {
            case .rule(let rule) where !isTraced(rule.rule.chain):
                if rule.isDropOfMatch, !rule.isCounted { continue }
                place = Place(chain: key(rule.rule.chain), number: rule.rule.index + 1)
            case .policy(let chain, _) where !isTraced(chain): place = Place(chain: key(chain))
            default: continue
            }
            possible[place, default: 0] += 1
            if step.isCertain { ours[place, default: 0] += 1 }
        }
        var kernel: [Place: UInt64] = [:]
        for count in seen.counts {
            let family: TableFamily = count.rule.version == .v4 ? .ip : .ip6
            let chain = ChainKey(family, count.rule.table, count.rule.chain)
            kernel[Place(chain: chain, number: count.rule.number)] = count.packets
        }
        let hasCopies = seen.hasCopies || !seen.isTraced && (copies(way) > 0 || getsCopy(way))
        for place in Set(ours.keys).union(kernel.keys).sorted(by: { "\($0)" < "\($1)" }) {
            let told = ours[place, default: 0]
            let counted = kernel[place, default: 0]
            // The kernel's own packets may have met further ones, and what TEE sends has.
            let isAlone = seen.answers.isEmpty && !hasCopies && !seen.hasOthers
            if told > counted || possible[place, default: 0] < counted && isAlone {
                // A chain without rules takes no step.
                if told == 0, place.number == nil, !hasRules(place.chain) { continue }
                let what = place.number.map { "rule \(place.chain) \($0)" } ?? "policy of \(place.chain)"
                return ["\(what): the kernel counted \(counted), hookline tells \(told)"]
            }
        }
        return []
    }

    private func hasRules(_ chain: ChainKey) -> Bool {
        linked.chainIDs.contains { index in
            let id = ChainID(index)
            return !linked.chain(id).rules.isEmpty && !isTraced(id) && key(id) == chain
        }
    }
}
