internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Whether `match`, of `rule`, holds for the packet in `state`.
    func test(_ match: Match, in state: WalkState, rule: RuleReference) -> Answer {
        switch match {
        case .comment: .yes
        case .unknown(let module, let text):
            .perhaps(
                Unknown(
                    "unknown-match@\(cite(rule))",
                    whenYes:
                        "'\(names.text(text))' of \(cite(rule)) holds (this program can't read '\(names.text(module))')",
                    whenNo: "'\(names.text(text))' of \(cite(rule)) does not hold"))
        default: .yes
        }
    }
}
