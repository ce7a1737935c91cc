internal import Annotations
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Routes of type blackhole, unreachable or prohibit for pods of other nodes. For a block of its own a node has one too,
/// below the routes of its pods: what is for no pod must not leave again by the default route.
extension Patient {
    /// Someone whose packets a route refuses.
    private struct Refused {
        var text: String
        var evidence: DoctorFinding.Evidence
        var doubts: [String] = []
    }

    var refusingRoutes: [DoctorFinding] {
        host.routes.compactMap { route in
            guard let verb = refusal(route.type), route.table == RoutingRule.mainTable, route.destination.length > 0,
                let refused = refused(by: route)
            else { return nil }
            var finding = DoctorFinding(
                .problem, "the route to \(route.destination) \(verb) what goes to \(refused.text)",
                evidence: [DoctorFinding.Evidence(route.place), refused.evidence],
                remedies: [
                    "see whose block it is (calicoctl ipam show --show-blocks, calicoctl ipam check); if it is another node's: ip route del \(route.destination), and restart the network plugin's pod on this node, which writes the route to that node"
                ])
            finding.traffic = "all that this node and its pods send there"
            finding.doubts = refused.doubts
            return finding
        }
    }

    private func refusal(_ type: RouteType) -> String? {
        switch type {
        case .blackhole: "drops"
        case .unreachable, .prohibit: "refuses"
        case .unicast, .local, .broadcast, .anycast, .multicast, .throw, .nat: nil
        }
    }

    /// Who is behind a refusing route that is not for this node's own pods.
    private func refused(by route: Route) -> Refused? {
        let range = route.destination
        let isOthers = { (address: IPAddress) in
            range.contains(address) && decidingRoute(to: IPPrefix(host: address)) == route
        }
        if let ownNode {
            for block in cluster.addressBlocks where !block.node.isEmpty && block.node != ownNode {
                guard decidingRoute(to: block.range) == route else { continue }
                return Refused(
                    text: "the block \(block.range) of node \(block.node)",
                    evidence: DoctorFinding.Evidence(block.place))
            }
            for pod in runningPods where !pod.node.isEmpty && pod.node != ownNode {
                guard let address = pod.addresses.first(where: isOthers) else { continue }
                return Refused(
                    text: "pod \(pod.namespace)/\(pod.name) (\(address)) of node \(pod.node)",
                    evidence: DoctorFinding.Evidence(pod.place))
            }
        }
        if let (node, address) = fleet.pod(of: range, but: number), isOthers(address) {
            return Refused(
                text: "the pod \(address) of \(node.name.isEmpty ? "another node" : node.name)",
                evidence: DoctorFinding.Evidence(.none, "another node of the input has a route to it by a pod's link"))
        }
        // Without objects: a block that neither a pod of this node nor its tunnel has an address of is another's.
        guard !localPods.contains(where: { range.contains($0.address) }),
            !host.interfaces.contains(where: { $0.addresses.contains { range.contains($0.address) } })
        else { return nil }
        for (name, endpoints) in serviceEndpoints.sorted(by: { $0.key.text < $1.key.text }) {
            for endpoint in endpoints {
                guard let address = addressPart(endpoint), isOthers(address) else { continue }
                return Refused(
                    text: "the endpoint \(endpoint) of \(name.text)",
                    evidence: DoctorFinding.Evidence(
                        .none, "kube-proxy's rules translate to it, and no pod of this node is in that range"),
                    doubts: ["whether the block is this node's own, and the pod with this address is gone"])
            }
        }
        return nil
    }

    /// The route of the main table that packets to all of `range` take.
    private func decidingRoute(to range: IPPrefix) -> Route? {
        var best: Route?
        for route in host.routes where route.table == RoutingRule.mainTable {
            guard route.destination.length <= range.length, route.destination.contains(range.address),
                route.type != .throw
            else { continue }
            if let best, (best.destination.length, route.metric) >= (route.destination.length, best.metric) {
                continue
            }
            best = route
        }
        return best
    }
}
