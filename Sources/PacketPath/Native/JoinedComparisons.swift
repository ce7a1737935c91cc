internal import ChainGraph
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Whether the comparison at `index`, which does not hold, is perhaps one with another that holds.
    /// Source: nftables src/rule.c `payload_do_merge`, 1.0.6.
    func mayHoldJoined(_ index: Int, of rule: Rule, _ reference: RuleReference, _ state: WalkState) -> Bool {
        guard model.compiled.start(of: reference).contains(.mayJoin),
            let group = rule.joinableComparisons.first(where: { $0.contains(index) })
        else { return false }
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

    /// All of a table comes from one program.
    func joined(_ rule: RuleReference) -> Answer {
        let table = names.text(model.linked.table(of: rule.chain).name)
        return .perhaps(
            Unknown(
                "nft-merges@\(table)",
                whenYes: "an nft before 1.1.0 loaded table \(table): fields side by side are compared as one number, "
                    + "so that \(cite(rule)) is met where one differs",
                whenNo: "each field is compared by itself in table \(table), as its text says"))
    }
}
