internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Something flushed rules that kube-proxy, kubelet, Calico, Docker or flannel need: firewalld's or ufw's reload,
/// `iptables -F`, `iptables-restore` at the wrong moment.
/// Source: kubernetes pkg/util/iptables/iptables.go (Monitor: the canaries); rke2#10469, k3s#7542, moby#15254, #35043.
let rulesFlushed = DoctorCheck(
    "rules-flushed", "rules of kube-proxy, Calico, Docker or flannel that something has flushed"
) { patient in
    patient.lostCanaries + patient.lostServices + patient.lostMasquerading + patient.lostCalico
        + patient.unreachedEntries + patient.lostDocker
}

extension Patient {
    /// Tables of one version of IP and one backend together.
    var tableGroups: [[WholeTable]] {
        var groups: [[WholeTable]] = []
        for table in wholeTables {
            let index = groups.firstIndex { $0.first?.family == table.family && $0.first?.backend == table.backend }
            if let index { groups[index].append(table) } else { groups.append([table]) }
        }
        return groups
    }

    /// Who may have done it, for a remedy.
    private var flusher: String {
        if hasMaker(.firewalld) {
            return
                "firewalld is here, and 'firewall-cmd --reload' flushes what is not its own: stop it on this node, or restart the others after it"
        }
        if hasMaker(.ufw) {
            return
                "ufw is here: see whether 'ufw reload', 'iptables -F' or an iptables-restore at boot ran (journalctl)"
        }
        return
            "find what flushed them: 'iptables -F', an iptables-restore or a firewall's service (journalctl -u firewalld -u ufw -u iptables)"
    }

    func remedies(_ maker: Maker) -> [String] { [maker.restart, flusher] }

    // MARK: Canaries

    /// A canary is made in mangle, nat and filter alike.
    fileprivate var lostCanaries: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for group in tableGroups {
            let own = group.filter { $0.table == .mangle || $0.table == .nat || $0.table == .filter }
            for (name, maker) in [("KUBE-PROXY-CANARY", Maker.kubeProxy), ("KUBE-KUBELET-CANARY", .kubelet)] {
                let here = own.compactMap { table in chain(name, in: table).map { (table, $0) } }
                let lacking = own.filter { chain(name, in: $0) == nil }
                guard let witness = here.first, !lacking.isEmpty else { continue }
                let tables = list(lacking.map({ $0.table.name }))
                let isServices = maker == .kubeProxy
                var finding = DoctorFinding(
                    isServices ? .problem : .risk,
                    "\(name) is in \(witness.0.table.name) and not in \(tables): something flushed \(tables), and \(maker.name) has not repaired it",
                    evidence: [DoctorFinding.Evidence(linked.chain(witness.1).place)]
                        + lacking.map { evidence($0, "has no \(name)") },
                    remedies: remedies(maker))
                finding.traffic =
                    isServices
                    ? "packets to Services, and what is masqueraded for them" : "what other rules of \(tables) were for"
                findings.append(finding)
            }
        }
        return findings
    }

    // MARK: Services

    fileprivate var lostServices: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for group in tableGroups {
            guard let nat = group.first(where: { $0.table == .nat }) else { continue }
            let filter = group.first { $0.table == .filter }
            let hasServices = chain("KUBE-SERVICES", in: nat) != nil
            if let filter, !hasServices {
                let witnesses = ["KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-PROXY-FIREWALL"]
                if let witness = witnesses.compactMap({ chain($0, in: filter) }).first {
                    findings.append(
                        lostServicesFinding(
                            "nat has no KUBE-SERVICES, though filter has kube-proxy's chains: no Service is translated",
                            .problem, DoctorFinding.Evidence(linked.chain(witness).place),
                            evidence(nat, "has no KUBE-SERVICES")))
                    continue
                }
            }
            if let filter, hasServices, hasIptablesEndpoints(nat), let services = chain("KUBE-SERVICES", in: nat),
                chain("KUBE-FORWARD", in: filter) == nil, chain("KUBE-SERVICES", in: filter) == nil
            {
                var finding = lostServicesFinding(
                    "filter has neither KUBE-FORWARD nor KUBE-SERVICES, though nat has kube-proxy's chains",
                    .problem, DoctorFinding.Evidence(linked.chain(services).place),
                    evidence(filter, "has no chain of kube-proxy's"))
                finding.traffic = "packets to Services where FORWARD's policy drops, and to those without endpoints"
                findings.append(finding)
                continue
            }
            guard !hasServices, !hasOtherProxy else { continue }
            let hints = ["KUBE-IPTABLES-HINT", "KUBE-KUBELET-CANARY"]
            let hint = group.flatMap { table in hints.compactMap { chain($0, in: table) } }.first
            let service = cluster.services.first { service in
                service.clusterAddresses.contains { ($0.version == .v4) == (nat.family == .ip) }
            }
            let witness =
                hint.map { DoctorFinding.Evidence(linked.chain($0).place) }
                ?? service.map { DoctorFinding.Evidence($0.place, "a Service that this node is to translate") }
            guard let witness, hint != nil || ownNode != nil, group.first?.family == .ip || service != nil else {
                continue
            }
            var finding = lostServicesFinding(
                "\(hint == nil ? "Services are" : "kubelet's chains are") here, and nothing of kube-proxy's: no Service is translated on this node",
                service == nil ? .risk : .problem, witness, evidence(nat, "has no KUBE-SERVICES"))
            finding.doubts = [
                "whether this cluster does without kube-proxy (Cilium, Calico's eBPF mode, a router that does it)"
            ]
            if hint == nil { finding.doubts.append(otherIptables) }
            findings.append(finding)
        }
        return findings
    }

    private func hasIptablesEndpoints(_ nat: WholeTable) -> Bool {
        linked.ruleset.tables[nat.index].chains.contains { name($0.name).hasPrefix("KUBE-SEP-") }
    }

    /// Whether something else than rules of iptables may translate Services.
    private var hasOtherProxy: Bool {
        if host.virtualServices?.isEmpty == false || hasMaker(.cilium) || interface(named: "kube-ipvs0") != nil {
            return true
        }
        if host.otherDeciders.contains(where: { $0.kind == .bpf || $0.kind == .openVSwitch }) { return true }
        if cluster.felixConfigurations.contains(where: { $0.value("bpfEnabled") == "true" }) { return true }
        return linked.ruleset.tables.contains { $0.isNative && name($0.name) == "kube-proxy" }
            || linked.ruleset.tables.contains { $0.chains.contains { name($0.name) == "KUBE-SERVICES" } }
    }

    private func lostServicesFinding(
        _ title: String, _ severity: DoctorFinding.Severity, _ witness: DoctorFinding.Evidence,
        _ lack: DoctorFinding.Evidence
    ) -> DoctorFinding {
        var finding = DoctorFinding(severity, title, evidence: [witness, lack], remedies: remedies(.kubeProxy))
        finding.traffic = "packets to cluster IPs, node ports and load balancers"
        return finding
    }

    /// kube-proxy's chain that masquerades what is marked has no rule left that does.
    fileprivate var lostMasquerading: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for chain in chains(where: { $0 == .kubeProxy(.postrouting) }) {
            let table = linked.tableIndex(of: chain)
            guard !linked.table(of: chain).isPartial, !mayMasquerade(chain) else { continue }
            let marking = chains { $0 == .kubeProxy(.markMasquerade) }.first { linked.tableIndex(of: $0) == table }
            let isMarked = marking.map { chain in linked.jumps.contains { $0.contains { $0.target == chain } } }
            guard isMarked ?? false else { continue }
            let last = rules(of: chain).last.map { evidence($0, "its last rule, and none of them is MASQUERADE") }
            var finding = DoctorFinding(
                .problem,
                "\(path(of: chain)) masquerades nothing: what kube-proxy marks for it keeps its source",
                evidence: [last ?? DoctorFinding.Evidence(linked.chain(chain).place, "it is empty")]
                    + (marking.map { [DoctorFinding.Evidence(linked.chain($0).place, "marks for it")] } ?? []),
                remedies: remedies(.kubeProxy))
            finding.traffic =
                "node ports, load balancers, and what pods send to themselves by a Service: answers pass this node by, and the connection never opens"
            findings.append(finding)
        }
        return findings
    }

    /// Whether a rule of a chain, or of one that it leads to, translates sources, or can't be read. That of ipvs mode for what
    /// pods send to themselves, which asks a set, does not for all.
    private func mayMasquerade(_ start: ChainID) -> Bool {
        var seen: Set<ChainID> = []
        var waiting = [start]
        while let chain = waiting.popLast() {
            guard seen.insert(chain).inserted else { continue }
            if rules(of: chain).contains(where: { mayTranslateSource($0) && !asksSet($0) }) { return true }
            waiting += linked.jumps[chain.index].compactMap { $0.target }
        }
        return false
    }

    private func asksSet(_ rule: RuleReference) -> Bool {
        linked.rule(rule).statements.contains { if case .match(.set) = $0 { true } else { false } }
    }

    // MARK: Jumps

    private struct Entry {
        var maker: Maker
        var chain: String
        var table: IptablesTable
        var hooks: [String]
        var traffic: String
    }

    private static let entries: [Entry] = [
        Entry(
            maker: .kubeProxy, chain: "KUBE-SERVICES", table: .nat, hooks: ["PREROUTING", "OUTPUT"],
            traffic: "packets to Services: they are not translated"),
        Entry(
            maker: .kubeProxy, chain: "KUBE-POSTROUTING", table: .nat, hooks: ["POSTROUTING"],
            traffic: "packets to Services that have to be masqueraded: answers pass this node by"),
        Entry(
            maker: .kubeProxy, chain: "KUBE-FORWARD", table: .filter, hooks: ["FORWARD"],
            traffic: "packets to Services where FORWARD's policy drops"),
        Entry(
            maker: .calico, chain: "cali-FORWARD", table: .filter, hooks: ["FORWARD"],
            traffic: "packets of pods: no network policy is enforced on them"),
        Entry(
            maker: .calico, chain: "cali-INPUT", table: .filter, hooks: ["INPUT"],
            traffic: "packets to this host: policies of host endpoints and of pods towards it are not enforced"),
        Entry(
            maker: .calico, chain: "cali-OUTPUT", table: .filter, hooks: ["OUTPUT"],
            traffic: "packets of this host: policies of host endpoints are not enforced"),
        Entry(
            maker: .calico, chain: "cali-PREROUTING", table: .raw, hooks: ["PREROUTING"],
            traffic: "packets of pods: nothing keeps them from taking others' addresses"),
        Entry(
            maker: .calico, chain: "cali-PREROUTING", table: .mangle, hooks: ["PREROUTING"],
            traffic: "packets that come in: policies before DNAT are not enforced"),
        Entry(
            maker: .calico, chain: "cali-POSTROUTING", table: .nat, hooks: ["POSTROUTING"],
            traffic: "packets of pods to the outside: they leave with the pod's own address"),
        Entry(
            maker: .docker, chain: "DOCKER", table: .nat, hooks: ["PREROUTING"],
            traffic: "packets to published ports of containers: they are not translated"),
        Entry(
            maker: .docker, chain: "DOCKER", table: .filter, hooks: ["FORWARD"],
            traffic: "packets to published ports of containers: nothing accepts them"),
        Entry(
            maker: .flannel, chain: "FLANNEL-POSTRTG", table: .nat, hooks: ["POSTROUTING"],
            traffic: "packets of pods to the outside: they leave with the pod's own address"),
        Entry(
            maker: .flannel, chain: "FLANNEL-FWD", table: .filter, hooks: ["FORWARD"],
            traffic: "packets of pods where FORWARD's policy drops"),
    ]

    /// Chains of makers that hold rules, and that no rule of the kernel's own chain leads to any more.
    fileprivate var unreachedEntries: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for table in wholeTables {
            for entry in Self.entries where entry.table == table.table {
                guard let id = chain(entry.chain, in: table), !linked.chain(id).rules.isEmpty else { continue }
                let starts = entry.hooks.compactMap { chain($0, in: table) }
                guard starts.count == entry.hooks.count, let base = starts.first(where: { !leads($0, to: id) }) else {
                    continue
                }
                let hook = name(linked.chain(base).name)
                var finding = DoctorFinding(
                    .problem,
                    "\(entry.maker.name)'s rules in \(path(of: id)) are never asked: no rule of \(path(of: base)) leads there",
                    evidence: [
                        DoctorFinding.Evidence(
                            linked.chain(base).place,
                            linked.chain(base).rules.isEmpty
                                ? "\(hook) is empty"
                                : "none of its \(linked.chain(base).rules.count) rules goes to \(entry.chain)"),
                        DoctorFinding.Evidence(linked.chain(id).place),
                    ],
                    remedies: remedies(entry.maker))
                finding.traffic = entry.traffic
                findings.append(finding)
            }
        }
        return findings
    }

    // MARK: Docker

    fileprivate var lostDocker: [DoctorFinding] {
        guard let bridge = interface(named: "docker0"), !bridge.addresses.isEmpty, bridge.isUp,
            !linked.ruleset.tables.contains(where: { $0.isNative && name($0.name) == "docker-bridges" })
        else { return [] }
        let nats = wholeTables.filter { $0.table == .nat && $0.family == .ip }
        let filters = wholeTables.filter { $0.table == .filter && $0.family == .ip }
        guard let nat = nats.first, let filter = filters.first else { return lostDockerTables(bridge) }
        let hasNAT = nats.contains { chain("DOCKER", in: $0) != nil }
        let hasFilter = filters.contains { chain("DOCKER", in: $0) != nil || chain("DOCKER-FORWARD", in: $0) != nil }
        guard !hasNAT || !hasFilter else { return [] }
        let hasContainers = host.interfaces.contains { $0.master == bridge.name && $0.isUp }
        let lacking =
            !hasNAT && !hasFilter ? "neither nat nor filter has" : hasNAT ? "filter does not have" : "nat does not have"
        var finding = DoctorFinding(
            hasNAT != hasFilter || hasContainers ? .problem : .risk,
            "Docker's network docker0 is here, and \(lacking) its chains",
            evidence: [DoctorFinding.Evidence(bridge.place)]
                + (hasNAT ? [] : [evidence(nat, "has no chain DOCKER")])
                + (hasFilter ? [] : [evidence(filter, "has no chain DOCKER")]),
            remedies: remedies(.docker))
        finding.traffic =
            hasNAT
            ? "packets of containers where FORWARD's policy drops"
            : "packets of containers to the outside, and to their published ports"
        finding.doubts =
            !hasNAT && !hasFilter
            ? ["whether dockerd runs with --iptables=false, and then someone else has to do this"] : []
        return [finding]
    }

    /// Where there are native tables alone, and nothing of Docker's in any of them.
    private func lostDockerTables(_ bridge: NetworkInterface) -> [DoctorFinding] {
        let tables = linked.ruleset.tables
        // Chains of one's own may do for containers what Docker's would.
        guard let first = tables.first(where: { $0.isNative && !$0.chains.isEmpty }),
            !tables.contains(where: { $0.iptables != nil }), !hasMaker(.docker), !isAskedFor(bridge)
        else { return [] }
        let hasContainers = host.interfaces.contains { $0.master == bridge.name && $0.isUp }
        var finding = DoctorFinding(
            hasContainers ? .problem : .risk,
            "Docker's network docker0 is here, and no table of iptables or nft has Docker's chains",
            evidence: [
                DoctorFinding.Evidence(bridge.place),
                DoctorFinding.Evidence(
                    first.chains.first?.place ?? first.place,
                    "nft's \(tables.count == 1 ? "only table" : "first of \(tables.count) tables") is \(first.family.name) \(name(first.name))"
                ),
            ], remedies: remedies(.docker))
        finding.traffic = "packets of containers to the outside, and to their published ports"
        finding.doubts = [
            "whether iptables-legacy has Docker's chains, which nft does not list: iptables-legacy-save",
            "whether dockerd runs with --iptables=false, and then someone else has to do this",
        ]
        return [finding]
    }

    /// Whether rules ask for the network or the name of a bridge. firewalld puts every link in a zone: that is no care.
    private func isAskedFor(_ bridge: NetworkInterface) -> Bool {
        chainIDs.contains { chain in
            linked.table(of: chain).family.sees(.v4) && annotations.purpose(of: chain)?.maker != .firewalld
                && rules(of: chain).contains { rule in
                    let ask = asks(rule)
                    let names = [ask.input, ask.output, ask.notInput, ask.notOutput].compactMap { $0 }
                    if names.contains(name(bridge.name)) { return true }
                    return [ask.source, ask.notSource].compactMap { $0 }.contains { prefix in
                        prefix.length >= 8 && bridge.addresses.contains { prefix.contains($0.address) }
                    }
                }
        }
    }
}

extension Maker {
    /// How its rules come back.
    fileprivate var restart: String {
        switch self {
        case .kubeProxy:
            "let kube-proxy write its rules again: restart its pod on this node (kubectl -n kube-system delete pod kube-proxy-…)"
        case .kubelet: "kubelet makes them again within a minute; if not: systemctl restart kubelet"
        case .calico: "let Felix write its rules again: restart calico-node's pod on this node"
        case .docker:
            "let Docker write its rules again: systemctl restart docker, which stops all containers unless live-restore is on (docker info tells)"
        case .flannel: "let flannel write its rules again: restart its pod on this node"
        default: "restart \(name)"
        }
    }
}
