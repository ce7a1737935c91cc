internal import ChainGraph
internal import PacketPath
internal import PathModel
internal import RuleModel

/// JSON of steps of rules and policies, kept from packet to packet: many packets meet the same ones.
///
/// Not for use by two threads at once.
public final class RenderedRules {
    /// For each rule, and behind them for each chain's policy, its last piece's place and 1 more; 0 where it has none.
    private var last: [UInt32] = []
    private var pieces: [Piece] = []
    private var bytes: [UInt8] = []
    /// Beyond which no more is kept, so that it does not grow with the packets.
    private let mostBytes: Int

    private struct Piece {
        let key: Key
        let start: Int
        let end: Int
        /// The piece of the same rule before, as `last` has it.
        let before: UInt32
    }

    public init(mostBytes: Int = 16 << 20) { self.mostBytes = mostBytes }

    /// Tells the steps of one rule set apart that are written alike: rule, hook, verdict, where it leads and what it sets.
    struct Key: Equatable {
        fileprivate let place: Int
        private let bits: UInt64
        private let changes: UInt64

        /// `nil` where the step says more than that.
        init?(_ step: RuleStep, _ hook: Hook, firstRule: [Int]) {
            guard step.rejectWith == nil, !step.isBroken else { return nil }
            var changes: UInt64 = 0
            for change in step.changes where change.before != change.after {
                guard changes == 0, case .number(let number) = change.after else { return nil }
                changes = (UInt64(change.field.rawValue) + 1) << 32 | UInt64(number)
            }
            place = firstRule[step.rule.chain.index] + step.rule.index
            let target = step.target.map { UInt64($0.index) + 1 } ?? 0
            bits = target << 16 | UInt64(hook.rawValue) << 8 | UInt64(step.verdict.rawValue)
            self.changes = changes
        }

        /// A chain's policy.
        init(_ chain: ChainID, _ verdict: StepVerdict, _ hook: Hook, firstRule: [Int]) {
            place = (firstRule.last ?? 0) + chain.index
            bits = UInt64(hook.rawValue) << 8 | UInt64(verdict.rawValue)
            changes = 0
        }
    }

    /// Writes what is kept of such a step, or else what `write` writes of it, which is kept then unless there is enough.
    func members(_ key: Key, into json: inout JSONWriter, _ write: (inout JSONWriter) -> Void) {
        var index = key.place < last.count ? last[key.place] : 0
        while index != 0 {
            let piece = pieces[Int(index) - 1]
            if piece.key == key {
                let kept = bytes
                return json.members(kept.span.extracting(piece.start..<piece.end))
            }
            index = piece.before
        }
        if bytes.count >= mostBytes { return write(&json) }
        var own = JSONWriter(OutputBuffer(keeping: 512))
        write(&own)
        let text = own.output.gathered
        if key.place >= last.count { last += repeatElement(0, count: key.place + 1 - last.count) }
        let start = bytes.count
        bytes += text
        pieces.append(Piece(key: key, start: start, end: bytes.count, before: last[key.place]))
        last[key.place] = UInt32(pieces.count)
        json.members(text.span)
    }
}
