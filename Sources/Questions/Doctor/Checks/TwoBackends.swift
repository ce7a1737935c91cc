internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// iptables-legacy and iptables-nft both hold rules: a packet must get through both, and each tool shows its own only.
/// Source: kubernetes#71305, #76431, #82361; calico#4520, #10538; cilium#28260.
let twoBackends = DoctorCheck(
    "two-iptables", "iptables-legacy and iptables-nft both have rules in force"
) { patient in
    var findings: [DoctorFinding] = []
    for family in [TableFamily.ip, .ip6] {
        let legacy = patient.firstRules(.legacy, family)
        let nft = patient.firstRules(.nfTables, family)
        guard let first = legacy.first, let second = nft.first, !patient.isSameDump(legacy, nft) else { continue }
        let tool = family == .ip ? "iptables" : "ip6tables"
        let both = patient.makers(legacy).filter { patient.makers(nft).contains($0) }
        let drops = (legacy + nft).filter { patient.mayLose($0) }
        var finding = DoctorFinding(
            both.isEmpty ? .risk : .problem,
            "\(tool)-legacy and -nft both have rules in force"
                + (both.isEmpty
                    ? "" : ", and \(list(both.map({ $0.name }))) has chains in both: those of one are left over"),
            evidence: [
                patient.evidence(first, "of \(tool)-legacy"), patient.evidence(second, "of \(tool)-nft"),
            ],
            remedies: [
                "decide for the one that kubelet, kube-proxy and the network plugin use (iptables -V in their containers); write for it what the other is to keep closed, and then empty the other, policies first: -F leaves them as they are",
                "to empty \(tool)-legacy: \(patient.emptying(.legacy, family))",
                "to empty \(tool)-nft: \(patient.emptying(.nfTables, family))",
            ])
        finding.traffic =
            "every packet: it has to be accepted by both, and the first of both that translates it decides"
        if drops.isEmpty, both.isEmpty { finding.severity = .note }
        findings.append(finding)
    }
    return findings
}

extension Patient {
    /// The first rule of each chain of iptables' tables of a backend.
    fileprivate func firstRules(_ backend: Backend, _ family: TableFamily) -> [RuleReference] {
        chainIDs.compactMap { chain in
            let table = linked.table(of: chain)
            guard table.backend == backend, table.iptables != nil, table.family == family else { return nil }
            return linked.chain(chain).rules.isEmpty ? nil : RuleReference(chain: chain, index: 0)
        }
    }

    /// Whether both are one dump that came in twice, once taken for one of legacy: its header does not always tell.
    fileprivate func isSameDump(_ legacy: [RuleReference], _ nft: [RuleReference]) -> Bool {
        guard legacy.count == nft.count, legacy.count > 3 else { return false }
        return zip(legacy, nft).allSatisfy { a, b in
            let (first, second) = (linked.chain(a.chain), linked.chain(b.chain))
            return first.name == second.name && first.rules.map { $0.statements } == second.rules.map { $0.statements }
        }
    }

    fileprivate func makers(_ rules: [RuleReference]) -> [Maker] {
        var found: [Maker] = []
        for rule in rules {
            guard let maker = annotations.purpose(of: rule.chain)?.maker, !found.contains(maker) else { continue }
            found.append(maker)
        }
        return found
    }

    /// Whether the chain of a rule drops, rejects or translates.
    fileprivate func mayLose(_ rule: RuleReference) -> Bool {
        if linked.chain(rule.chain).base?.policy == .drop { return true }
        return linked.chain(rule.chain).rules.contains { rule in
            switch rule.target {
            case .drop?, .reject?, .dnat?, .snat?, .masquerade?, .redirect?, .netmap?: true
            default: false
            }
        }
    }
}

/// Rules that one version of iptables wrote and another read wrongly: a part of them is gone.
/// Source: kubernetes#95409 (`DNAT [unsupported revision]`), #114537 (`--to-destination :0 --persistent`), #112477
/// (1.8.8's mark matches, which older versions do not see).
let misreadRules = DoctorCheck(
    "misread-rules", "rules that another version of iptables wrote, of which a part is lost"
) { patient in
    var findings: [DoctorFinding] = []
    let hint =
        "use one version of iptables on the host and in the containers of kubelet, kube-proxy and the network plugin; then restart those, so that they write their rules anew"
    var garbled: [RuleReference] = []
    var empty: [RuleReference] = []
    for chain in patient.chainIDs where patient.linked.table(of: chain).iptables != nil {
        for rule in patient.rules(of: chain) {
            if patient.isGarbled(rule) { garbled.append(rule) }
            if patient.isEmptyTranslation(rule) { empty.append(rule) }
        }
    }
    if !garbled.isEmpty {
        findings.append(
            DoctorFinding(
                .risk,
                "\(counted(UInt64(garbled.count), "rule")) " + (garbled.count == 1 ? "is" : "are")
                    + " of a revision that the iptables which made this dump does not know",
                evidence: garbled.prefix(4).map { patient.evidence($0) },
                remedies: [
                    hint, "the kernel still does what the rule was; who restores this dump loses it",
                ]))
    }
    if !empty.isEmpty {
        var finding = DoctorFinding(
            .problem,
            "\(counted(UInt64(empty.count), "rule")) of DNAT " + (empty.count == 1 ? "has" : "have")
                + " lost the address to translate to",
            evidence: empty.prefix(4).map { patient.evidence($0) }, remedies: [hint])
        finding.traffic = "what goes to the Services or ports of these rules"
        finding.doubts = ["an iptables that only shows them so leaves the kernel's rules as they were"]
        findings.append(finding)
    }
    findings += patient.lostMarks(hint)
    return findings
}

extension Patient {
    fileprivate func isGarbled(_ rule: RuleReference) -> Bool {
        for statement in linked.rule(rule).statements {
            switch statement {
            case .target(.unknown(_, let text)), .match(.unknown(_, let text)):
                if name(text).holds("[unsupported revision]") { return true }
            case .target, .match: break
            }
        }
        return false
    }

    /// `-j DNAT --to-destination :0 --persistent`
    fileprivate func isEmptyTranslation(_ rule: RuleReference) -> Bool {
        guard case .dnat(let nat)? = ending(rule) else { return false }
        return nat.addresses == nil && (nat.ports == nil || nat.ports == PortRange(0))
    }

    /// Rules that by their comments are for marked packets and ask for no mark.
    fileprivate func lostMarks(_ hint: String) -> [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for chain in chains(named: "KUBE-FIREWALL") {
            for rule in rules(of: chain) where isForMarked(rule) && asks(rule).isUnconditional {
                guard ending(rule)?.refuses == true else { continue }
                var finding = DoctorFinding(
                    .problem, "\(cite(rule)) drops everything: its mark match is lost",
                    evidence: [evidence(rule, "it is for packets that are marked with 0x8000")], remedies: [hint])
                finding.traffic = "all that comes to this host and all that it sends"
                findings.append(finding)
            }
        }
        for chain in chains(named: "KUBE-POSTROUTING") {
            guard let first = rules(of: chain).first, asks(first).isUnconditional else { continue }
            switch ending(first) {
            case .return?:
                var finding = DoctorFinding(
                    .problem, "\(cite(first)) leaves before anything is masqueraded: its mark match is lost",
                    evidence: [evidence(first)], remedies: [hint])
                finding.traffic = "node ports and what pods send to themselves by a Service: no source is translated"
                findings.append(finding)
            case .masquerade?:
                var finding = DoctorFinding(
                    .problem, "\(cite(first)) masquerades everything: its mark match is lost",
                    evidence: [evidence(first)], remedies: [hint])
                finding.traffic = "all that leaves this node: everyone sees the node's address"
                findings.append(finding)
            default: break
            }
        }
        return findings
    }

    private func isForMarked(_ rule: RuleReference) -> Bool {
        for case .match(.comment(let comment)) in linked.rule(rule).statements {
            if name(comment).holds("dropping marked packets") { return true }
        }
        return false
    }
}
