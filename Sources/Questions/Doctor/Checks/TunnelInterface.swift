internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// The tunnel between nodes is missing or down, has no address, one outside the node's own blocks, or an MTU that the network below
/// can't carry.
/// Source: calico/node/pkg/allocateip; felix/dataplane/linux/mtu (overheads); flannel#1155 (subnet changed); guides.
let tunnelInterface = DoctorCheck(
    "tunnel-interface", "the tunnel's interface is missing, down, without its address, or its MTU is too large",
    needs: [.interfaces]
) { patient in
    var findings = patient.missingTunnels
    for link in patient.tunnelLinks {
        findings +=
            patient.downTunnel(link) + patient.wrongTunnelAddress(link) + patient.wrongTunnelMTU(link)
            + patient.otherNetwork(link)
    }
    return findings
}

extension Patient {
    /// Tunnels of Calico's and flannel's, and how many bytes each adds to a packet of IPv4.
    private func overhead(_ link: NetworkInterface) -> UInt32? {
        switch name(link.name) {
        case "tunl0": 20
        case "vxlan.calico": 50
        case "wireguard.cali": 60
        case let text where text.hasPrefix("flannel."): 50
        default: nil
        }
    }

    /// Those that packets are to go by: a route leads there, or it has an address.
    fileprivate var tunnelLinks: [NetworkInterface] {
        host.interfaces.filter { link in
            overhead(link) != nil && (!link.addresses.isEmpty || isRouted(link) || isCalledFor(link))
        }
    }

    private func isRouted(_ link: NetworkInterface) -> Bool {
        host.routes.contains { route in
            route.table != RoutingRule.localTable && route.destination.address.version == .v4
                && route.nextHops.contains { $0.interface == link.name }
        }
    }

    /// Whether a pool has this kind of tunnel.
    private func isCalledFor(_ link: NetworkInterface) -> Bool { pool(for: name(link.name)) != nil }

    private func pool(for device: String) -> IPPool? {
        cluster.pools.first { pool in
            guard !pool.isDisabled, pool.range.address.version == .v4 else { return false }
            switch device {
            case "tunl0": return pool.ipip != .never
            case "vxlan.calico": return pool.vxlan != .never
            default: return false
            }
        }
    }

    private func shows(_ link: NetworkInterface) -> [DoctorFinding.Evidence] {
        let route = host.routes.first { route in
            route.table != RoutingRule.localTable && route.nextHops.contains { $0.interface == link.name }
                && route.destination.address.version == .v4
        }
        return [DoctorFinding.Evidence(link.place)] + (route.map { [DoctorFinding.Evidence($0.place)] } ?? [])
    }

    private func plugin(_ device: String) -> String {
        device.hasPrefix("flannel") ? "flannel's pod" : "calico-node's pod"
    }

    /// Tunnels that rules or objects are for, and that are no interface of this host.
    fileprivate var missingTunnels: [DoctorFinding] {
        guard host.knowsInterfaces else { return [] }
        var called: [(device: String, evidence: DoctorFinding.Evidence)] = []
        func note(_ device: String, _ evidence: DoctorFinding.Evidence) {
            let isHere = host.interfaces.contains { name($0.name).hasPrefix(device) }
            if !isHere, !called.contains(where: { $0.device == device }) { called.append((device, evidence)) }
        }
        for chain in chains(where: { $0.maker == .calico }) {
            for (index, purpose) in annotations.purposes(ofRulesIn: chain).enumerated() {
                guard case .calico(.tunnelMasquerade(let device))? = purpose else { continue }
                note(device, evidence(RuleReference(chain: chain, index: index)))
            }
        }
        if hasCalico, nodeNames.count > 1 {
            for device in ["vxlan.calico", "tunl0"] {
                if let pool = pool(for: device) {
                    note(device, DoctorFinding.Evidence(pool.place, "a pool whose pods are reached by it"))
                }
            }
        }
        // A node keeps the annotation when another plugin has taken flannel's place.
        let isReplaced = !hasMaker(.flannel) && [.calico, .cilium, .weave, .kubeRouter].contains(where: hasMaker)
        if !isReplaced, let node = cluster.nodes.first(where: { $0.name == ownNode && $0.flannelBackend == "vxlan" }) {
            note("flannel.", DoctorFinding.Evidence(node.place, "flannel's backend on this node is vxlan"))
        }
        return called.map { device, evidence in
            let text = device == "flannel." ? "flannel.1" : device
            let module = device == "tunl0" ? "ipip" : device == "wireguard.cali" ? "wireguard" : "vxlan"
            var finding = DoctorFinding(
                .problem, "the tunnel \(text) is missing",
                evidence: [evidence, DoctorFinding.Evidence(.none, "ip link has no \(text)")],
                remedies: [
                    "restart \(plugin(device)) on this node, which makes it anew; if it does not, see its log, and whether the kernel has the module (modprobe \(module))"
                ])
            finding.traffic = "all that pods of this node and pods of others send each other"
            return finding
        }
    }

    fileprivate func downTunnel(_ link: NetworkInterface) -> [DoctorFinding] {
        guard !link.isUp || !link.hasCarrier else { return [] }
        let device = name(link.name)
        var finding = DoctorFinding(
            .problem, link.isUp ? "the tunnel \(device) has no carrier" : "the tunnel \(device) is down",
            evidence: shows(link),
            remedies: [
                "ip link set \(device) up, and restart \(plugin(device)) on this node, which makes its routes anew"
            ])
        finding.traffic = "all that pods of this node and pods of others send each other"
        return [finding]
    }

    fileprivate func wrongTunnelAddress(_ link: NetworkInterface) -> [DoctorFinding] {
        guard host.knowsAddressesV4, name(link.name) != "wireguard.cali" else { return [] }
        let device = name(link.name)
        guard let own = link.addresses.first(where: { $0.address.version == .v4 })?.address else {
            guard isRouted(link) || isCalledFor(link) else { return [] }
            var finding = DoctorFinding(
                .problem, "the tunnel \(device) has no address", evidence: shows(link),
                remedies: [
                    "restart \(plugin(device)) on this node; if it gets none, the pool is used up (calicoctl ipam show) or the node's object lost it"
                ])
            finding.traffic = "what this host sends to pods of other nodes, and node ports whose pod is on another node"
            return [finding]
        }
        if device.hasPrefix("flannel.") { return movedSubnet(link, own) }
        let blocks = ownBlocks
        guard !blocks.isEmpty, !blocks.contains(where: { $0.range.contains(own) }) else { return [] }
        let holder = cluster.addressBlocks.first { $0.range.contains(own) }
        var finding = DoctorFinding(
            .problem,
            "the tunnel \(device) has \(own), which is in none of this node's blocks (\(list(blocks.map { "\($0.range)" })))",
            evidence: [DoctorFinding.Evidence(link.place)]
                + blocks.prefix(2).map { DoctorFinding.Evidence($0.place, "this node's block") }
                + (holder.map {
                    [
                        DoctorFinding.Evidence(
                            $0.place,
                            $0.node.isEmpty ? "has \(own), and no node" : "has \(own), and is node \($0.node)'s")
                    ]
                } ?? []),
            remedies: [
                "restart calico-node's pod on this node, so that it takes an address out of its own block; if the pool has no free block, enlarge it or add one"
            ])
        finding.traffic = "answers to what this host sends to pods of other nodes: they go to another node"
        return [finding]
    }

    /// This node's blocks: as objects have them, else those that Calico black-holes.
    private var ownBlocks: [(range: IPPrefix, place: Place)] {
        if let ownNode, cluster.addressBlocks.contains(where: { $0.node == ownNode }) {
            return cluster.addressBlocks.filter { $0.node == ownNode && $0.range.address.version == .v4 }
                .map { ($0.range, $0.place) }
        }
        return host.routes.filter { route in
            route.type == .blackhole && route.destination.address.version == .v4
                && (20...30).contains(route.destination.length)
        }.map { ($0.destination, $0.place) }
    }

    /// flannel got another subnet, and the bridge of the pods still has the old one.
    private func movedSubnet(_ link: NetworkInterface, _ own: IPAddress) -> [DoctorFinding] {
        guard let bridge = interface(named: "cni0"),
            let address = bridge.addresses.first(where: { $0.address.version == .v4 }),
            !address.prefix.contains(own)
        else { return [] }
        var finding = DoctorFinding(
            .problem,
            "flannel's subnet is that of \(own), and the bridge cni0 has \(address.address)/\(address.prefixLength): pods have addresses that other nodes send elsewhere",
            evidence: [DoctorFinding.Evidence(link.place), DoctorFinding.Evidence(bridge.place)],
            remedies: ["ip link del cni0 (the next pod makes it anew), and start the pods of this node again"])
        finding.traffic = "packets to pods of this node from other nodes"
        return [finding]
    }

    /// Nodes of which each end has another network identifier or port do not hear each other.
    fileprivate func otherNetwork(_ link: NetworkInterface) -> [DoctorFinding] {
        let device = name(link.name)
        guard let own = NodeFacts.VXLANNetwork(link),
            let (usual, node) = fleet.otherNetwork(than: own, ofLinksNamed: device)
        else { return [] }
        let there = fleet.name(node).isEmpty ? "another node" : fleet.name(node)
        func text(_ network: NodeFacts.VXLANNetwork) -> String {
            own.identifier == usual.identifier ? "port \(network.port)" : "VNI \(network.identifier)"
        }
        var finding = DoctorFinding(
            .problem,
            "\(device) has \(text(own)) here and \(text(usual)) on \(there): neither takes what the other sends",
            evidence: [DoctorFinding.Evidence(link.place)],
            remedies: [
                "give all nodes the same (vxlanVNI and vxlanPort of FelixConfiguration, Backend of flannel's net-conf.json), and restart \(plugin(device)) on those that are behind; if the device stays as it is, ip link del \(device) first, which the plugin makes anew"
            ])
        finding.traffic = "all that pods of this node and pods there send each other"
        return [finding]
    }

    fileprivate func wrongTunnelMTU(_ link: NetworkInterface) -> [DoctorFinding] {
        guard let added = overhead(link) else { return [] }
        let underlay = link.tunnel?.device.flatMap { host.interface($0) } ?? uplinks.first
        guard let underlay, underlay.mtu > added, link.mtu > underlay.mtu - added, link.mtu < 65_000 else { return [] }
        let device = name(link.name)
        var finding = DoctorFinding(
            .problem,
            "\(device) takes packets of \(link.mtu) bytes and adds \(added), and \(name(underlay.name)) below it carries \(underlay.mtu)",
            evidence: [DoctorFinding.Evidence(link.place), DoctorFinding.Evidence(underlay.place)],
            remedies: [
                "ip link set \(device) mtu \(underlay.mtu - added) or less, and so in the configuration: \(device.hasPrefix("flannel") ? "flannel takes it from the interface at its start" : "mtu of the Installation, or veth_mtu of calico-config"); pods get it when they are made anew"
            ])
        finding.traffic = "large packets between pods of different nodes: small ones pass, a download stalls"
        return [finding]
    }
}
