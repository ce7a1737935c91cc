internal import NetTypes
internal import RuleModel

/// Rules, sets and routes of pods are kept by daemons: where one stopped, they stay as they were.
/// Source: calicoctl/calicoctl/commands/node/status.go, v3.31; guides of operators.
let daemonsDown = DoctorCheck(
    "daemons-down", "a daemon that keeps this node's rules or routes is not running, or not ready", needs: [.objects]
) { patient in
    patient.missingDaemons + patient.unreadyAgents
}

extension Patient {
    fileprivate var missingDaemons: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for missing in cluster.missingDaemons {
            let evidence = DoctorFinding.Evidence(missing.place)
            let versions: [IPVersion]
            switch missing.daemon {
            case .felix:
                var finding = DoctorFinding(
                    .problem, "Felix does not run on this node: its rules, sets and routes of pods stay as they were",
                    evidence: [evidence],
                    remedies: [
                        "kubectl get pods -A -l k8s-app=calico-node -o wide, and the log of this node's: kubectl logs -n NAMESPACE POD -c calico-node"
                    ])
                finding.traffic = "packets of pods that were made, moved or deleted since, and of changed policies"
                finding.doubts = [
                    "whether calicoctl could see the host's processes: in a container it needs the host's process namespace"
                ]
                findings.append(finding)
                continue
            case .birdV4: versions = [.v4]
            case .birdV6: versions = [.v6]
            case .bird: versions = [.v4, .v6]
            }
            // VXLAN, and clusters without IPv6, go without.
            let needs = versions.compactMap { needForBGP($0) }
            guard !needs.isEmpty else { continue }
            var finding = DoctorFinding(
                .problem,
                "BIRD does not run on this node\(versions == [.v6] ? " for IPv6" : ""), and routes to pods come by BGP",
                evidence: [evidence] + needs,
                remedies: [
                    "kubectl get pods -A -l k8s-app=calico-node -o wide, and the log of this node's: confd writes BIRD's configuration, and BIRD starts behind it"
                ])
            finding.traffic =
                "packets between this node's pods and other nodes': neither side learns the other's blocks"
            finding.doubts = ["whether BIRD's socket was out of calicoctl's reach: then birdcl in calico-node answers"]
            findings.append(finding)
        }
        return findings
    }

    /// What shows that nodes exchange routes of this version by BGP.
    private func needForBGP(_ version: IPVersion) -> DoctorFinding.Evidence? {
        if let peer = cluster.bgpPeers.first(where: { $0.peerAddress?.version == version }) {
            return DoctorFinding.Evidence(peer.place)
        }
        if let pool = cluster.pools.first(where: {
            $0.range.address.version == version && $0.ipip != .never && !$0.isDisabled
        }), !felixMakesRoutes {
            return DoctorFinding.Evidence(pool.place, "IPIP needs routes by BGP")
        }
        return nil
    }

    /// Since v3.31 Felix can make the routes of IPIP without BIRD (`programClusterRoutes`).
    private var felixMakesRoutes: Bool {
        cluster.felixConfigurations.contains { $0.value("programClusterRoutes")?.lowercased() == "enabled" }
    }

    /// Pods of daemons that write rules, by the label that their makers give them.
    private static let agents = [
        "calico-node": "Calico's rules, sets and routes", "kube-proxy": "the rules of Services",
        "canal": "Calico's rules and flannel's routes", "kube-router": "kube-router's rules, sets and routes",
    ]

    fileprivate var unreadyAgents: [DoctorFinding] {
        guard let ownNode else { return [] }
        var findings: [DoctorFinding] = []
        for pod in cluster.pods where pod.node == ownNode && pod.isReady == false && !pod.isFinished {
            guard let app = pod.labels.first(where: { $0.key == "k8s-app" })?.value, let written = Self.agents[app]
            else { continue }
            var finding = DoctorFinding(
                .risk, "\(pod.namespace)/\(pod.name), which writes \(written) on this node, is not ready",
                evidence: [DoctorFinding.Evidence(pod.place)],
                remedies: [
                    "kubectl describe pod -n \(pod.namespace) \(pod.name); kubectl logs -n \(pod.namespace) \(pod.name)"
                ])
            finding.traffic = "packets that newer pods, policies or Services are about, if it writes nothing meanwhile"
            finding.doubts = ["whether what it writes is whole: its probes fail for other reasons too"]
            findings.append(finding)
        }
        return findings
    }
}
