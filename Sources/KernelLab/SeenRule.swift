internal import KernelLink
internal import RuleModel

/// A rule as both sides tell it.
struct SeenRule: Equatable, CustomStringConvertible {
    var hook: Hook?
    var chain: ChainKey
    var number: Int
    var verdict: TraceVerdict

    static func == (a: SeenRule, b: SeenRule) -> Bool {
        guard a.hook == b.hook, a.chain == b.chain, a.number == b.number else { return false }
        // Which queue it was the rule says.
        if case .queue = a.verdict, case .queue = b.verdict { return true }
        return a.verdict == b.verdict
    }

    var description: String { "\(hook?.name ?? "?") \(chain) \(number): \(verdict.name)" }
}

extension TraceConnection.State {
    /// The same in the model's words.
    var asModel: ConnectionStates {
        switch self {
        case .established: .established
        case .related: .related
        case .new: .new
        case .untracked: .untracked
        }
    }
}
