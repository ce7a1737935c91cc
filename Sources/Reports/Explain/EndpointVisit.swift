internal import Annotations
internal import ChainGraph
internal import PacketPath
internal import RuleModel

/// A packet's passage through the chain that holds the policy of one endpoint.
struct EndpointVisit {
    /// The step that led to the endpoint's chain.
    let start: Int
    /// The steps within the chain and those it jumped to.
    let range: Range<Int>
    let purpose: CalicoPurpose
    /// Policies and profiles that were asked, in order, with the steps of each.
    var asked: [(purpose: CalicoPurpose, steps: Range<Int>)] = []
    /// The last step that decided: an allow, a deny, the end of a tier.
    var decision: Int?
    /// Whether the packet ended there.
    var isDecided = false
}

extension Explainer {
    /// Every passage through an endpoint's chain, in order.
    func endpointVisits() -> [EndpointVisit] {
        var visits: [EndpointVisit] = []
        for index in way.steps.indices {
            guard case .rule(let step) = way.steps[index].kind, let target = step.target,
                case .calico(let purpose)? = annotations.purpose(of: target), purpose.isEndpoint
            else { continue }
            visits.append(visit(of: target, purpose, from: index))
        }
        return visits
    }

    private func visit(of chain: ChainID, _ purpose: CalicoPurpose, from start: Int) -> EndpointVisit {
        var inside: Set<ChainID> = [chain]
        var end = start + 1
        scan: while end < way.steps.count {
            switch way.steps[end].kind {
            case .rule(let step):
                guard inside.contains(step.rule.chain) else { break scan }
                if let target = step.target { inside.insert(target) }
            case .miss(let rule, _): guard inside.contains(rule.chain) else { break scan }
            default: break scan
            }
            end += 1
        }
        var visit = EndpointVisit(start: start, range: start + 1..<end, purpose: purpose)
        for index in visit.range {
            guard case .rule(let step) = way.steps[index].kind else { continue }
            if let target = step.target, case .calico(let asked)? = annotations.purpose(of: target), asked.isAsked {
                visit.asked.append((asked, stepsOf(target, from: index, to: end)))
            }
            if case .calico(let own)? = annotations.purpose(of: step.rule), own.decides { visit.decision = index }
        }
        if let decided = way.trace.decidedBy, visit.range.contains(decided) {
            visit.isDecided = !way.trace.outcome.isThrough
            if visit.isDecided { visit.decision = decided }
        }
        return visit
    }

    /// The steps of a chain that was jumped to at `start`.
    private func stepsOf(_ chain: ChainID, from start: Int, to end: Int) -> Range<Int> {
        var last = start + 1
        while last < end {
            switch way.steps[last].kind {
            case .rule(let step): if step.rule.chain != chain { return start + 1..<last }
            case .miss(let rule, _): if rule.chain != chain { return start + 1..<last }
            default: return start + 1..<last
            }
            last += 1
        }
        return start + 1..<last
    }
}

extension CalicoPurpose {
    /// Whether it is a chain of one endpoint's policy.
    var isEndpoint: Bool {
        switch self {
        case .workload, .hostEndpoint: true
        default: false
        }
    }

    /// Whether it is a chain of one policy or profile.
    fileprivate var isAsked: Bool {
        switch self {
        case .policy, .profile: true
        default: false
        }
    }

    /// Whether a rule for this says what becomes of the packet at this endpoint.
    fileprivate var decides: Bool {
        switch self {
        case .policyRule(_, _, let rule), .profileRule(_, _, let rule):
            rule.step == .decision && (rule.action == .allow || rule.action == .deny)
        case .tierEnd, .noProfile, .established, .invalid, .encapsulatedFromWorkload, .endpointDisabled,
            .forwardedByDefault:
            true
        default: false
        }
    }
}
