internal import ChainGraph
internal import PacketPath
internal import PathModel
internal import RuleModel

/// JSON of steps of rules, kept from packet to packet: what a rule that changes nothing has is always the same.
///
/// Not for use by two threads at once.
public final class RenderedRules {
    private var pieces: [Key: [UInt8]] = [:]
    private var byteCount = 0
    /// Beyond which no more is kept, so that it does not grow with the packets.
    private let mostBytes: Int

    public init(mostBytes: Int = 32 << 20) { self.mostBytes = mostBytes }

    struct Key: Hashable {
        private let rule: Int
        private let hook: Hook
        private let verdict: StepVerdict
        private let target: ChainID?

        /// `nil` where the step says more than its rule, hook and verdict.
        init?(_ step: RuleStep, _ hook: Hook, _ model: HostModel) {
            guard step.rejectWith == nil, !step.isBroken, step.changes.allSatisfy({ $0.before == $0.after }) else {
                return nil
            }
            rule = model.compiled.firstRule[step.rule.chain.index] + step.rule.index
            self.hook = hook
            verdict = step.verdict
            target = step.target
        }
    }

    /// What is kept for `key`, or what `render` makes.
    func piece(_ key: Key, _ render: () -> [UInt8]) -> [UInt8] {
        if let piece = pieces[key] { return piece }
        let piece = render()
        if byteCount < mostBytes {
            pieces[key] = piece
            byteCount += piece.count + 96
        }
        return piece
    }
}
