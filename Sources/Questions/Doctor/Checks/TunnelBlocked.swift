internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// The packets that carry pods' packets between nodes are dropped: by the host's firewall, or by Calico, whose set of
/// hosts lacks a node.
/// Source: felix/rules/static.go (cali40all-hosts-net, cali40all-vxlan-net); calico#4297, #4456; microk8s#3519.
let tunnelBlocked = DoctorCheck(
    "tunnel-blocked", "packets of the tunnel to another node (IP-in-IP, VXLAN, WireGuard) are dropped",
    needs: [.interfaces]
) { patient in
    var findings: [DoctorFinding] = []
    // What leads to a wrong host by mistake keeps nobody out: `pod-routes` tells where it should lead.
    let misled = Set(patient.wrongNeighbours.flatMap { $0.evidence }.map { $0.place }.filter { !$0.isNone })
    for peer in patient.tunnelPeers where !misled.contains(peer.place) {
        for isIncoming in [true, false] {
            guard let packet = patient.outerPacket(peer, isIncoming: isIncoming),
                let followed = patient.follow(packet), let way = followed.agreed, way.isLost,
                way.outcome != .unroutable
            else { continue }
            let last =
                way.rule.map { patient.evidence($0) }
                ?? way.policy.map { chain in
                    DoctorFinding.Evidence(patient.linked.chain(chain).place)
                }
            guard let last else { continue }
            let set = way.rule.flatMap { patient.setWithout(peer.address, before: $0) }
            let by =
                way.rule.map { patient.cite($0) } ?? way.policy.map { "the policy of \(patient.path(of: $0))" }
            let ending = "\(peer.address) \(isIncoming ? "sends this node" : "gets from this node")"
            if let index = findings.firstIndex(where: { $0.evidence.first == last && $0.title.holds(peer.kind.name) }) {
                findings[index].evidence.append(DoctorFinding.Evidence(peer.place, "node \(peer.address)"))
                continue
            }
            var finding = DoctorFinding(
                .problem, "\(peer.kind.name) packets that \(ending) are dropped by \(by ?? "a rule")",
                evidence: [last, DoctorFinding.Evidence(peer.place, "node \(peer.address)")], remedies: [])
            if let set {
                finding.title += ": \(patient.name(set.name)) does not have that node"
                finding.evidence.append(DoctorFinding.Evidence(set.place, "lacks \(peer.address)"))
                finding.remedies = [
                    patient.isNoNode(peer.address)
                        ? "no Node of the input has \(peer.address): if none of the cluster's does, what leads there is wrong, and the set is right; restart calico-node here, which writes neighbour and forwarding entries anew"
                        : "see what address Calico has for that node (calicoctl get node -o wide), correct it (IP_AUTODETECTION_METHOD), and restart calico-node here if Felix is behind"
                ]
            } else {
                finding.remedies = [
                    isIncoming
                        ? "let \(peer.what) in from the other nodes, by the tool that the rule is of"
                        : "let \(peer.what) out to the other nodes, by the tool that the rule is of"
                ]
            }
            finding.traffic = "all that pods of this node and pods of node \(peer.address) send each other"
            finding.example = followed.options
            findings.append(finding)
        }
    }
    return findings + patient.nodesMissingInSets(besides: findings)
}

/// Another node at the far end of a tunnel.
struct TunnelPeer {
    enum Kind: UInt8 {
        case ipip, vxlan, wireguard

        var name: String {
            switch self {
            case .ipip: "IP-in-IP"
            case .vxlan: "VXLAN"
            case .wireguard: "WireGuard"
            }
        }
    }

    var kind: Kind
    var address: IPAddress
    /// Of VXLAN and WireGuard.
    var port: UInt16
    /// Where the input shows it.
    var place: Place

    /// `protocol 4 (IP-in-IP)`, `udp port 4789 (VXLAN)`
    var what: String { kind == .ipip ? "protocol 4 (IP-in-IP)" : "udp port \(port) (\(kind.name))" }
}

extension Patient {
    /// Nodes that tunnels of this host lead to, as routes, neighbours and forwarding entries tell.
    var tunnelPeers: [TunnelPeer] {
        var peers: [TunnelPeer] = []
        func add(_ peer: TunnelPeer) {
            guard peer.address.version == .v4, !peer.address.isZero, !isOwn(peer.address),
                !peers.contains(where: { $0.address == peer.address && $0.kind == peer.kind })
            else { return }
            peers.append(peer)
        }
        for interface in host.interfaces where interface.isUp {
            guard let kind = tunnelKind(interface) else { continue }
            switch kind {
            case .ipip:
                if let remote = interface.tunnel?.remote, !remote.isZero {
                    add(TunnelPeer(kind: .ipip, address: remote, port: 0, place: interface.place))
                }
                for route in host.routes where route.type == .unicast {
                    for hop in route.nextHops where hop.interface == interface.name {
                        // The next hop of tunl0 is the node itself.
                        guard let gateway = hop.gateway else { continue }
                        add(TunnelPeer(kind: .ipip, address: gateway, port: 0, place: route.place))
                    }
                }
            case .vxlan:
                for entry in host.forwardingEntries where entry.interface == interface.name {
                    guard let remote = entry.destination, !remote.isMulticast else { continue }
                    let port =
                        entry.port ?? interface.tunnel?.port
                        ?? (name(interface.name).hasPrefix("flannel") ? 8472 : 4789)
                    add(TunnelPeer(kind: .vxlan, address: remote, port: port, place: entry.place))
                }
            case .wireguard: break
            }
        }
        return peers
    }

    /// Whether the input knows other nodes, and none of them has `address`.
    fileprivate func isNoNode(_ address: IPAddress) -> Bool {
        let known = cluster.nodes.flatMap { $0.addresses }.map { $0.address }.filter { $0.version == address.version }
        guard known.contains(where: { !isOwn($0) }), !known.contains(address) else { return false }
        return fleet.link(with: address, but: number) == nil
    }

    /// Tunnels that network plugins make.
    private func tunnelKind(_ interface: NetworkInterface) -> TunnelPeer.Kind? {
        let name = name(interface.name)
        if name == "tunl0" { return .ipip }
        if name == "vxlan.calico" || name.hasPrefix("flannel.") || name == "cilium_vxlan" { return .vxlan }
        return nil
    }

    /// The packet that carries others, from or to the node at the other end.
    fileprivate func outerPacket(_ peer: TunnelPeer, isIncoming: Bool) -> PacketDescription? {
        guard let underlay = interface(to: peer.address), let own = address(of: underlay) else { return nil }
        let transport: IPProtocol = peer.kind == .ipip ? .ipip : .udp
        let port = peer.kind == .ipip ? nil : peer.port
        return isIncoming
            ? packet(
                in: name(underlay.name), from: .address(peer.address), to: .address(own), transport, port: port)
            : packet(in: nil, from: .address(own), to: .address(peer.address), transport, port: port)
    }

    /// The set of Calico's hosts that a rule before a drop asks, if it lacks `address`.
    fileprivate func setWithout(_ address: IPAddress, before rule: RuleReference) -> AddressSet? {
        guard rule.index > 0, case .calico(.tunnelFromStranger)? = annotations.purpose(of: rule) else { return nil }
        for index in (0..<rule.index).reversed() {
            let before = RuleReference(chain: rule.chain, index: index)
            guard case .calico(.tunnelFromHost)? = annotations.purpose(of: before) else { continue }
            guard case .is(let name)? = asks(before).sets.first, let set = model.sets.entries[name]?.set else {
                continue
            }
            if !holds(set, address) { return set }
        }
        return nil
    }

    private func holds(_ set: AddressSet, _ address: IPAddress) -> Bool {
        set.elements.contains { $0.address?.contains(address) == true && !$0.isNoMatch }
    }

    /// Nodes that the cluster's objects name, and Calico's sets of hosts lack.
    fileprivate func nodesMissingInSets(besides findings: [DoctorFinding]) -> [DoctorFinding] {
        var missing: [DoctorFinding] = []
        for name in ["cali40all-hosts-net", "cali40all-vxlan-net"] {
            guard let set = set(named: name), !set.isIncomplete else { continue }
            // Only nodes that a tunnel would lead to: a cluster without one has an empty set.
            let isUsed = host.interfaces.contains { interface in
                interface.isUp
                    && self.name(interface.name) == (name == "cali40all-hosts-net" ? "tunl0" : "vxlan.calico")
            }
            guard isUsed else { continue }
            let lacking = cluster.nodes.filter { node in
                let own = node.addresses.filter { $0.kind != .external }.map { $0.address }.filter { $0.version == .v4 }
                return !own.isEmpty && !own.contains(where: isOwn) && !own.contains { holds(set, $0) }
            }
            guard let first = lacking.first else { continue }
            if findings.contains(where: { $0.evidence.contains { $0.place == set.place } }) { continue }
            var finding = DoctorFinding(
                .problem,
                "\(name) lacks \(lacking.count == 1 ? "node" : "nodes") \(list(lacking.map({ $0.name }))): Calico drops their tunnel packets here",
                evidence: [DoctorFinding.Evidence(set.place)]
                    + lacking.prefix(3).map { DoctorFinding.Evidence($0.place, "node \($0.name)") },
                remedies: [
                    "see whether calico-node runs on \(first.name) and what address it has (calicoctl get node -o wide); restart calico-node here if Felix is behind"
                ])
            finding.traffic = "all that pods of this node and pods there send each other"
            missing.append(finding)
        }
        return missing
    }
}
