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
    // A router that drops by default may be meant so; one that Docker came upon is not.
    let flows = patient.podFlows + (patient.hasMaker(.docker) ? patient.routedFlows : [])
    var findings: [DoctorFinding] = []
    for chain in patient.baseChains(.forward) {
        let own = patient.linked.chain(chain)
        guard own.base?.policy == .drop else { continue }
        var hit: [(text: String, example: String, view: PacketView)] = []
        for flow in flows {
            guard let (trace, options) = patient.trace(flow.packet), trace.outcome == .dropped,
                let index = trace.decidedBy, index < trace.steps.count,
                case .policy(chain, .drop) = trace.steps[index].kind
            else { continue }
            hit.append((flow.text, options, trace.steps[index].view))
        }
        guard let first = hit.first else { continue }
        var finding = DoctorFinding(
            .problem, "the policy of \(patient.path(of: chain)) is DROP, and no rule there accepts \(first.text)",
            evidence: [DoctorFinding.Evidence(own.place)], remedies: patient.openings(of: chain, to: first.view))
        finding.traffic = hit.map { $0.text }.joined(separator: ", ")
        finding.example = first.example
        findings.append(finding)
    }
    return findings
}

extension Patient {
    /// How a packet gets through a chain whose policy drops it. What another tool's chain accepts changes nothing here.
    fileprivate func openings(of chain: ChainID, to view: PacketView) -> [String] {
        let policy = "or set the policy to ACCEPT: \(acceptingPolicy(chain))"
        guard iptables(for: chain) != nil else {
            var words = ["nft add rule", nftName(chain)]
            if let symbol = view.inInterface { words.append("iifname \"\(name(symbol))\"") }
            if let symbol = view.outInterface { words.append("oifname \"\(name(symbol))\"") }
            return [
                "accept it in this chain itself, which no rule of iptables reaches: \(words.joined(separator: " ")) accept, with another for the answers; \(policy)",
                "do the same in the file that the table is loaded from (/etc/nftables.conf for one), or by the program that it is of",
            ]
        }
        let isDockers = chains(named: "DOCKER-USER").contains { leads(chain, to: $0) }
        return [
            "accept it in \(path(of: chain))" + (isDockers ? " (Docker leaves DOCKER-USER to you)" : "") + ", " + policy
                + (isDockers ? "; Docker sets it to DROP when it turns on forwarding itself" : "")
        ]
    }
}
