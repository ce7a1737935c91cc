internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// The AWS VPC CNI's parts do not fit together: SNAT to an address that is gone, a connection's mark without the routing
/// rule that reads it, a pod's routing rule without the table or the route.
/// Source: amazon-vpc-cni-k8s pkg/networkutils/network.go (v1.15); amazon-vpc-cni-k8s#75, PR #130, #1462, #2025.
let awsVPC = DoctorCheck(
    "aws-vpc", "the AWS VPC CNI's SNAT, connection mark and routing rules do not fit together"
) { patient in
    patient.lostNodeAddress + patient.brokenConnectionMark + patient.brokenPodRules
}

/// The bit by which answers leave by the primary interface.
private let primaryMark: UInt32 = 0x80

extension Patient {
    private var awsRules: [(rule: RuleReference, target: Target)] {
        // Large rule sets of others need not be looked through.
        let words = ["AWS-SNAT-CHAIN-0", "AWS, primary ENI", "aws-cni"]
        guard words.contains(where: { model.names.find($0) != nil }) else { return [] }
        var found: [(rule: RuleReference, target: Target)] = []
        for chain in chainIDs {
            let isBase = linked.chain(chain).base != nil
            guard isBase || annotations.purpose(of: chain)?.maker == .awsVPC else { continue }
            for rule in rules(of: chain) {
                guard let target = ending(rule), annotations.purpose(of: rule)?.maker == .awsVPC else {
                    continue
                }
                found.append((rule, target))
            }
        }
        return found
    }

    fileprivate var lostNodeAddress: [DoctorFinding] {
        guard host.knowsAddressesV4 else { return [] }
        var findings: [DoctorFinding] = []
        for (rule, target) in awsRules {
            guard case .snat(let range) = target, let address = range.addresses?.first, !isOwn(address) else {
                continue
            }
            var finding = DoctorFinding(
                .problem, "pods leave the VPC by \(address), which no interface of this node has",
                evidence: [evidence(rule)]
                    + uplinks.prefix(1).map { DoctorFinding.Evidence($0.place, "the interface to the outside") },
                remedies: [
                    "restart aws-node on this node, so that it takes the primary address anew; see whether the instance's primary address was changed"
                ])
            finding.traffic = "what pods of this node send out of the VPC: answers do not come back"
            findings.append(finding)
        }
        return findings
    }

    fileprivate var brokenConnectionMark: [DoctorFinding] {
        guard let rules = host.routingRulesV4 else { return [] }
        let restore = awsRules.first { _, target in
            guard case .connectionMark(let operation) = target else { return false }
            return operation.operation == .restore && operation.packetMask & primaryMark != 0
        }
        let marked = rules.first { rule in
            guard let mark = rule.mark, !rule.isNegated else { return false }
            return mark.mask & primaryMark != 0 && mark.value & primaryMark != 0
        }
        let traffic =
            "answers of pods on secondary interfaces to clients of node ports: they leave by the pod's own interface and are lost"
        if let restore, marked == nil {
            var finding = DoctorFinding(
                .problem, "the mark 0x80 is taken from the connection, and no routing rule reads it",
                evidence: [evidence(restore.rule), DoctorFinding.Evidence(.none, "ip rule has no 'fwmark 0x80/0x80'")],
                remedies: [
                    "ip rule add priority 1024 fwmark 0x80/0x80 lookup main, and restart aws-node on this node to have it made"
                ])
            finding.traffic = traffic
            return [finding]
        }
        if let marked, restore == nil, hasAWS,
            let mangle = wholeTables.first(where: { $0.table == .mangle && $0.family == .ip })
        {
            var finding = DoctorFinding(
                .problem, "a routing rule reads the mark 0x80, and no rule takes it from the connection",
                evidence: [
                    DoctorFinding.Evidence(marked.place), evidence(mangle, "has no CONNMARK --restore-mark with 0x80"),
                ],
                remedies: ["restart aws-node on this node; something flushed mangle PREROUTING"])
            finding.traffic = traffic
            return [finding]
        }
        return []
    }

    private var hasAWS: Bool {
        !awsRules.isEmpty || host.interfaces.contains { isAWSLink($0) }
    }

    private func isAWSLink(_ interface: NetworkInterface) -> Bool {
        let text = name(interface.name)
        return text.hasPrefix("eni") && text.utf8.count == 14
    }

    /// Pods' own routing rules.
    fileprivate var brokenPodRules: [DoctorFinding] {
        guard hasAWS, let rules = host.routingRulesV4 else { return [] }
        var findings: [DoctorFinding] = []
        let toRules = rules.filter { rule in
            rule.to?.isHost == true && rule.action == .lookup(table: RoutingRule.mainTable)
        }
        for rule in rules {
            guard let from = rule.from, from.isHost, case .lookup(let table) = rule.action,
                table != RoutingRule.mainTable, table != RoutingRule.localTable
            else { continue }
            let pod = from.address
            let link = host.routes.first { $0.destination == from && $0.table == RoutingRule.mainTable }
            if host.routesKnownV4 == .allTables, !host.routes.contains(where: { $0.table == table }) {
                var finding = DoctorFinding(
                    .problem, "the pod \(pod) is routed by table \(table), which has no route",
                    evidence: [DoctorFinding.Evidence(rule.place)],
                    remedies: [
                        "restart aws-node on this node; see whether its secondary interface is still attached (aws ec2 describe-instances)"
                    ])
                finding.traffic =
                    "all that \(pod) sends, but for what is in its own subnet of routes: the next table decides"
                findings.append(finding)
            } else if link == nil, host.routesKnownV4 != .none {
                findings.append(
                    DoctorFinding(
                        .note, "a routing rule is left of \(pod), which no route leads to: a pod that is gone",
                        evidence: [DoctorFinding.Evidence(rule.place)],
                        remedies: ["ip rule del from \(pod): the next pod with this address may have another interface"]
                    ))
            } else if let link, !toRules.isEmpty, !toRules.contains(where: { $0.to == from }) {
                var finding = DoctorFinding(
                    .problem, "no routing rule sends what is for the pod \(pod) to the main table",
                    evidence: [
                        DoctorFinding.Evidence(link.place),
                        DoctorFinding.Evidence(.none, "ip rule has no 'to \(pod) lookup main'"),
                    ],
                    remedies: ["ip rule add priority 512 to \(pod) lookup main; restart aws-node on this node"])
                finding.traffic = "what other pods of this node send to \(pod): it leaves by their own interface"
                findings.append(finding)
            }
        }
        return findings
    }
}
