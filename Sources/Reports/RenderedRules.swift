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

    public init(mostBytes: Int = 16 << 20) { self.mostBytes = mostBytes }

    /// Tells the steps of one rule set's rules apart that are written alike: rule, hook, verdict and where it leads.
    struct Key: Hashable {
        private let bits: UInt64

        /// `nil` where the step says more than that.
        init?(_ step: RuleStep, _ hook: Hook, firstRule: [Int]) {
            guard step.rejectWith == nil, !step.isBroken, step.changes.allSatisfy({ $0.before == $0.after }) else {
                return nil
            }
            let rule = UInt64(firstRule[step.rule.chain.index] + step.rule.index)
            let target = step.target.map { UInt64($0.index) + 1 } ?? 0
            guard rule < 1 << 32, target < 1 << 24 else { return nil }
            bits = rule << 32 | target << 8 | UInt64(hook.rawValue) << 4 | UInt64(step.verdict.rawValue)
        }
    }

    /// What is kept of such a step; nothing more is kept once there is enough.
    subscript(_ key: Key) -> [UInt8]? {
        get { pieces[key] }
        set {
            guard let newValue, byteCount < mostBytes else { return }
            pieces[key] = newValue
            byteCount += newValue.capacity + 64
        }
    }
}
