internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// The way to pods of another node is broken: no route to its block, one that refuses, a next hop that is not that node's,
/// or a wrong entry of the neighbour or forwarding table of the tunnel.
/// Source: felix/dataplane/linux/vxlan_mgr.go, flannel pkg/backend/vxlan; guides of operators.
let podRoutes = DoctorCheck(
    "pod-routes", "the way to pods of other nodes is broken: route, next hop, neighbour or forwarding entry",
    needs: [.routes]
) { patient in
    let missing = patient.missingRoutes
    return missing + (missing.isEmpty ? patient.unroutedTunnels : []) + patient.refusingRoutes
        + patient.wrongNextHops + patient.wrongNeighbours + patient.plainRoutes
}

extension Patient {
    /// Whether this is a node whose pods' routes are in its own table.
    private var routesPods: Bool {
        host.routesKnownV4 != .none
            && host.routes.contains { route in
                route.nextHops.contains { hop in
                    guard let symbol = hop.interface else { return false }
                    let text = name(symbol)
                    return text.hasPrefix("cali") || text.hasPrefix("vxlan.calico") || text.hasPrefix("flannel.")
                        || text == "tunl0"
                }
            }
    }

    /// Whether a route other than a default one is for `address`; one that refuses is told of by itself.
    func hasOwnRoute(_ address: IPAddress) -> Bool {
        host.routes.contains { $0.destination.length > 0 && $0.destination.contains(address) }
    }

    // MARK: Routes

    fileprivate var missingRoutes: [DoctorFinding] {
        guard routesPods, let ownNode else { return [] }
        var missing: [(text: String, place: Place)] = []
        for block in cluster.addressBlocks
        where block.range.address.version == .v4 && !block.node.isEmpty && block.node != ownNode {
            guard nodeNames.contains(block.node), !hasOwnRoute(block.range.address) else { continue }
            missing.append(("\(block.range) of node \(block.node)", block.place))
        }
        if missing.isEmpty {
            for pod in runningPods where !pod.node.isEmpty && pod.node != ownNode {
                guard let address = pod.addresses.first(where: { $0.version == .v4 }), !hasOwnRoute(address),
                    podRanges.contains(where: { $0.contains(address) })
                else { continue }
                missing.append(("\(address) (pod \(pod.namespace)/\(pod.name) on node \(pod.node))", pod.place))
            }
        }
        guard !missing.isEmpty else { return [] }
        var finding = DoctorFinding(
            .problem, "no route leads to \(list(missing.map({ $0.text })))",
            evidence: missing.prefix(4).map { DoctorFinding.Evidence($0.place) }
                + [DoctorFinding.Evidence(.none, "ip route has no route there but the default one")],
            remedies: [
                "with BGP: calicoctl node status, birdcl show route; with VXLAN: see Felix's log on this node (calico-node), and restart it"
            ])
        finding.traffic =
            "packets of this node and its pods to these addresses: they leave by the default route, or not at all"
        return [finding]
    }

    /// Tunnels to other nodes that are set up, by which no route leads: a plugin writes neighbours and routes together.
    fileprivate var unroutedTunnels: [DoctorFinding] {
        guard host.routesKnownV4 != .none else { return [] }
        var lacking: [(neighbour: Neighbour, device: String)] = []
        for neighbour in host.neighbours where neighbour.address.version == .v4 && neighbour.mac != nil {
            guard !neighbour.isUnreachable, let link = host.interface(neighbour.interface), link.kind == .vxlan,
                isPodTunnel(link), !hasOwnRoute(neighbour.address)
            else { continue }
            lacking.append((neighbour, name(link.name)))
        }
        guard let first = lacking.first else { return [] }
        let gateways = list(lacking.map { "\($0.neighbour.address)" })
        var finding = DoctorFinding(
            .problem,
            "no route leads to the pods of the \(lacking.count == 1 ? "node" : "nodes") behind \(gateways), though \(first.device) knows the way there",
            evidence: lacking.prefix(4).map {
                DoctorFinding.Evidence($0.neighbour.place, "the other end of the tunnel")
            }
                + [DoctorFinding.Evidence(.none, "ip route has no route there but the default one")],
            remedies: [
                "restart \(first.device == "vxlan.calico" ? "calico-node's" : "flannel's") pod on this node, which writes the routes anew; if it does not, its log tells why"
            ])
        finding.traffic =
            "packets of this node and its pods to pods there: they leave by the default route, or not at all"
        return [finding]
    }

    // MARK: Next hops

    /// Routes that lead to pods by a tunnel that sends to the next hop's hardware address.
    private var tunnelRoutes: [(route: Route, gateway: IPAddress, link: NetworkInterface)] {
        var found: [(route: Route, gateway: IPAddress, link: NetworkInterface)] = []
        for route in host.routes where route.type == .unicast && route.destination.address.version == .v4 {
            guard let hop = route.nextHops.first, let gateway = hop.gateway, let symbol = hop.interface,
                let link = host.interface(symbol)
            else { continue }
            let text = name(symbol)
            guard text == "vxlan.calico" || text.hasPrefix("flannel.") || text == "tunl0" else { continue }
            found.append((route, gateway, link))
        }
        return found
    }

    /// The node that objects say the first address of a route's destination is on.
    private func owner(of destination: IPPrefix) -> (node: String, place: Place)? {
        for block in cluster.addressBlocks where block.range.contains(destination.address) && !block.node.isEmpty {
            return (block.node, block.place)
        }
        for node in cluster.nodes where node.podRanges.contains(where: { $0 == destination }) {
            return (node.name, node.place)
        }
        return nil
    }

    fileprivate var wrongNextHops: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for (route, gateway, link) in tunnelRoutes {
            guard let (node, place) = owner(of: route.destination) else { continue }
            // Packets of IP-in-IP go to the node itself, those of VXLAN to its tunnel's address.
            let expected = name(link.name) == "tunl0" ? addresses(ofNode: node) : tunnelAddresses(ofNode: node)
            let known = expected.filter { $0.version == .v4 }
            guard !known.isEmpty, !known.contains(gateway) else { continue }
            let holder = cluster.nodes.first {
                ($0.tunnelAddresses + $0.addresses.map({ $0.address })).contains(gateway)
            }
            var finding = DoctorFinding(
                .problem,
                "the route to \(route.destination) goes to \(gateway), and the block is on node \(node), whose \(name(link.name) == "tunl0" ? "address" : "tunnel address") is \(known[0])",
                evidence: [
                    DoctorFinding.Evidence(route.place), DoctorFinding.Evidence(place, "belongs to node \(node)"),
                ] + (holder.map { [DoctorFinding.Evidence($0.place, "\(gateway) is node \($0.name)'s")] } ?? []),
                remedies: [
                    "restart calico-node's pod on this node; if the route comes back, see the block's affinity (calicoctl ipam check)"
                ])
            finding.traffic = "packets to pods in \(route.destination)"
            findings.append(finding)
        }
        return findings
    }

    /// Routes that lead straight to pods of a node which sends to this one's by a tunnel, or is to by the pool.
    fileprivate var plainRoutes: [DoctorFinding] {
        for route in host.routes where route.type == .unicast && route.destination.address.version == .v4 {
            let range = route.destination
            guard (8..<32).contains(range.length), let hop = route.nextHops.first, let gateway = hop.gateway,
                hop.encapsulation == .empty, let link = hop.interface.flatMap({ host.interface($0) }),
                isUplink(link), !isPodTunnel(link), !hasTunnel(to: range)
            else { continue }
            let pool = cluster.pools.first {
                $0.range.contains(range.address) && !$0.isDisabled && ($0.vxlan == .always || $0.ipip == .always)
            }
            let other = fleet.pod(of: range, but: number)
            let back = other.flatMap { other in
                other.node.tunnelled.first { tunnelled in localPods.contains { tunnelled.contains($0.address) } }
            }
            // The pool's setting says what is meant for nodes that the plugin has set its tunnel up to; others may have
            // their routes from a router.
            let tunnelled = host.forwardingEntries.first { entry in
                entry.destination == gateway && (host.interface(entry.interface).map(isPodTunnel) ?? false)
            }
            guard back != nil || pool != nil && tunnelled != nil else { continue }
            let device = name(link.name)
            let there = other.flatMap { $0.node.name.isEmpty ? nil : $0.node.name } ?? "the node there"
            let method = pool.map { $0.vxlan == .always ? "VXLAN" : "IP-in-IP" } ?? "a tunnel"
            var finding = DoctorFinding(
                .problem,
                "the route to \(range) goes straight by \(device) to \(gateway), and "
                    + (pool.map { "the pool \($0.name) is sent by \(method) always" }
                        ?? "\(there) sends what is for pods here by a tunnel")
                    + ": the two ways differ",
                evidence: [DoctorFinding.Evidence(route.place)]
                    + (pool.map { [DoctorFinding.Evidence($0.place, "\(method), Always")] } ?? [])
                    + (tunnelled.map { [DoctorFinding.Evidence($0.place, "the tunnel to that node")] } ?? [])
                    + (back.map { [DoctorFinding.Evidence(.none, "\(there) sends \($0) by a tunnel")] } ?? []),
                remedies: [
                    "restart calico-node's pod on this node, which writes the route anew; see which of both is meant: vxlanMode and ipipMode of the pool (calicoctl get ippool -o yaml), and who else writes routes (ip route show proto bird)"
                ])
            finding.traffic =
                "packets to pods in \(range): the node there expects them by its tunnel, and drops them where rp_filter is 1 (strict), or where the network between knows no pods"
            if let pod = samplePods.first {
                finding.example =
                    follow(
                        packet(
                            in: name(pod.interface.name), from: .address(pod.address),
                            to: .address(other?.address ?? sampleAddress(range))))?.options
            }
            return [finding]
        }
        return []
    }

    /// Whether some table sends there by a tunnel: WireGuard's routes stand in a table of their own.
    private func hasTunnel(to range: IPPrefix) -> Bool {
        host.routes.contains { route in
            route.destination == range && (route.interface.flatMap { host.interface($0) }.map(isPodTunnel) ?? false)
        }
    }

    // MARK: Neighbours and forwarding entries

    var wrongNeighbours: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        var asked: [IPAddress] = []
        for (route, gateway, link) in tunnelRoutes where name(link.name) != "tunl0" && !asked.contains(gateway) {
            asked.append(gateway)
            let device = name(link.name)
            let traffic = "packets to pods in \(route.destination)"
            let neighbour = host.neighbours.first { $0.address == gateway && $0.interface == link.name }
            guard let neighbour, let mac = neighbour.mac, !neighbour.isUnreachable else {
                guard host.knowsNeighbours || neighbour != nil else { continue }
                var finding = DoctorFinding(
                    .problem, "\(device) does not know the hardware address of \(gateway): packets by it do not leave",
                    evidence: [DoctorFinding.Evidence(route.place)]
                        + (neighbour.map { [DoctorFinding.Evidence($0.place)] } ?? [
                            DoctorFinding.Evidence(.none, "ip neigh has no entry for \(gateway) on \(device)")
                        ]),
                    remedies: [restore(device)])
                finding.traffic = traffic
                findings.append(finding)
                continue
            }
            findings += wrongAddress(neighbour, mac, gateway, link, traffic)
            findings += wrongForwarding(neighbour, mac, gateway, link, traffic)
        }
        return findings
    }

    private func restore(_ device: String) -> String {
        device == "vxlan.calico"
            ? "restart calico-node's pod on this node, which writes neighbour and forwarding entries anew"
            : "restart flannel's pod on this node, which writes neighbour and forwarding entries anew; delete a wrong one first (ip neigh del)"
    }

    private func wrongAddress(
        _ neighbour: Neighbour, _ mac: MACAddress, _ gateway: IPAddress, _ link: NetworkInterface, _ traffic: String
    ) -> [DoctorFinding] {
        guard let (other, theirs) = fleet.link(with: gateway, but: number), let actual = theirs.mac, actual != mac
        else { return [] }
        let device = name(link.name)
        let place = other.name.isEmpty ? "there" : "on \(other.name)"
        var finding = DoctorFinding(
            .problem,
            "\(device) sends to \(gateway) by the hardware address \(mac), and its \(theirs.name) \(place) has \(actual): it drops what is for another",
            evidence: [DoctorFinding.Evidence(neighbour.place)],
            remedies: [
                "ip neigh replace \(gateway) dev \(device) lladdr \(actual), or delete the entry and restart the plugin's pod on this node: it had the address from before the interface there was made anew"
            ])
        finding.traffic = traffic
        return [finding]
    }

    private func wrongForwarding(
        _ neighbour: Neighbour, _ mac: MACAddress, _ gateway: IPAddress, _ link: NetworkInterface, _ traffic: String
    ) -> [DoctorFinding] {
        guard host.knowsForwardingEntries else { return [] }
        let device = name(link.name)
        let own = host.forwardingEntries.filter { $0.interface == link.name }
        let entry = own.first { $0.mac == mac && $0.destination != nil }
        guard let entry else {
            // All zeros: where frames without an entry go to; a learning tunnel needs none.
            guard !own.contains(where: { $0.mac.bits == 0 && $0.destination != nil }), link.tunnel?.remote == nil else {
                return []
            }
            var finding = DoctorFinding(
                .problem,
                "\(device) does not know which node \(mac) (\(gateway)) is behind: packets by it do not leave",
                evidence: [
                    DoctorFinding.Evidence(neighbour.place),
                    DoctorFinding.Evidence(.none, "bridge fdb has no entry for \(mac) on \(device)"),
                ], remedies: [restore(device)])
            finding.traffic = traffic
            return [finding]
        }
        guard let destination = entry.destination else { return [] }
        var expected: [IPAddress] = []
        if let (other, _) = fleet.link(with: gateway, but: number) {
            expected = other.links.flatMap { $0.addresses }
        } else if let node = cluster.nodes.first(where: { $0.tunnelAddresses.contains(gateway) }) {
            expected = addresses(ofNode: node.name)
        }
        guard !expected.isEmpty, !expected.contains(destination) else { return [] }
        var finding = DoctorFinding(
            .problem, "\(device) sends what is for \(gateway) to \(destination), which is not that node",
            evidence: [DoctorFinding.Evidence(entry.place), DoctorFinding.Evidence(neighbour.place)],
            remedies: [restore(device)])
        finding.traffic = traffic
        return [finding]
    }
}
