internal import ChainGraph
internal import RuleModel
internal import SourceText

extension AnnotatedRuleset {
    /// What `bits` of the packet's mark say to the programs whose rules there are, each bit's meanings together.
    public func meanings(ofMark bits: UInt32) -> [MarkMeaning] {
        let meanings = allMeanings.filter { $0.mask & bits != 0 }
        return meanings.sorted { a, b in
            let first = a.mask.trailingZeroBitCount
            let second = b.mask.trailingZeroBitCount
            return first == second ? a.maker.rawValue < b.maker.rawValue : first < second
        }
    }

    /// Bits that two programs use for different things: each reads what the other wrote.
    public var markClashes: [(first: MarkMeaning, second: MarkMeaning)] {
        let all = allMeanings
        var clashes: [(first: MarkMeaning, second: MarkMeaning)] = []
        for (index, first) in all.enumerated() {
            for second in all[(index + 1)...] where first.maker != second.maker && first.mask & second.mask != 0 {
                clashes.append((first, second))
            }
        }
        return clashes
    }

    private var allMeanings: [MarkMeaning] {
        (calico.marks?.meanings(of: .max) ?? []) + OtherMakers.marks(where: hasChain)
    }

    private func hasChain(_ name: String) -> Bool {
        guard let symbol = linked.names.find(name) else { return false }
        return linked.ruleset.tables.indices.contains { linked.chainID(table: $0, named: symbol) != nil }
    }
}
