internal import ChainGraph

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
        var all = calico.marks?.meanings(of: .max) ?? []
        for maker in makersPresent { all += OtherMakers.marks(of: maker) }
        return all
    }

    /// Makers of chains besides Calico.
    private var makersPresent: Set<Maker> {
        var makers: Set<Maker> = []
        for index in linked.chainIDs {
            let facts = ChainFacts(linked: linked, id: ChainID(index))
            let name = facts.name
            // What there are thousands of is not asked for one by one.
            if name.hasPrefix("cali-") || name.hasPrefix("KUBE-S") || name.hasPrefix("KUBE-EXT-") { continue }
            if let purpose = purpose(of: facts.id) { makers.insert(purpose.maker) }
        }
        return makers
    }
}
