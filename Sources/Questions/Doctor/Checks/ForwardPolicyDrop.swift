internal import Annotations
internal import ChainGraph
internal import PacketPath
internal import PathModel
internal import RuleModel

/// Docker sets FORWARD's policy to DROP when it turns on forwarding itself; what no rule accepts is then dropped.
/// Source: moby libnetwork/drivers/bridge/setup_ip_forwarding.go; kubernetes#40182, moby#39439.
let forwardPolicyDrop = DoctorCheck(
    "forward-policy-drop", "the policy of FORWARD drops what pods send and get, or what this host routes",
    needs: [.interfaces]
) { patient in
    let isDocker = patient.hasMaker(.docker)
    // A router that drops by default may be meant so; one that Docker came upon is not.
    let flows = patient.podFlows + (isDocker ? patient.routedFlows : [])
    var findings: [DoctorFinding] = []
    for chain in patient.baseChains(.forward) {
        let own = patient.linked.chain(chain)
        guard own.base?.policy == .drop else { continue }
        var hit: [(text: String, example: String)] = []
        for flow in flows {
            guard let (trace, options) = patient.trace(flow.packet), trace.outcome == .dropped,
                let index = trace.decidedBy, index < trace.steps.count,
                case .policy(chain, .drop) = trace.steps[index].kind
            else { continue }
            hit.append((flow.text, options))
        }
        guard let first = hit.first else { continue }
        let docker = isDocker ? "; Docker sets it so when it turns on forwarding itself" : ""
        var finding = DoctorFinding(
            .problem,
            "the policy of \(patient.linked.path(of: chain)) is DROP, and no rule there accepts \(first.text)",
            evidence: [DoctorFinding.Evidence(own.place)],
            remedies: [
                "accept it in FORWARD"
                    + (isDocker ? " (Docker leaves DOCKER-USER to you)" : "")
                    + ", or set the policy to ACCEPT: iptables -P FORWARD ACCEPT\(docker)"
            ])
        finding.traffic = hit.map { $0.text }.joined(separator: ", ")
        finding.example = first.example
        findings.append(finding)
    }
    return findings
}
