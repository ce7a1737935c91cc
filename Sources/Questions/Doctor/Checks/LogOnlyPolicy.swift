internal import Annotations
internal import ChainGraph
internal import PathModel
internal import RuleModel
internal import SourceText

/// A policy whose rules only log selects an endpoint all the same, and what no policy of its tier allows is dropped at
/// the end of the tier.
/// Source: felix/rules/endpoints.go (endOfTierDrop); calico#3801, #1923, #9290.
let logOnlyPolicy = DoctorCheck(
    "log-only-policy", "a policy of Calico's that only logs, and so has everything dropped at the end of its tier"
) { patient in
    var findings: [DoctorFinding] = []
    for chain in patient.chainIDs {
        guard case .calico(.policy(let policy, let direction))? = patient.annotations.purpose(of: chain),
            let log = patient.onlyLogs(chain)
        else { continue }
        for tier in patient.tiers(asking: chain) {
            guard let end = tier.end else { continue }
            let isAlone = tier.policies.allSatisfy { $0 == chain || patient.onlyLogs($0) != nil }
            let endpoint =
                patient.annotations.purpose(of: tier.endpoint)?.text ?? patient.path(of: tier.endpoint)
            if let index = findings.firstIndex(where: { $0.evidence.first?.place == patient.linked.rule(log).place }) {
                findings[index].evidence.append(patient.evidence(end, endpoint))
                if isAlone { findings[index].severity = .problem }
                continue
            }
            var finding = DoctorFinding(
                isAlone ? .problem : .risk,
                "\(policy.text) only logs (\(direction.name)): "
                    + (isAlone
                        ? "all that it selects is dropped at the end of the tier"
                        : "what it selects and no other policy of the tier allows is dropped at the end of the tier"),
                evidence: [patient.evidence(log), patient.evidence(end, endpoint)],
                remedies: [
                    "end the policy with a rule 'action: Allow', or with 'action: Pass' where the next tier is to decide; Log alone decides nothing, but the policy selects the endpoint"
                ])
            finding.traffic = "new connections \(direction.preposition) the endpoints that it selects"
            findings.append(finding)
        }
    }
    return findings
}

/// One tier of an endpoint's chain.
struct EndpointTier {
    var endpoint: ChainID
    /// Chains of its policies, those of groups too, in order.
    var policies: [ChainID] = []
    /// The rule that drops what no policy decided; `nil` for a tier that passes on.
    var end: RuleReference?
}

extension Patient {
    /// The first rule that logs, of a policy's chain that does nothing but that.
    fileprivate func onlyLogs(_ chain: ChainID) -> RuleReference? {
        var log: RuleReference?
        for (index, purpose) in annotations.purposes(ofRulesIn: chain).enumerated() {
            guard case .calico(.policyRule(_, _, let part))? = purpose else { continue }
            switch part.action {
            case .log: log = log ?? RuleReference(chain: chain, index: index)
            case .allow, .deny, .pass: if part.step != .flowLog { return nil }
            }
        }
        return log
    }

    fileprivate func tiers(asking policy: ChainID) -> [EndpointTier] {
        endpointChains.flatMap { tiers(of: $0.chain) }.filter { $0.policies.contains(policy) }
    }

    /// Chains in which Calico judges what comes to or from an endpoint.
    var endpointChains: [(chain: ChainID, direction: PolicyDirection)] {
        var found: [(chain: ChainID, direction: PolicyDirection)] = []
        for chain in chainIDs {
            switch annotations.purpose(of: chain) {
            case .calico(.workload(_, let direction))?: found.append((chain, direction))
            case .calico(.hostEndpoint(_, let direction, .normal))?: found.append((chain, direction))
            default: continue
            }
        }
        return found
    }

    /// The tiers of an endpoint's chain, in order.
    func tiers(of endpoint: ChainID) -> [EndpointTier] {
        var tiers: [EndpointTier] = []
        for (index, purpose) in annotations.purposes(ofRulesIn: endpoint).enumerated() {
            guard case .calico(let own)? = purpose else { continue }
            switch own {
            case .tierStart: tiers.append(EndpointTier(endpoint: endpoint))
            case .policy, .policyGroup:
                if tiers.isEmpty { tiers.append(EndpointTier(endpoint: endpoint)) }
                for jump in linked.jumps[endpoint.index] where jump.rule == index {
                    if let target = jump.target { tiers[tiers.count - 1].policies += policyChains(target) }
                }
            case .tierEnd:
                if !tiers.isEmpty { tiers[tiers.count - 1].end = RuleReference(chain: endpoint, index: index) }
            default: continue
            }
        }
        return tiers
    }

    /// A policy's chain, or those of a group's policies.
    private func policyChains(_ chain: ChainID) -> [ChainID] {
        guard case .calico(.policyGroup)? = annotations.purpose(of: chain) else { return [chain] }
        return linked.jumps[chain.index].compactMap({ $0.target })
    }
}
