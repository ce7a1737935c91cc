internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// An untracked policy lets a packet in without conntrack, so that answers are no known connection's: they need a
/// policy of their own.
/// Source: felix/rules/static.go, felix/rules/policy.go; calico#2609 = felix#2021, calico#1134.
let untrackedPolicy = DoctorCheck(
    "untracked-policy", "answers to what an untracked policy (doNotTrack) lets in are dropped", needs: [.interfaces]
) { patient in
    var findings: [DoctorFinding] = []
    for chain in patient.chainIDs {
        guard case .calico(.hostEndpoint(let interface, .ingress, .untracked))? = patient.annotations.purpose(of: chain)
        else { continue }
        let name = interface.isEmpty ? patient.uplinks.first.map { patient.name($0.name) } : interface
        guard let name, let device = patient.interface(named: name), let own = patient.address(of: device) else {
            continue
        }
        for rule in patient.rulesThatAllow(from: chain) {
            let ask = patient.asks(rule)
            guard let transport = ask.protocol, transport == .tcp || transport == .udp, let port = ask.ports?.first
            else { continue }
            let client = ask.source.map { sampleAddress($0) }
            let source: PacketEnd = client.map { .address($0) } ?? .internet
            let asked = patient.packet(in: name, from: source, to: .address(own), transport, port: port)
            guard let there = patient.follow(asked)?.agreed, there.outcome == .delivered,
                there.rules.contains(where: { $0.rule == rule })
            else { continue }
            var answer = patient.packet(in: nil, from: .address(own), to: source, transport, port: 40000)
            answer.sourcePort = port
            if transport == .tcp { answer.tcpFlags = [.syn, .ack] }
            guard let followed = patient.follow(answer), let way = followed.agreed, way.isLost, let last = way.rule
            else { continue }
            var finding = DoctorFinding(
                .problem,
                "answers to what the untracked policy lets in on \(transport.shortName) port \(port) are dropped: \(patient.cite(last))",
                evidence: [patient.evidence(rule, "lets it in untracked"), patient.evidence(last)],
                remedies: [
                    "allow the answers in the same doNotTrack policy: an egress rule with source port \(port)"
                ])
            finding.traffic = "clients of \(transport.shortName) port \(port) by \(name)"
            finding.example = followed.options
            findings.append(finding)
        }
    }
    return findings
}

extension Patient {
    /// Rules of the policies that a host endpoint's chain asks, which allow.
    fileprivate func rulesThatAllow(from chain: ChainID) -> [RuleReference] {
        let policies = linked.jumps[chain.index].compactMap { $0.target }
        return rules(in: policies) { purpose in
            guard case .calico(.policyRule(_, _, let part)) = purpose else { return false }
            return part.action == .allow && part.step == .decision
        }
    }
}
