internal import ChainGraph
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Whether the comparison at `index`, which does not hold, is perhaps one with another that holds.
    /// Source: nftables src/rule.c `payload_do_merge`, 1.0.6.
    func mayHoldJoined(_ index: Int, of rule: Rule, _ reference: RuleReference, _ state: WalkState) -> Bool {
        guard let group = rule.joinableComparisons.first(where: { $0.contains(index) }) else { return false }
        var holds = false
        for member in group {
            guard case .match(.native(var comparison)) = rule.statements[member] else { return false }
            switch testNative(comparison, state, reference) {
            case .yes: holds = true
            case .no:
                // What is not there can't be loaded with its neighbour either.
                comparison.relation = .equal
                if testNative(comparison, state, reference) == .no { return false }
            case .perhaps: break
            }
        }
        return holds
    }

    func joined(_ rule: RuleReference) -> Answer {
        merges(rule, "so that \(cite(rule)) is met where one differs")
    }

    /// `answer` to the statement at `index`, as it is where an old nft asks for fields side by side at one place.
    func moved(
        _ answer: Answer, _ index: Int, of rule: Rule, _ reference: RuleReference, _ state: WalkState
    ) -> Answer {
        func holds(_ member: Int, _ relation: Comparison.Relation? = nil) -> Bool {
            guard case .match(.native(var comparison)) = rule.statements[member] else { return true }
            if let relation { comparison.relation = relation }
            return testNative(comparison, state, reference) != .no
        }
        var answer = answer
        for group in rule.movedComparisons(in: model.linked.table(of: reference.chain).family) {
            if group.place == index {
                if group.members.contains(where: { $0 < index && !holds($0) }) { return .no }
                let isAskedFirst = answer == .yes && group.members.contains { $0 > index && !holds($0) }
                if isAskedFirst { answer = .negate(askedFirst(reference), if: true) }
            } else if answer == .no, index < group.place, group.members.contains(index), holds(index, .notEqual) {
                // What is not there can't be loaded later either.
                answer = askedLast(reference)
            }
        }
        return answer
    }

    func askedFirst(_ rule: RuleReference) -> Answer {
        merges(rule, "so that \(cite(rule)) does nothing before it has asked for all of them")
    }

    func askedLast(_ rule: RuleReference) -> Answer {
        merges(rule, "so that \(cite(rule)) does what stands between before it asks for them")
    }

    /// All of a table comes from one program.
    private func merges(_ rule: RuleReference, _ effect: String) -> Answer {
        let table = names.text(model.linked.table(of: rule.chain).name)
        return .perhaps(
            Unknown(
                "nft-merges@\(table)",
                whenYes: "an nft before 1.1.0 loaded table \(table): fields side by side are compared as one number, "
                    + effect,
                whenNo: "each field is compared by itself in table \(table), as its text says"))
    }
}
