internal import ChainGraph
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Every way through chains of both backends at one priority, in both orders where it matters which it is.
    func inEitherOrder(
        _ legacyFirst: [ChainID], _ nfTablesFirst: [ChainID], _ entering: WalkState,
        _ run: ([ChainID], WalkState) -> [WalkState]
    ) -> [WalkState] {
        guard let chain = legacyFirst.first else { return [entering] }
        let path = model.linked.path(of: chain)
        let unknown = Unknown(
            "order@\(path)", yes: "legacy-first", no: "nf_tables-first",
            whenYes: "the rules of \(path) of iptables-legacy run before those of nf_tables",
            whenNo: "the rules of \(path) of nf_tables run before those of iptables-legacy")
        var state = entering
        if let isLegacyFirst = settle(unknown, &state) {
            return run(isLegacyFirst ? legacyFirst : nfTablesFirst, state)
        }
        let ways = run(legacyFirst, state)
        if isSame(ways, run(nfTablesFirst, state), from: state.history.steps.count) { return ways }
        return joined(
            run(legacyFirst, assume([unknown], true, nil, state))
                + run(nfTablesFirst, assume([unknown], false, nil, state)))
    }

    /// Whether both orders lead to the same ways, by the same steps in whatever order.
    private func isSame(_ ways: [WalkState], _ others: [WalkState], from first: Int) -> Bool {
        guard ways.count == others.count else { return false }
        var rest = others
        for way in ways {
            guard let index = rest.firstIndex(where: { isSame(way, $0, from: first) }) else { return false }
            rest.remove(at: index)
        }
        return true
    }

    private func isSame(_ a: WalkState, _ b: WalkState, from first: Int) -> Bool {
        guard a.goesOnLike(b), Set(a.history.settled) == Set(b.history.settled) else { return false }
        guard a.history.steps.count == b.history.steps.count else { return false }
        return Set(a.history.steps[first...].map { $0.kind }) == Set(b.history.steps[first...].map { $0.kind })
    }
}
