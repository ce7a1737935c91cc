internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// The ways as one tree: what they have in common first, then a branch for each way on.
    func tree(of leaves: [WalkState]) -> Trace {
        tree(of: leaves, from: 0, told: [], chance: 1)
    }

    /// - Parameters:
    ///   - first: steps that enclosing traces have told.
    ///   - told: assumptions that enclosing traces have told.
    ///   - chance: the probability of getting here.
    private func tree(of leaves: [WalkState], from first: Int, told: [Assumption], chance: Double?) -> Trace {
        guard let one = leaves.first else { return Trace() }
        if leaves.count == 1 { return leaf(one, from: first, told: told) }
        let common = leaves.dropFirst().reduce(one.history.steps.count) { count, leaf in
            min(count, zip(one.history.steps, leaf.history.steps).prefix { $0 == $1 }.count)
        }
        let shared = one.history.assumptions.filter { assumption in
            leaves.allSatisfy { leaf in
                leaf.history.assumptions.contains { $0.name == assumption.name && $0.value == assumption.value }
            }
        }
        var trace = Trace()
        trace.steps = Array(one.history.steps[first..<max(first, common)])
        trace.assumptions = shared.filter { !told.contains($0) }
        trace.defaultsUsed = leaves.reduce([]) { $0.union($1.history.defaultsUsed) }
        for group in groups(leaves, at: common) {
            let known = told + shared
            let own = group[0].history.assumptions.filter { assumption in
                !known.contains(assumption)
                    && group.allSatisfy { $0.history.assumptions.contains(assumption) }
            }
            let probability = total(group).flatMap { sum in chance.flatMap { $0 > 0 ? sum / $0 : nil } }
            let subtree = tree(of: group, from: max(first, common), told: known + own, chance: total(group))
            trace.branches.append(Trace.Branch(assumptions: own, probability: probability, trace: subtree))
        }
        if let first = trace.branches.first {
            trace.setChanges = trace.branches.reduce(first.trace.setChanges) { $0.agreed(with: $1.trace.setChanges) }
        }
        trace.outcome = agreedOutcome(trace.branches)
        if trace.outcome != .undecided {
            trace.reason = trace.branches.first?.trace.reason
            trace.rejectWith = trace.branches.first?.trace.rejectWith
        } else if trace.branches.contains(where: { $0.trace.reason == .tooManyBranches }) {
            trace.reason = .tooManyBranches
        }
        return trace
    }

    /// Branches that all end alike in outcome, reason and packet leave nothing undecided but the way.
    private func agreedOutcome(_ branches: [Trace.Branch]) -> Outcome {
        guard let first = branches.first?.trace, first.outcome != .undecided else { return .undecided }
        for branch in branches where branch.trace.outcome != first.outcome { return .undecided }
        return first.outcome
    }

    /// Leaves grouped by their step at `index`; those that differ in nothing there but an assumption go apart.
    private func groups(_ leaves: [WalkState], at index: Int) -> [[WalkState]] {
        var groups: [[WalkState]] = []
        for leaf in leaves {
            let step = leaf.history.steps.count > index ? leaf.history.steps[index] : nil
            let place = step.flatMap { step in
                groups.firstIndex { $0[0].history.steps.count > index && $0[0].history.steps[index] == step }
            }
            if let place { groups[place].append(leaf) } else { groups.append([leaf]) }
        }
        return groups
    }

    private func total(_ leaves: [WalkState]) -> Double? {
        leaves.reduce(Optional(0.0)) { sum, leaf in
            sum.flatMap { sum in leaf.history.probability.map { sum + $0 } }
        }
    }

    private func leaf(_ state: WalkState, from first: Int, told: [Assumption]) -> Trace {
        var trace = Trace()
        let steps = state.history.steps
        trace.steps = Array(steps[min(first, steps.count)...])
        trace.outcome = state.outcome ?? .undecided
        trace.reason = state.reason
        trace.possibleOutcomes = state.possibleOutcomes
        trace.rejectWith = state.rejectWith
        trace.last = state.view
        trace.inner = state.inner
        trace.tunnelHeader = state.tunnelHeader
        if trace.outcome == .forwarded || trace.outcome == .sent {
            trace.outInterface = state.routeInterface
            trace.nextHop = state.routeNextHop
        }
        trace.assumptions = state.history.assumptions.filter { !told.contains($0) }
        trace.defaultsUsed = state.history.defaultsUsed
        trace.acceptedBy = steps.indices.filter { isAccept(steps[$0]) }
        trace.decidedBy = decider(state)
        trace.connections = state.history.entries
        trace.setChanges = state.setChanges
        if let connection = state.virtualConnection { trace.virtualConnections = [connection] }
        if case .entry(let tracked) = state.connection {
            trace.connection = tracked.entry
            // What was dropped on its way leaves no entry.
            if tracked.entry.status.contains(.confirmed) { trace.connections.append(tracked.entry) }
        }
        trace.senderView = senderView(state)
        addAnswer(to: &trace, state)
        return trace
    }

    private func isAccept(_ step: Step) -> Bool {
        switch step.kind {
        case .rule(let rule): rule.verdict == .accept
        case .policy(_, let verdict): verdict == .accept
        default: false
        }
    }

    /// The step that ended the way; for a packet that got through, the accept of the last filter chain at priority 0
    /// that had one.
    private func decider(_ state: WalkState) -> Int? {
        let steps = state.history.steps
        if state.reason == .noServer || state.reason == .serverGone { return steps.isEmpty ? nil : steps.count - 1 }
        switch state.outcome ?? .undecided {
        case .forwarded, .sent, .delivered:
            return steps.indices.last { index in
                guard isAccept(steps[index]) else { return false }
                let chain: ChainID
                switch steps[index].kind {
                case .rule(let rule): chain = rule.rule.chain
                case .policy(let id, _): chain = id
                default: return false
                }
                return isFilter(chain)
            }
        case .dropped, .rejected, .queued:
            return steps.indices.last { index in
                switch steps[index].kind {
                case .rule(let rule): rule.verdict != .jump && rule.verdict != .goto && rule.verdict != .continue
                case .policy(_, let verdict): verdict == .drop
                default: false
                }
            }
        case .unroutable, .filtered:
            return steps.isEmpty ? nil : steps.count - 1
        case .undecided: return nil
        }
    }

    /// Whether a chain belongs to what a person calls the filter: iptables' filter table, or priority 0 elsewhere.
    private func isFilter(_ chain: ChainID) -> Bool {
        let table = model.linked.table(of: chain)
        if let known = table.iptables { return known == .filter }
        guard let base = model.linked.base(of: chain) else { return true }
        return base.type == .filter && base.priority == 0
    }
}
