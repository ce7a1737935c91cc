internal import Annotations
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Calico knows nodes by their names: two with one name are one to it, and one that was renamed is a new one.
/// Source: calico/node/pkg/lifecycle/startup (determineNodeName); guides of operators.
let nodeNaming = DoctorCheck(
    "node-names", "nodes with the same host name, or one whose name is not that of its object", needs: [.objectsOrNodes]
) { patient in
    guard patient.hasCalico, !patient.host.name.isEmpty, !patient.host.isRedacted else { return [] }
    return patient.sharedHostNames + patient.renamedHost
}

extension Patient {
    fileprivate var sharedHostNames: [DoctorFinding] {
        let own = host.interfaces.flatMap({ $0.addresses }).map({ $0.address })
        let twins = fleet.nodes(named: host.name, but: number).filter { other in
            // One node twice in the input has its own addresses.
            !other.links.flatMap({ $0.addresses }).contains {
                !$0.isLoopback && !$0.isLinkLocal && own.contains($0)
            }
        }
        guard !twins.isEmpty, let link = uplinks.first else { return [] }
        var finding = DoctorFinding(
            .problem, "two nodes of the input are called \(host.name): Calico takes them for one",
            evidence: [
                DoctorFinding.Evidence(
                    link.place, "this one has \(address(of: link).map { "\($0)" } ?? "another address")")
            ],
            remedies: [
                "give one another name (hostnamectl set-hostname), delete its node object, and restart calico-node and kubelet there"
            ])
        finding.traffic =
            "packets to pods of the node that started last, or of the other: routes and blocks are under one name"
        return [finding]
    }

    fileprivate var renamedHost: [DoctorFinding] {
        guard let known = ownNode, firstLabel(known) != firstLabel(host.name.lowercased()),
            let node = cluster.nodes.first(where: { $0.name == known })
        else { return [] }
        var finding = DoctorFinding(
            .note, "this host is called \(host.name), and the cluster calls the node with its address \(known)",
            evidence: [DoctorFinding.Evidence(node.place)],
            remedies: [
                "if the host was renamed: delete the node of the old name (calicoctl delete node \(known)) once kubelet and calico-node run under the new one"
            ])
        finding.doubts = [
            "whether kubelet runs with --hostname-override, and calico-node with NODENAME: then it is meant so"
        ]
        return [finding]
    }

    /// Clouds call a node by its whole name, and the host by the first part.
    private func firstLabel(_ name: String) -> String {
        name.split(separator: ".", maxSplits: 1).first.map(String.init) ?? name
    }
}
