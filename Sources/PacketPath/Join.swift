internal import NetTypes

extension Evaluator {
    /// `states` with those joined that go on alike, so that a perhaps that changes nothing is no fork.
    func joined(_ states: [WalkState]) -> [WalkState] {
        var result: [WalkState] = []
        for state in states {
            var state = state
            // A join may make the outcome like another one again: from the last made to the first.
            while let index = result.lastIndex(where: { canJoin($0, state) }) {
                state = join(result.remove(at: index), state)
            }
            result.append(state)
        }
        return result
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

    /// One way for both: common steps, then those of either, told as not certain.
    private func join(_ a: WalkState, _ b: WalkState) -> WalkState {
        var result = a
        let common = zip(a.history.steps, b.history.steps).prefix { $0 == $1 }.count
        var steps = Array(a.history.steps[..<common])
        for var step in a.history.steps[common...] + b.history.steps[common...] {
            step.isCertain = false
            steps.append(step)
        }
        result.history.steps = steps
        result.history.assumptions = a.history.assumptions.filter { assumption in
            b.history.assumptions.contains { $0.name == assumption.name && $0.value == assumption.value }
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
