internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Pods reach the cluster and not the outside: natOutgoing is off, its rule or set is gone, there is no default route, or
/// a rule drops them.
/// Source: felix/rules/nat.go; guides of operators.
let outgoingBroken = DoctorCheck(
    "outgoing-broken", "pods can't reach the outside: natOutgoing off or broken, no default route, or a rule that drops"
) { patient in
    patient.lostMasquerade + patient.missingDefaultRoute + patient.untranslatedOutgoing + patient.droppedOutgoing
}

extension Patient {
    /// Chains in which Calico masquerades what leaves the pools.
    private var outgoingChains: [ChainID] { chains { $0 == .calico(.natOutgoing) } }

    private var masqueradingPools: [IPPool] {
        cluster.pools.filter { $0.masqueradesOutgoing && !$0.isDisabled && $0.range.address.version == .v4 }
    }

    fileprivate var lostMasquerade: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        let repair = "restart calico-node's pod on this node: Felix writes rules and sets anew"
        let traffic = "what pods send out of the cluster: it leaves with the pod's own address"
        for chain in outgoingChains where linked.table(of: chain).family != .ip6 {
            for rule in rules(of: chain) {
                for set in asks(rule).sets {
                    guard case .is(let symbol) = set, model.sets.isKnown else { continue }
                    let text = name(symbol)
                    let known = model.sets.entries[symbol]?.set
                    guard known.map({ $0.elements.isEmpty && !$0.isIncomplete }) ?? true else { continue }
                    // Empty is as it should be where no pool asks for it.
                    guard known == nil || cluster.pools.isEmpty || !masqueradingPools.isEmpty else { continue }
                    var finding = DoctorFinding(
                        .problem,
                        known == nil
                            ? "the set \(text), by which Calico masquerades pods, does not exist"
                            : "the set \(text) is empty: Calico masquerades no pod",
                        evidence: [evidence(rule)]
                            + (known.map { [DoctorFinding.Evidence($0.place, "no element")] } ?? [
                                DoctorFinding.Evidence(.none, "the list of ipsets has no \(text)")
                            ])
                            + masqueradingPools.prefix(1).map { DoctorFinding.Evidence($0.place, "natOutgoing: true") },
                        remedies: [
                            repair,
                            "see whether the pool has natOutgoing: true (calicoctl get ippool -o yaml)",
                        ])
                    finding.traffic = traffic
                    findings.append(finding)
                }
            }
        }
        // Objects that ask for it, and no rule that does it.
        if let pool = masqueradingPools.first, findings.isEmpty, hasCalico,
            !outgoingChains.contains(where: { !linked.chain($0).rules.isEmpty && linked.table(of: $0).family != .ip6 })
        {
            let nat = wholeTables.first { $0.table == .nat && $0.family == .ip }
            let native = linked.ruleset.tables.contains { $0.isNative && name($0.name) == "calico" }
            if let nat, !native {
                var finding = DoctorFinding(
                    .problem, "the pool \(pool.name) asks for natOutgoing, and no rule of Calico's masquerades it",
                    evidence: [
                        DoctorFinding.Evidence(pool.place), evidence(nat, "cali-nat-outgoing is missing or empty"),
                    ], remedies: [repair])
                finding.traffic = traffic
                findings.append(finding)
            }
        }
        return findings
    }

    fileprivate var missingDefaultRoute: [DoctorFinding] {
        guard host.routesKnownV4 != .none, !localPods.isEmpty, hasCalico || hasMaker(.flannel) || hasMaker(.kubeProxy),
            !host.routes.contains(where: { $0.destination.length == 0 && $0.destination.address.version == .v4 })
        else { return [] }
        guard let route = host.routes.first(where: { $0.destination.address.version == .v4 }) else { return [] }
        var finding = DoctorFinding(
            .problem, "this node has no default route: its pods reach nothing outside the networks it knows",
            evidence: [DoctorFinding.Evidence(route.place, "the first route; none of them is a default route")],
            remedies: [
                "ip route add default via GATEWAY dev INTERFACE, and keep it in the configuration of the network"
            ])
        finding.traffic = "what pods and this host send to the outside"
        return [finding]
    }

    /// A pod of Calico's with a packet to the outside.
    private var outgoingSample: (address: IPAddress, interface: NetworkInterface, followed: FollowedPacket)? {
        for (address, interface) in localPods where address.version == .v4 && isPodLink(interface) {
            let question = packet(in: name(interface.name), from: .address(address), to: .internet)
            guard let followed = follow(question) else { continue }
            if followed.ways.allSatisfy({ $0.outcome == .forwarded }) { return (address, interface, followed) }
        }
        return nil
    }

    /// Whether an entry or a rule on a way gives the packet another source, known or not: a masquerade to an interface
    /// whose addresses the input lacks is one.
    private func mayTranslateSource(_ way: TracedWay) -> Bool {
        if way.sourceTranslation != nil { return true }
        return way.rules.contains { mayTranslateSource($0.rule) }
    }

    /// Pods whose packets leave with their own private address.
    fileprivate var untranslatedOutgoing: [DoctorFinding] {
        guard lostMasquerade.isEmpty, let sample = outgoingSample,
            !sample.followed.ways.contains(where: mayTranslateSource), sample.address.isPrivate,
            let out = sample.followed.ways.first?.outInterface, uplinks.contains(where: { $0.name == out })
        else { return [] }
        let pool = cluster.pools.first { $0.range.contains(sample.address) }
        let chain = outgoingChains.first { linked.table(of: $0).family != .ip6 }
        var evidence: [DoctorFinding.Evidence] = []
        if let pool {
            evidence.append(
                DoctorFinding.Evidence(
                    pool.place, pool.masqueradesOutgoing ? "natOutgoing: true" : "natOutgoing is off"))
        }
        if let chain {
            let rule = linked.chain(chain).rules.first
            evidence.append(
                DoctorFinding.Evidence(
                    rule?.place ?? linked.chain(chain).place,
                    rule == nil ? "empty: no pool has natOutgoing" : "does not meet \(sample.address)"))
        }
        guard !evidence.isEmpty else { return [] }
        var finding = DoctorFinding(
            .risk,
            "\(podText(sample.address, sample.interface)) leaves by \(name(out)) with its own private address: answers come back only if the network outside has routes to pods",
            evidence: evidence,
            remedies: [
                "set natOutgoing: true in the pool (calicoctl patch ippool NAME -p '{\"spec\":{\"natOutgoing\":true}}'), unless routers outside know the pods' addresses, by BGP for one"
            ])
        finding.traffic = "what pods of this pool send out of the cluster"
        finding.example = sample.followed.options
        return [finding]
    }

    /// A rule, not a policy of the network plugin's, that drops what pods send out.
    fileprivate var droppedOutgoing: [DoctorFinding] {
        for (address, interface) in localPods where address.version == .v4 {
            let question = packet(in: name(interface.name), from: .address(address), to: .internet)
            guard let followed = follow(question), let way = followed.agreed,
                way.outcome == .dropped || way.outcome == .rejected, let rule = way.rule
            else { continue }
            // What is allowed is for policies to say.
            switch annotations.maker(of: rule) {
            case .calico?, .kubeRouter?, .cilium?, .kubeProxy?, .docker?, .neutron?, .libvirt?: continue
            default: break
            }
            var finding = DoctorFinding(
                .problem, "\(cite(rule)) drops what \(podText(address, interface)) sends to the outside",
                evidence: [evidence(rule)],
                remedies: [
                    "let through what comes from the pods' addresses before that rule, by the tool that it is of"
                ])
            finding.traffic = "what pods of this node send out of the cluster"
            finding.example = followed.options
            return [finding]
        }
        return []
    }
}
