internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Two pods have one address, or one pod's address has two routes.
/// Source: guides of operators; libcalico-go/lib/ipam.
let duplicateAddress = DoctorCheck(
    "duplicate-address", "two pods with one address, or routes of one address to two links"
) { patient in
    patient.sharedAddresses + patient.doubleRoutes + patient.addressesElsewhere
}

extension Patient {
    private func delete(_ address: IPAddress) -> [String] {
        [
            "delete one of the pods, so that it gets another address (kubectl delete pod)",
            "calicoctl ipam show --ip=\(address) tells whose it is; calicoctl ipam check finds others",
        ]
    }

    fileprivate var sharedAddresses: [DoctorFinding] {
        var holders: [IPAddress: [(text: String, place: Place)]] = [:]
        var order: [IPAddress] = []
        for pod in runningPods {
            for address in pod.addresses {
                if holders[address] == nil { order.append(address) }
                holders[address, default: []].append(
                    ("pod \(pod.namespace)/\(pod.name)\(pod.node.isEmpty ? "" : " on \(pod.node)")", pod.place))
            }
        }
        // Calico's own view of pods that Kubernetes has too tells nothing more.
        for endpoint in cluster.workloadEndpoints where !endpoint.pod.isEmpty && cluster.pods.isEmpty {
            for address in endpoint.addresses {
                if holders[address] == nil { order.append(address) }
                holders[address, default: []].append(("\(endpoint.namespace)/\(endpoint.pod)", endpoint.place))
            }
        }
        var findings: [DoctorFinding] = []
        for address in order {
            guard let both = holders[address], both.count > 1 else { continue }
            var finding = DoctorFinding(
                .problem, "\(list(both.map({ $0.text }))) have the same address \(address)",
                evidence: both.prefix(4).map { DoctorFinding.Evidence($0.place) }, remedies: delete(address))
            finding.traffic = "packets to \(address): each node sends them to the pod that it has a route to"
            findings.append(finding)
        }
        return findings
    }

    fileprivate var doubleRoutes: [DoctorFinding] {
        var first: [IPPrefix: Route] = [:]
        var findings: [DoctorFinding] = []
        for route in host.routes {
            guard route.destination.isHost, route.type == .unicast, route.table == RoutingRule.mainTable,
                let link = route.interface, name(link).hasPrefix("cali") || route.nextHops.first?.gateway == nil
            else { continue }
            guard let before = first[route.destination] else {
                first[route.destination] = route
                continue
            }
            guard let other = before.interface, other != link,
                name(link).hasPrefix("cali") || name(other).hasPrefix("cali")
            else { continue }
            let winner = before.metric <= route.metric ? before : route
            var finding = DoctorFinding(
                .problem,
                "\(route.destination.address) is routed to two links, \(name(other)) and \(name(link)): only \(winner.interface.map(name) ?? "") gets packets",
                evidence: [DoctorFinding.Evidence(before.place), DoctorFinding.Evidence(route.place)],
                remedies: delete(route.destination.address) + ["ip route del the one whose pod is gone"])
            finding.traffic = "packets to the pod behind the other link"
            findings.append(finding)
        }
        return findings
    }

    /// Addresses that this node and another one of the input both route to a link of a pod.
    fileprivate var addressesElsewhere: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for route in host.routes where route.destination.isHost && route.type == .unicast {
            guard let link = route.interface, name(link).hasPrefix("cali") else { continue }
            let address = route.destination.address
            for other in fleet.nodes(withPod: address, but: number) {
                guard let theirLink = other.podRoutes[address] else { continue }
                var finding = DoctorFinding(
                    .problem,
                    "\(address) is a pod's here (\(name(link))) and one's on \(other.name.isEmpty ? "another node" : other.name) (\(theirLink))",
                    evidence: [DoctorFinding.Evidence(route.place)], remedies: delete(address))
                finding.traffic = "packets to \(address): each node sends them to its own pod"
                findings.append(finding)
            }
        }
        return findings
    }
}
