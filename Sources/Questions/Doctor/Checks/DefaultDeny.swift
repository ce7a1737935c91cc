internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// A policy that selects a pod denies all that no policy allows: DNS first of all, of which egress policies forget that
/// it is needed.
/// Source: felix/rules/endpoints.go; calico#6418; troubleshooting guides of Calico's.
let forgottenDNS = DoctorCheck(
    "forgotten-dns", "egress policies under which pods can't ask DNS", needs: [.interfaces]
) { patient in
    patient.pods(withoutDNS: patient.nameServers)
}

/// The end of a tier, not a rule of a policy, drops what a policy selects and none allows.
let defaultDeny = DoctorCheck(
    "default-deny", "packets that no policy allowed, dropped since some policy selects the endpoint"
) { patient in
    patient.countedDenials
}

/// A policy that denies or allows everything comes before others of the same tier, which are never asked.
/// Source: felix/calc/policy_sorter.go: by order, then by name.
let policyOrder = DoctorCheck(
    "policy-order", "policies that are never asked, since one before them decides everything"
) { patient in
    patient.shadowedPolicies
}

extension Patient {
    /// Addresses of the cluster's DNS, with what shows them.
    fileprivate var nameServers: [(address: IPAddress, text: String, place: Place)] {
        for service in cluster.services where service.namespace == "kube-system" && isDNS(service.name) {
            guard service.ports.contains(where: { $0.number == 53 && $0.protocol == .udp }),
                let address = service.clusterAddresses.first(where: { $0.version == .v4 })
            else { continue }
            return [(address, "\(service.namespace)/\(service.name)", service.place)]
        }
        for front in serviceFronts where front.port == 53 && front.transport == .udp && isDNS(front.name.name) {
            guard let address = front.address, address.version == .v4 else { continue }
            return [(address, "\(front.name.namespace)/\(front.name.name)", front.place)]
        }
        return []
    }

    private func isDNS(_ name: String) -> Bool { name.hasPrefix("kube-dns") || name.hasSuffix("coredns") }

    fileprivate func pods(
        withoutDNS servers: [(address: IPAddress, text: String, place: Place)]
    ) -> [DoctorFinding] {
        guard let server = servers.first else { return [] }
        var denied: [(pod: String, rule: RuleReference, options: String, isMeant: Bool)] = []
        for (address, interface) in localPods where address.version == .v4 && isPodLink(interface) {
            let question = packet(
                in: name(interface.name), from: .address(address), to: .address(server.address), .udp, port: 53)
            guard let followed = follow(question), let way = followed.agreed,
                way.outcome == .dropped || way.outcome == .rejected,
                let rule = way.rule, case .calico(.tierEnd(_, .egress))? = annotations.purpose(of: rule)
            else { continue }
            denied.append((podText(address, interface), rule, followed.options, !allowsAnything(rule.chain)))
        }
        guard let first = denied.first(where: { !$0.isMeant }) ?? denied.first else { return [] }
        var finding = DoctorFinding(
            first.isMeant ? .note : .problem,
            "\(denied.count == 1 ? first.pod : "\(denied.count) pods, \(first.pod) the first,") can't ask DNS: no egress policy allows port 53 to \(server.text)",
            evidence: denied.prefix(3).map { evidence($0.rule, "drops what \($0.pod) asks") }
                + [DoctorFinding.Evidence(server.place, "the DNS service \(server.address)")],
            remedies: [
                "allow udp and tcp port 53 to \(server.text)'s pods in an egress policy that selects \(denied.count == 1 ? "it" : "them"): policies see the pods' addresses, not the cluster IP"
            ])
        finding.traffic = "udp port 53 from \(list(denied.map({ $0.pod })))"
        finding.example = first.options
        if first.isMeant {
            finding.doubts = ["whether the pod is meant to send nothing at all: its egress policies allow nothing"]
        }
        return [finding]
    }

    /// Whether a policy or profile that an endpoint's chain asks allows anything.
    private func allowsAnything(_ endpoint: ChainID) -> Bool {
        tiers(of: endpoint).flatMap({ $0.policies }).contains { chain in
            annotations.purposes(ofRulesIn: chain).contains { purpose in
                if case .calico(.policyRule(_, _, let part))? = purpose { return part.action == .allow }
                return false
            }
        }
    }

    // MARK: Denials

    fileprivate var countedDenials: [DoctorFinding] {
        var hits: [(rule: RuleReference, count: UInt64, text: String, policies: [String])] = []
        for (chain, direction) in endpointChains {
            let tiers = tiers(of: chain)
            for (index, purpose) in annotations.purposes(ofRulesIn: chain).enumerated() {
                let rule = RuleReference(chain: chain, index: index)
                guard case .calico(.tierEnd)? = purpose, let count = packets(rule), count > 0 else { continue }
                let policies = tiers.first { $0.end == rule }?.policies.compactMap { policyText($0) } ?? []
                hits.append((rule, count, "\(direction.preposition) \(endpointText(chain))", policies))
            }
        }
        hits.sort { $0.count > $1.count }
        guard let first = hits.first else { return [] }
        let total = hits.reduce(UInt64(0)) { $0 &+ $1.count }
        let by = first.policies.isEmpty ? "" : "; asked before: \(list(first.policies))"
        var finding = DoctorFinding(
            .note,
            hits.count == 1
                ? "\(counted(first.count, "packet")) \(first.text) fell at the end of a tier: policies select it, and none allowed them\(by)"
                : "\(counted(total, "packet")) fell at the ends of tiers of \(hits.count) endpoints: policies select them, and none allowed the packets",
            evidence: hits.prefix(4).map { hit in
                evidence(
                    hit.rule,
                    "\(counted(hit.count, "packet")) \(hit.text)"
                        + (hit.policies.isEmpty ? "" : "; asked before: \(list(hit.policies))"))
            },
            remedies: [
                "where these packets are wanted, allow them in a policy that selects the endpoint; 'hookline trace' with such a packet tells which policies were asked"
            ])
        finding.doubts = ["whether they were wanted: the counters do not tell"]
        return [finding]
    }

    /// `pod shop/web (cali1234)`, `the host endpoint of eth0`.
    private func endpointText(_ chain: ChainID) -> String {
        switch annotations.purpose(of: chain) {
        case .calico(.workload(let workload, _))?: workload.text
        case .calico(.hostEndpoint(let interface, _, _))?:
            interface.isEmpty ? "the host endpoint of all interfaces" : "the host endpoint of \(interface)"
        default: path(of: chain)
        }
    }

    private func policyText(_ chain: ChainID) -> String? {
        guard case .calico(.policy(let name, _))? = annotations.purpose(of: chain) else { return nil }
        return name.text
    }

    // MARK: Order

    fileprivate var shadowedPolicies: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        var told: [(ChainID, [String])] = []
        for (chain, direction) in endpointChains {
            for tier in tiers(of: chain) {
                guard let index = tier.policies.firstIndex(where: { decidesAll($0) != nil }),
                    let (all, action) = decidesAll(tier.policies[index])
                else { continue }
                // What a policy that allows all hides are denials; what one that denies all hides is all else.
                let hidden: [PolicyRulePart.Action] = action == .allow ? [.deny] : [.allow, .pass]
                let later = tier.policies[(index + 1)...].filter { decides($0, hidden) }.compactMap { policyText($0) }
                guard !later.isEmpty, !told.contains(where: { $0.0 == tier.policies[index] && $0.1 == later }) else {
                    continue
                }
                told.append((tier.policies[index], later))
                let name = policyText(tier.policies[index]) ?? path(of: tier.policies[index])
                let endpoint = endpointText(chain)
                var finding = DoctorFinding(
                    action == .allow ? .risk : .problem,
                    "\(list(later)) \(later.count == 1 ? "is" : "are") never asked for what goes \(direction.preposition) \(endpoint): \(name) comes before and \(action.verb) everything",
                    evidence: [evidence(all)]
                        + linked.jumps[chain.index].filter { jump in
                            jump.target.map { later.contains(policyText($0) ?? "") } ?? false
                        }.prefix(3).map { evidence(RuleReference(chain: chain, index: $0.rule), "comes later") },
                    remedies: [
                        "give \(name) a larger 'order' than the others of its tier (the smallest is asked first, none counts as last)"
                            + (action == .deny
                                ? ", or take its last Deny away: the end of the tier denies all the same"
                                : ", or give it conditions")
                    ])
                finding.traffic =
                    "new connections \(direction.preposition) \(endpoint) that the later policies would \(action == .allow ? "deny" : "allow")"
                findings.append(finding)
            }
        }
        return findings
    }

    /// The rule of a policy that denies or allows whatever comes.
    private func decidesAll(_ chain: ChainID) -> (rule: RuleReference, action: PolicyRulePart.Action)? {
        for (index, purpose) in annotations.purposes(ofRulesIn: chain).enumerated() {
            guard case .calico(.policyRule(_, _, let part))? = purpose, part.step == .decision,
                part.action == .deny || part.action == .allow
            else { continue }
            let rule = RuleReference(chain: chain, index: index)
            if asks(rule).isUnconditional { return (rule, part.action) }
        }
        return nil
    }

    /// Whether a policy has rules with one of these actions.
    private func decides(_ chain: ChainID, _ actions: [PolicyRulePart.Action]) -> Bool {
        annotations.purposes(ofRulesIn: chain).contains { purpose in
            guard case .calico(.policyRule(_, _, let part))? = purpose else { return false }
            return actions.contains(part.action)
        }
    }
}
