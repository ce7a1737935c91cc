internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Two network plugins at once, and what an earlier one left.
/// Source: guides of operators.
let twoPlugins = DoctorCheck(
    "two-plugins", "two network plugins at once, or interfaces and rules that one has left", needs: [.interfaces]
) { patient in
    patient.pluginsTogether + patient.emptyBridges
}

/// Links of pods that nothing is routed to, and routes to links that are gone.
let podLinks = DoctorCheck(
    "pod-links", "links of pods without a route, and routes of pods without a link", needs: [.routes]
) { patient in
    patient.unroutedLinks + patient.deadRoutes
}

extension Patient {
    /// A plugin that carries pods' packets between nodes, and what shows it.
    private struct Plugin {
        var name: String
        var evidence: DoctorFinding.Evidence
    }

    /// Plugins by their tunnels and bridges. Calico beside flannel is Canal, and well, as long as Calico has no tunnel.
    private var carriers: [Plugin] {
        var found: [Plugin] = []
        func add(_ plugin: String, _ link: NetworkInterface) {
            guard !found.contains(where: { $0.name == plugin }) else { return }
            found.append(Plugin(name: plugin, evidence: DoctorFinding.Evidence(link.place)))
        }
        for link in host.interfaces {
            let text = name(link.name)
            switch text {
            case "vxlan.calico", "wireguard.cali": add("Calico", link)
            case "tunl0" where !link.addresses.isEmpty && hasCalico: add("Calico", link)
            case "cilium_host", "cilium_vxlan": add("Cilium", link)
            case "weave": add("Weave Net", link)
            case "kube-bridge": add("kube-router", link)
            case _ where text.hasPrefix("flannel."): add("flannel", link)
            default: continue
            }
        }
        return found
    }

    fileprivate var pluginsTogether: [DoctorFinding] {
        let plugins = carriers
        guard plugins.count > 1 else { return leftRules(plugins.first?.name) }
        var finding = DoctorFinding(
            .risk,
            "this node has the tunnels of \(list(plugins.map({ $0.name }))): two network plugins, or one that was not cleaned away",
            evidence: plugins.map({ $0.evidence }),
            remedies: [
                "decide for one; take the other's DaemonSet and its files in /etc/cni/net.d away, delete its interfaces (ip link del), and restart the node or its pods"
            ])
        finding.traffic =
            "packets to pods: which plugin gave a pod its address, and whose route to it comes first, is chance"
        return [finding]
    }

    /// Rules of a plugin none of whose interfaces is here.
    private func leftRules(_ present: String?) -> [DoctorFinding] {
        guard host.knowsInterfaces, let present else { return [] }
        let others: [(Maker, String)] = [(.flannel, "flannel"), (.weave, "Weave Net"), (.cilium, "Cilium")]
        for (maker, text) in others where text != present {
            guard let chain = chainIDs.first(where: { annotations.purpose(of: $0)?.maker == maker }) else { continue }
            var finding = DoctorFinding(
                .risk, "rules of \(text) are left, though none of its interfaces is: this node's pods are \(present)'s",
                evidence: [DoctorFinding.Evidence(linked.chain(chain).place)],
                remedies: [
                    "take \(text)'s DaemonSet away if it is still there, and delete its chains, or restart the node"
                ])
            finding.traffic = "packets of pods that the old rules masquerade or let through"
            return [finding]
        }
        return []
    }

    /// Bridges of Docker's networks without a container, on a node of a cluster.
    fileprivate var emptyBridges: [DoctorFinding] {
        guard hasCalico || hasMaker(.flannel) || hasMaker(.kubeProxy) else { return [] }
        var empty: [NetworkInterface] = []
        var overlapping: [(link: NetworkInterface, range: IPPrefix)] = []
        for link in host.interfaces {
            let text = name(link.name)
            guard text.hasPrefix("br-"), link.isUp,
                let own = link.addresses.first(where: { $0.address.version == .v4 }),
                !host.interfaces.contains(where: { $0.master == link.name && $0.isUp })
            else { continue }
            empty.append(link)
            let other =
                (podRanges + cluster.nodes.flatMap({ $0.addresses }).map { IPPrefix(host: $0.address) }
                + cluster.services.flatMap({ $0.clusterAddresses }).map { IPPrefix(host: $0) })
                .first { $0.contains(own.prefix.address) || own.prefix.contains($0.address) }
            if let other { overlapping.append((link, other)) }
        }
        if let (link, range) = overlapping.first {
            var finding = DoctorFinding(
                .problem, "the bridge \(name(link.name)) takes \(range) of the cluster to itself",
                evidence: [DoctorFinding.Evidence(link.place, "no container is on it")],
                remedies: [
                    "docker network rm, or ip link del \(name(link.name)); give Docker other ranges (default-address-pools in daemon.json)"
                ])
            finding.traffic = "packets of this node to the cluster's addresses in that range"
            return [finding]
        }
        guard !empty.isEmpty else { return [] }
        return [
            DoctorFinding(
                .note,
                "\(empty.count == 1 ? "the bridge \(name(empty[0].name)) has" : "\(empty.count) bridges have") an address and a route, and no container: left of a network of Docker's",
                evidence: empty.prefix(4).map { DoctorFinding.Evidence($0.place) },
                remedies: [
                    "docker network ls, and docker network prune if it is not needed; without Docker: ip link del \(name(empty[0].name))"
                ])
        ]
    }

    // MARK: Links and routes of pods

    fileprivate var unroutedLinks: [DoctorFinding] {
        guard host.routesKnownV4 != .none || host.routesKnownV6 != .none else { return [] }
        let routed = Set(host.routes.filter { isPodRoute($0) }.flatMap({ $0.nextHops }).compactMap({ $0.interface }))
        let links = host.interfaces.filter { link in
            guard isPodLink(link), !routed.contains(link.name) else { return false }
            // An address of the link's own makes its route.
            return !link.addresses.contains { $0.address.version == .v4 }
        }
        guard let first = links.first, routesOfBothKnown else { return [] }
        var finding = DoctorFinding(
            .problem,
            links.count == 1
                ? "no route leads to \(annotations.workload(behind: name(first.name))?.text ?? "the pod behind \(name(first.name))")"
                : "no route leads to the pods behind \(list(links.map { name($0.name) }))",
            evidence: links.prefix(4).map { DoctorFinding.Evidence($0.place) }
                + [DoctorFinding.Evidence(.none, "ip route has no route by \(links.count == 1 ? "it" : "them")")],
            remedies: [
                "delete the pod, so that it is made anew; if no pod is behind it (ip netns, crictl pods), delete the link: ip link del \(name(first.name))"
            ])
        finding.traffic = "packets to that pod"
        return [finding]
    }

    /// A link may have a route of one version only.
    private var routesOfBothKnown: Bool {
        host.routesKnownV4 != .none
            && (host.routesKnownV6 != .none
                || !host.interfaces.contains {
                    isPodLink($0) && $0.addresses.contains { $0.address.version == .v6 && !$0.address.isLinkLocal }
                })
    }

    private func isPodRoute(_ route: Route) -> Bool {
        let address = route.destination.address
        return route.type == .unicast && !address.isLinkLocal && !address.isMulticast && route.destination.length > 8
    }

    fileprivate var deadRoutes: [DoctorFinding] {
        var dead: [(route: Route, link: String, why: String)] = []
        for route in host.routes where isPodRoute(route) {
            for hop in route.nextHops {
                guard let symbol = hop.interface, name(symbol).hasPrefix("cali") else { continue }
                let link = host.interface(symbol)
                if link == nil, host.knowsInterfaces {
                    dead.append((route, name(symbol), "there is no such interface"))
                } else if hop.isDead || hop.isLinkDown || link?.isUp == false {
                    dead.append((route, name(symbol), "the link is down"))
                }
            }
        }
        guard let first = dead.first else { return [] }
        var finding = DoctorFinding(
            .problem,
            dead.count == 1
                ? "the route to \(first.route.destination.address) leads to \(first.link), and \(first.why)"
                : "\(dead.count) routes of pods lead to links that are down or gone",
            evidence: dead.prefix(4).map { DoctorFinding.Evidence($0.route.place, $0.why) },
            remedies: [
                "delete the pod if there still is one, so that it is made anew; else: ip route del \(first.route.destination.address)"
            ])
        finding.traffic = "packets to \(list(dead.map { "\($0.route.destination.address)" }))"
        return [finding]
    }
}
