internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Whether a comparison of a native rule holds; `no` also where there is nothing to compare.
    func testNative(_ comparison: Comparison, _ state: WalkState, _ rule: RuleReference) -> Answer {
        .perhaps(
            Unknown(
                "native@\(cite(rule))", whenYes: "a comparison of \(cite(rule)) holds",
                whenNo: "a comparison of \(cite(rule)) does not hold"))
    }
}
