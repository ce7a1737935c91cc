internal import ChainGraph
internal import PathModel
internal import RuleModel
internal import SourceText

/// Nodes that are compared, taken in one after the other. Of each stays what its parts mean: the node itself need not be
/// held, so that a thousand fit.
///
/// Time grows with the rules of all nodes together; only one node of each group is compared rule by rule.
public struct ComparedNodes {
    private let settings: DiffSettings
    private let meanings = MeaningTable()
    private var forms: [NodeForm] = []
    private var names: [String] = []
    private var notCompared: [String] = []

    public init(_ settings: DiffSettings = DiffSettings()) { self.settings = settings }

    public mutating func add(_ node: DiffNode) {
        forms.append(NodeForm(node, meanings, settings))
        names.append(node.name)
        notCompared += node.notCompared
    }

    /// Which nodes are equal, and what the others have that differs.
    ///
    /// - Parameter node: the node of a number, which is asked for once for each group, its first, where there are several.
    public func compare<Failure>(
        _ node: (Int) throws(Failure) -> DiffNode
    ) throws(Failure) -> NodeComparison {
        let alignment = Alignment(forms, meanings, settings)
        let groups = alignment.groups()
        var result = NodeComparison(
            names: names, groups: [], areOneNode: alignment.areOneNode, notCompared: notCompared)
        var usual: DiffNode?
        for group in groups {
            var difference: Diff?
            if groups.count > 1, let own = group.first {
                let other = try node(own)
                if let usual, let first = groups.first?.first {
                    difference = alignment.difference(first, usual, own, other)
                } else {
                    usual = other
                }
            }
            result.groups.append(NodeComparison.Group(nodes: group, difference: difference))
        }
        return result
    }
}

/// Compares nodes: which are equal, and what the others have that differs.
public func compare(_ nodes: [DiffNode], _ settings: DiffSettings = DiffSettings()) -> NodeComparison {
    var taken = ComparedNodes(settings)
    for node in nodes { taken.add(node) }
    return taken.compare { nodes[$0] }
}

/// Compares two nodes; the first is the one that was, or that is meant.
public func compare(_ a: DiffNode, _ b: DiffNode, _ settings: DiffSettings = DiffSettings()) -> Diff {
    let meanings = MeaningTable()
    let forms = [a, b].map { NodeForm($0, meanings, settings) }
    return Alignment(forms, meanings, settings).difference(0, a, 1, b)
}

extension Alignment {
    /// What differs between the nodes with the numbers `a` and `b`.
    func difference(_ a: Int, _ nodeA: DiffNode, _ b: Int, _ nodeB: DiffNode) -> Diff {
        var chains: [ChainDifference] = []
        var sets: [SetDifference] = []
        var host: [HostDifference] = []
        var leftOut = LeftOut()
        var counters = CounterReading(nodeA, nodeB, settings, isOneNode: areOneNode)
        for slot in slots(of: a, and: b) {
            let own = part(slot, of: a)
            let other = part(slot, of: b)
            guard let whole = own ?? other else { continue }
            if own == nil || other == nil, !isNeeded(whole.need) {
                leftOut.count(whole, isOfA: own != nil)
                continue
            }
            if let own, let other {
                leftOut.rulesOfA += own.leftOutCount
                leftOut.rulesOfB += other.leftOutCount
            }
            let isSame = own?.content == other?.content
            switch whole.source {
            case .chain:
                let found = isSame ? nil : chainDifference(own, nodeA, forms[a], other, nodeB, forms[b])
                if let own, let other { counters.look(at: own, other, found) }
                if let found { chains.append(found) }
            case .set, .nativeSet, .object, .flowtable: if !isSame { sets.append(setDifference(own, other)) }
            case .setting, .routes, .routingRules, .link, .neighbours, .forwardingEntries:
                if !isSame { host += hostDifferences(own, other) }
            }
        }
        var diff = Diff(a: a, b: b, sections: [], leftOut: leftOut, areOneNode: areOneNode)
        if !chains.isEmpty { diff.sections.append(.chains(chains)) }
        if !sets.isEmpty { diff.sections.append(.sets(sets)) }
        if !host.isEmpty { diff.sections.append(.host(host)) }
        let growth = counters.result()
        if !growth.grown.isEmpty || growth.resetCount > 0 { diff.sections.append(.counters(growth)) }
        return diff
    }

    /// In the order of the first node's parts; those that only the second has stand behind.
    private func slots(of a: Int, and b: Int) -> [Int] {
        var slots: [Int] = []
        var seen: Set<Int> = []
        for part in forms[a].parts + forms[b].parts where seen.insert(part.slot).inserted { slots.append(part.slot) }
        return slots
    }

    // MARK: Sets and the host

    private func setDifference(_ a: Part?, _ b: Part?) -> SetDifference {
        var difference = SetDifference(a: a?.setPlace, b: b?.setPlace)
        guard let a, let b else { return difference }
        let (removed, added) = Self.unordered(a, b)
        difference.removed = removed
        difference.added = added
        difference.hasOtherType = a.header != b.header
        return difference
    }

    private func hostDifferences(_ a: Part?, _ b: Part?) -> [HostDifference] {
        // Of a link that only one has its state tells it.
        let countsOwn = areOneNode || settings.isExact
        if case .link(let index, .state)? = a?.source, b == nil {
            return [.link(.state, a: index, b: nil, countsOwn: countsOwn)]
        }
        if case .link(let index, .state)? = b?.source, a == nil {
            return [.link(.state, a: nil, b: index, countsOwn: countsOwn)]
        }
        guard let a, let b else { return [] }
        switch (a.source, b.source) {
        case (.link(let own, let aspect), .link(let other, _)):
            return [.link(aspect, a: own, b: other, countsOwn: countsOwn)]
        case (.neighbours, _):
            let (removed, added) = Self.unordered(a, b)
            return removed.map { .neighbour(a: $0, b: nil) } + added.map { .neighbour(a: nil, b: $0) }
        case (.forwardingEntries, _):
            let (removed, added) = Self.unordered(a, b)
            return removed.map { .forwardingEntry(a: $0, b: nil) } + added.map { .forwardingEntry(a: nil, b: $0) }
        case (.setting(let own), .setting(let other)): return [.setting(a: own, b: other)]
        case (.routes, _):
            let (removed, added) = Self.unordered(a, b)
            return removed.map { .route(a: $0, b: nil) } + added.map { .route(a: nil, b: $0) }
        case (.routingRules(let isV6), _):
            let (removed, added) = Self.unordered(a, b)
            return removed.map { .routingRule(isV6: isV6, a: $0, b: nil) }
                + added.map { .routingRule(isV6: isV6, a: nil, b: $0) }
        default: return []
        }
    }

    /// The items that only one of two parts has.
    private static func unordered(_ a: Part, _ b: Part) -> (removed: [Int], added: [Int]) {
        func unmatched(_ own: Part, _ other: Part) -> [Int] {
            var left: [Int32: Int] = [:]
            for item in other.items { left[item.number, default: 0] += 1 }
            var found: [Int] = []
            for (index, item) in own.items.enumerated() where item.number != Part.Item.leftOut {
                let count = left[item.number, default: 0]
                if count > 0 { left[item.number] = count - 1 } else { found.append(index) }
            }
            return found
        }
        return (unmatched(a, b), unmatched(b, a))
    }
}

extension LeftOut {
    fileprivate mutating func count(_ part: Part, isOfA: Bool) {
        switch part.source {
        case .chain:
            if isOfA {
                chainsOfA += 1
                rulesOfA += part.items.count
            } else {
                chainsOfB += 1
                rulesOfB += part.items.count
            }
        case .set: if isOfA { setsOfA += 1 } else { setsOfB += 1 }
        case .nativeSet, .object, .flowtable, .setting, .routingRules, .routes, .link, .neighbours,
            .forwardingEntries:
            break
        }
    }
}

extension Part {
    fileprivate var leftOutCount: Int {
        guard case .chain = source else { return 0 }
        var count = 0
        for item in items where item.number == Item.leftOut { count += 1 }
        return count
    }

    fileprivate var setPlace: SetPlace? {
        switch source {
        case .set(let index): .ipset(index)
        case .nativeSet(let table, let set): .native(table: table, set: set)
        case .object(let table, let object): .object(table: table, object: object)
        case .flowtable(let table, let flowtable): .flowtable(table: table, flowtable: flowtable)
        case .chain, .setting, .routingRules, .routes, .link, .neighbours, .forwardingEntries: nil
        }
    }
}
