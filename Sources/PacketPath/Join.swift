internal import NetTypes
internal import SourceText

extension Evaluator {
    /// `states` with those joined that go on alike, so that a perhaps that changes nothing is no fork.
    func joined(_ states: [WalkState]) -> [WalkState] {
        if states.count < 2 { return states }
        var result: [WalkState] = []
        // Ways are large: most pairs are told apart by one number.
        var digests: [UInt64] = []
        for state in states {
            var state = state
            let digest = digest(of: state)
            // A join may make the outcome like another one again: from the last made to the first.
            while let index = digests.indices.last(where: {
                digests[$0] == digest && canJoin(result[$0], state)
            }) {
                digests.remove(at: index)
                state = join(result.remove(at: index), state)
            }
            result.append(state)
            digests.append(digest)
        }
        return result
    }

    /// A number that ways which can be joined have in common.
    private func digest(of state: WalkState) -> UInt64 {
        func view(_ interface: InterfaceView) -> UInt64 {
            switch interface {
            case .none: 0
            case .unknown: 1
            case .known(let name): UInt64(name.index) + 2
            }
        }
        var digest: UInt64 = 0
        func take(_ word: UInt64) { digest = (digest ^ word) &* 0x9e37_79b9_7f4a_7c15 }
        take(UInt64(state.position.rank))
        take(view(state.context.inInterface))
        take(view(state.context.outInterface))
        let packet = state.packet
        take(packet.source.low)
        take(packet.destination.low)
        take(UInt64(packet.mark))
        take(
            UInt64(packet.sourcePort) << 32 | UInt64(packet.destinationPort) << 16 | UInt64(packet.ttl) << 8
                | UInt64(packet.tos))
        return digest
    }

    /// Whether two of `states` may be joined: most are told apart by their digests.
    func mayJoin(_ states: [WalkState]) -> Bool {
        if states.count < 2 { return false }
        var digests: [UInt64] = []
        digests.reserveCapacity(states.count)
        for state in states {
            let digest = digest(of: state)
            if digests.contains(digest) { return true }
            digests.append(digest)
        }
        return false
    }

    func joined(_ ends: [ChainEnd]) -> [ChainEnd] {
        var verdicts: [ChainVerdict] = []
        for end in ends where !verdicts.contains(end.verdict) { verdicts.append(end.verdict) }
        if verdicts.count == ends.count { return ends }
        var result: [ChainEnd] = []
        for verdict in verdicts {
            let states = ends.filter { $0.verdict == verdict }.map { $0.state }
            result += joined(states).map { ChainEnd(state: $0, verdict: verdict) }
        }
        return result
    }

    /// Whether the two ways differ in what led here only by the answer to one variable, or not at all.
    private func canJoin(_ a: WalkState, _ b: WalkState) -> Bool {
        // What differs most often first: this is asked of every pair of ways.
        guard a.context == b.context, a.packet == b.packet, a.position == b.position, a.reason == b.reason else {
            return false
        }
        let onlyA = a.history.settled.filter { !b.history.settled.contains($0) }
        let onlyB = b.history.settled.filter { !a.history.settled.contains($0) }
        let isOneVariable =
            onlyA.count == 1 && onlyB.count == 1 && onlyA[0].name == onlyB[0].name
            && onlyA[0].isYes != onlyB[0].isYes
        guard isOneVariable || onlyA.isEmpty || onlyB.isEmpty else { return false }
        return a.goesOnLike(b)
    }

    /// One way for both: the steps that both began with, those of either, told as not certain, and those that both ended
    /// with.
    private func join(_ a: WalkState, _ b: WalkState) -> WalkState {
        var result = a
        let first = a.history.steps
        let second = b.history.steps
        let start = zip(first, second).prefix { $0 == $1 }.count
        let end = zip(first[start...].reversed(), second[start...].reversed()).prefix { $0 == $1 }.count
        var steps = Array(first[..<start])
        for var step in first[start..<first.count - end] + second[start..<second.count - end] {
            step.isCertain = false
            steps.append(step)
        }
        result.history.steps = steps + first.suffix(end)
        result.history.assumptions = []
        for var assumption in a.history.assumptions
        where b.history.assumptions.contains(where: { $0.name == assumption.name && $0.value == assumption.value }) {
            if let step = assumption.step, step >= first.count - end {
                assumption.step = step + second.count - end - start
            }
            result.history.assumptions.append(assumption)
        }
        result.history.settled = a.history.settled.filter { b.history.settled.contains($0) }
        if let first = a.history.probability, let second = b.history.probability {
            result.history.probability = first + second
        } else if let one = a.history.settled.last, let other = b.history.settled.last, one.name == other.name,
            one.isYes != other.isYes
        {
            result.history.probability = one.probabilityBefore
        } else {
            result.history.probability = nil
        }
        result.history.defaultsUsed.formUnion(b.history.defaultsUsed)
        result.setChanges = a.setChanges.agreed(with: b.setChanges)
        return result
    }
}
