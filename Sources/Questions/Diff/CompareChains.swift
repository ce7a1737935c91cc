internal import ChainGraph
internal import PathModel
internal import RuleModel

extension Alignment {
    /// What differs between two chains that stand for each other.
    func chainDifference(
        _ a: Part?, _ nodeA: DiffNode, _ formA: NodeForm, _ b: Part?, _ nodeB: DiffNode, _ formB: NodeForm
    ) -> ChainDifference {
        var difference = ChainDifference(
            a: a.flatMap { $0.chainID(on: nodeA) }, b: b.flatMap { $0.chainID(on: nodeB) })
        guard let a, let b, let chainA = difference.a, let chainB = difference.b else {
            difference.changes =
                (a?.items.indices).map { $0.map { .removed($0) } } ?? (b?.items.indices ?? 0..<0).map { .added($0) }
            return difference
        }
        difference.hasOtherBase = a.header != b.header
        let own = a.compared
        let other = b.compared
        let pairs = lineUp(own.map { a.items[$0].number }, other.map { b.items[$0].number })
        difference.kept = pairs.map { (own[$0.a], other[$0.b]) }
        var moves = Moves(a, own, b, other, pairs)
        let rules = RulePairing(
            a: nodeA, b: nodeB, chainA: chainA, chainB: chainB, formA: formA, formB: formB)
        var start = Pair(a: 0, b: 0)
        for pair in pairs + [Pair(a: own.count, b: other.count)] {
            difference.changes += moves.changes(
                own[start.a..<pair.a], other[start.b..<pair.b], a, b, rules)
            start = Pair(a: pair.a + 1, b: pair.b + 1)
        }
        return difference
    }
}

extension Part {
    /// The items that are compared.
    fileprivate var compared: [Int] { items.indices.filter { items[$0].number != Item.leftOut } }

    fileprivate func chainID(on node: DiffNode) -> ChainID? {
        guard case .chain(let table, let chain) = source else { return nil }
        return node.model.linked.chainID(table: table, chain: chain)
    }
}

/// Which rules without a partner at their place have one elsewhere.
private struct Moves {
    /// For each rule of the second chain that was moved there where it came from, and the other way round.
    private var from: [Int: Int] = [:]
    private var to: [Int: Int] = [:]

    init(_ a: Part, _ own: [Int], _ b: Part, _ other: [Int], _ pairs: [Pair]) {
        let keptA = Set(pairs.map { $0.a })
        let keptB = Set(pairs.map { $0.b })
        var waiting: [Int32: [Int]] = [:]
        for index in own.indices.reversed() where !keptA.contains(index) {
            waiting[a.items[own[index]].number, default: []].append(own[index])
        }
        for index in other.indices where !keptB.contains(index) {
            guard let place = waiting[b.items[other[index]].number]?.popLast() else { continue }
            from[other[index]] = place
            to[place] = other[index]
        }
    }

    /// What happened between two rules that both chains have.
    mutating func changes(
        _ own: ArraySlice<Int>, _ other: ArraySlice<Int>, _ a: Part, _ b: Part, _ rules: RulePairing
    ) -> [RuleChange] {
        if own.isEmpty, other.isEmpty { return [] }
        let lost = own.filter { to[$0] == nil }
        let new = other.filter { from[$0] == nil }
        let edited = rules.edits(lost, new)
        var changes: [RuleChange] = []
        var editsByNew: [Int: (from: Int, change: StatementChange)] = [:]
        var gone = Set(lost)
        for edit in edited {
            editsByNew[edit.to] = (edit.from, edit.change)
            gone.remove(edit.from)
        }
        for rule in lost where gone.contains(rule) { changes.append(.removed(rule)) }
        for rule in other {
            if let place = from[rule] {
                changes.append(.moved(from: place, to: rule))
            } else if let edit = editsByNew[rule] {
                changes.append(.changed(from: edit.from, to: rule, edit.change))
            } else {
                changes.append(.added(rule))
            }
        }
        return changes
    }
}

/// Finds rules at one place of two chains that are one rule, edited.
private struct RulePairing {
    let a: DiffNode
    let b: DiffNode
    let chainA: ChainID
    let chainB: ChainID
    let formA: NodeForm
    let formB: NodeForm

    struct Edit {
        var from: Int
        var to: Int
        var change: StatementChange
    }

    /// A rule as its statements: what each means, and its kind.
    private struct Outline {
        var numbers: [(exact: Int32, local: Int32)]
        var kinds: [Int]
        /// Statements that say anything.
        var count: Int
    }

    /// Every pair is looked at where there are this many or fewer; beyond it each rule and its neighbours.
    private static let pairLimit = 1024

    /// Pairs of rules that differ little, ascending on both sides.
    func edits(_ lost: [Int], _ new: [Int]) -> [Edit] {
        if lost.isEmpty || new.isEmpty { return [] }
        let own = lost.map { outline($0, chainA, a, formA) }
        let other = new.map { outline($0, chainB, b, formB) }
        let isSmall = lost.count * new.count <= Self.pairLimit
        var candidates: [(score: Int, pair: Pair, change: StatementChange)] = []
        for index in lost.indices {
            let near = isSmall ? 0..<new.count : max(0, index - 2)..<max(0, min(new.count, index + 3))
            for place in near {
                guard let (score, change) = likeness(own[index], other[place]) else { continue }
                candidates.append((score, Pair(a: index, b: place), change))
            }
        }
        // The likest first; of equally like ones those at the same place.
        candidates.sort { x, y in
            if x.score != y.score { return x.score > y.score }
            let first = abs(x.pair.a - x.pair.b)
            let second = abs(y.pair.a - y.pair.b)
            return first == second ? x.pair.a < y.pair.a : first < second
        }
        var takenA: Set<Int> = []
        var takenB: Set<Int> = []
        var edits: [Edit] = []
        for candidate in candidates where !takenA.contains(candidate.pair.a) && !takenB.contains(candidate.pair.b) {
            takenA.insert(candidate.pair.a)
            takenB.insert(candidate.pair.b)
            edits.append(Edit(from: lost[candidate.pair.a], to: new[candidate.pair.b], change: candidate.change))
        }
        return edits
    }

    private func outline(_ rule: Int, _ chain: ChainID, _ node: DiffNode, _ form: NodeForm) -> Outline {
        let reference = RuleReference(chain: chain, index: rule)
        let numbers = form.statements(of: reference)
        var kinds: [Int] = []
        for statement in node.model.linked.rule(reference).statements {
            switch statement {
            case .match(let match): kinds.append(match.kind)
            case .target(let target): kinds.append(target.kind)
            }
        }
        return Outline(numbers: numbers, kinds: kinds, count: numbers.count { $0.exact >= 0 })
    }

    /// How like two rules are, in hundredths, and what differs; `nil` where they are two rules.
    ///
    /// A statement that both have counts two, one of the same kind counts one; more than half of the longer rule must
    /// be there, or half where every statement has one of its kind (`-j DROP` for `-j ACCEPT`).
    private func likeness(_ a: Outline, _ b: Outline) -> (score: Int, change: StatementChange)? {
        var left = Set(b.numbers.indices.filter { b.numbers[$0].exact >= 0 })
        var change = StatementChange()
        var same = 0
        for (index, number) in a.numbers.enumerated() where number.exact >= 0 {
            let partner = left.sorted().first {
                b.numbers[$0].exact == number.exact || b.numbers[$0].local == number.local
            }
            if let partner {
                left.remove(partner)
                same += 1
            } else {
                change.removed.append(index)
            }
        }
        change.added = left.sorted()
        var kinds = change.added.map { kind(b, $0) }
        var ofKind = 0
        for index in change.removed {
            guard let place = kinds.firstIndex(of: kind(a, index)) else { continue }
            kinds.remove(at: place)
            ofKind += 1
        }
        let longer = max(a.count, b.count)
        guard longer > 0 else { return nil }
        let reached = 2 * same + ofKind
        let isWholeOfKind = a.count == b.count && same + ofKind == longer
        guard reached > longer || (reached == longer && isWholeOfKind && longer == 1) else { return nil }
        return (reached * 50 / longer, change)
    }

    private func kind(_ outline: Outline, _ index: Int) -> Int {
        index < outline.kinds.count ? outline.kinds[index] : 0
    }
}
