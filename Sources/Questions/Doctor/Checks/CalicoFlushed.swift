internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// What may explain tables without a rule besides a flush.
let otherIptables =
    "whether the rules are in the other iptables, which this dump does not show: iptables-legacy-save, iptables-nft-save"

/// Calico's part of `rulesFlushed`: Felix has chains in raw, nat and filter of every version of IP that it looks after.
/// Source: felix/dataplane/linux/int_dataplane.go (the tables that it makes, in every mode).
extension Patient {
    var lostCalico: [DoctorFinding] {
        let groups = tableGroups
        guard groups.contains(where: { $0.contains { calicoChain(in: $0) != nil } }) else { return lostAllOfCalico }
        var findings: [DoctorFinding] = []
        for group in groups {
            guard let witness = group.compactMap({ calicoChain(in: $0) }).first else { continue }
            for table in group where calicoChain(in: table) == nil {
                // The other backend may be the one in use.
                let isElsewhere = groups.contains { other in
                    other.contains {
                        $0.family == table.family && $0.table == table.table && calicoChain(in: $0) != nil
                    }
                }
                guard let traffic = loss(of: table.table), !isElsewhere, table.table == .filter || !usesBPF else {
                    continue
                }
                let there = linked.table(of: witness)
                var finding = DoctorFinding(
                    .problem,
                    "\(table.table.name) has no chain of Calico's, though \(name(there.name)) has: something flushed \(table.table.name)",
                    evidence: [
                        DoctorFinding.Evidence(linked.chain(witness).place),
                        evidence(table, "has no chain of Calico's"),
                    ],
                    remedies: remedies(.calico))
                finding.traffic = traffic
                findings.append(finding)
            }
        }
        return findings
    }

    /// The first chain of Felix's in a table.
    private func calicoChain(in table: WholeTable) -> ChainID? {
        let own = linked.ruleset.tables[table.index].chains.first { name($0.name).hasPrefix("cali-") }
        return own.flatMap { linked.chainID(table: table.index, named: $0.name) }
    }

    /// Whether Calico's programs of the kernel may do what its rules of nat and raw else do.
    private var usesBPF: Bool {
        host.otherDeciders.contains { $0.kind == .bpf }
            || cluster.felixConfigurations.contains { $0.value("bpfEnabled") == "true" }
    }

    /// What is hit where a table lacks Calico's chains; mangle's decide before DNAT only, where a policy asks for it.
    private func loss(of table: IptablesTable) -> String? {
        switch table {
        case .filter:
            "packets of pods: no network policy is enforced on them, and where FORWARD's policy drops, none passes"
        case .nat: "packets of pods to the outside: they leave with the pod's own address"
        case .raw: "packets of pods: nothing keeps them from taking others' addresses"
        case .mangle, .security: nil
        }
    }

    /// Pods are behind links of Calico's, Felix has made its sets, and no table holds a chain of its own.
    private var lostAllOfCalico: [DoctorFinding] {
        guard !hasCalico, let filter = wholeTables.first(where: { $0.table == .filter && $0.family == .ip }),
            let pod = localPods.first(where: { isPodLink($0.interface) })
        else { return [] }
        let set = host.sets.first { name($0.name).hasPrefix("cali40") }
        let tunnel = host.interfaces.first { name($0.name) == "vxlan.calico" && $0.isUp }
        var signs: [DoctorFinding.Evidence] = []
        if let set { signs.append(DoctorFinding.Evidence(.none, "ipset has \(name(set.name)), which Felix has made")) }
        if let tunnel { signs.append(DoctorFinding.Evidence(tunnel.place)) }
        guard !signs.isEmpty else { return [] }
        var finding = DoctorFinding(
            .problem, "Calico's pods are here, and not one chain of its own: something flushed all tables",
            evidence: [DoctorFinding.Evidence(pod.interface.place, "a pod of Calico's is behind it")] + signs
                + [evidence(filter, "has no chain of Calico's")],
            remedies: remedies(.calico))
        finding.traffic =
            "packets of pods: no network policy is enforced, nothing is masqueraded, and kube-proxy's rules went the same way where none are there"
        finding.doubts = [otherIptables]
        return [finding]
    }
}
