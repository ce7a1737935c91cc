internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Does what a statement of a native rule says.
    func perform(
        _ statement: NativeStatement, _ rule: RuleReference, _ state: inout WalkState, _ changes: inout [Change]
    ) -> Action {
        unreadable(.empty, .empty, rule)
    }
}
