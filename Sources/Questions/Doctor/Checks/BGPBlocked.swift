internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Nodes exchange routes to pods by BGP (tcp port 179), and a firewall drops it, or a session is not established.
/// Source: Calico's "network requirements"; calico/node/pkg/lifecycle/startup; guides of operators.
let bgpBlocked = DoctorCheck(
    "bgp-blocked", "BGP between nodes (tcp port 179) is dropped, or sessions are not established"
) { patient in
    patient.blockedSessions + patient.downSessions + patient.silentPeers + patient.unannouncedBlocks
}

/// A node or router that this node talks BGP to.
private struct BGPNeighbour {
    var address: IPAddress
    var session: BGPSession?
    var place: Place
    var text: String

    var isDown: Bool { session.map { !$0.isEstablished } ?? false }
}

extension Patient {
    /// The port that BIRD listens at.
    private var bgpPort: UInt16 { cluster.bgpConfigurations.compactMap({ $0.listenPort }).first ?? 179 }

    private var usesBGP: Bool {
        if let sessions = cluster.bgpSessions { return !sessions.isEmpty }
        let port = bgpPort
        return host.listeners?.contains { $0.protocol == .tcp && $0.port == port } == true
    }

    private var bgpNeighbours: [BGPNeighbour] {
        var found: [BGPNeighbour] = []
        func add(_ address: IPAddress?, _ session: BGPSession?, _ place: Place, _ text: String) {
            guard let address, !isOwn(address), !found.contains(where: { $0.address == address }) else { return }
            found.append(BGPNeighbour(address: address, session: session, place: place, text: text))
        }
        for session in cluster.bgpSessions ?? [] {
            add(session.peerAddress, session, session.place, "peer \(session.peerAddress.map { "\($0)" } ?? "")")
        }
        guard usesBGP else { return found }
        let hasMesh = cluster.bgpConfigurations.first { $0.name == "default" }?.hasNodeMesh ?? true
        if hasMesh, cluster.bgpSessions == nil {
            for node in cluster.nodes {
                for address in node.addresses where address.kind == .bgp || address.kind == .internal {
                    add(address.address, nil, node.place, "node \(node.name)")
                }
            }
            for name in ["cali40all-hosts-net", "cali40all-hosts"] {
                for element in set(named: name)?.elements ?? [] where element.address?.isHost == true {
                    add(element.address?.address, nil, element.place, "a host of \(name)")
                }
            }
        }
        for peer in cluster.bgpPeers where peer.node.isEmpty || peer.node == ownNode {
            add(peer.peerAddress, nil, peer.place, "BGP peer \(peer.name)")
        }
        return found
    }

    /// The way of a first packet of BGP's, where it is lost by a rule or policy.
    private func lostWay(_ neighbour: BGPNeighbour, isIncoming: Bool) -> (way: TracedWay, options: String)? {
        guard let link = interface(to: neighbour.address) ?? uplinks.first,
            let own = address(of: link, neighbour.address.version)
        else { return nil }
        let question =
            isIncoming
            ? packet(
                in: name(link.name), from: .address(neighbour.address), to: .address(own), .tcp, port: bgpPort)
            : packet(in: nil, from: .address(own), to: .address(neighbour.address), .tcp, port: bgpPort)
        guard let followed = follow(question), let way = followed.agreed,
            way.outcome == .dropped || way.outcome == .rejected, way.rule != nil || way.policy != nil
        else { return nil }
        return (way, followed.options)
    }

    fileprivate var blockedSessions: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        let neighbours = bgpNeighbours
        for neighbour in neighbours.filter({ $0.isDown }) + neighbours.filter({ !$0.isDown }) {
            for isIncoming in [true, false] {
                guard let (way, options) = lostWay(neighbour, isIncoming: isIncoming) else { continue }
                let decider =
                    way.rule.map { evidence($0) } ?? way.policy.map { DoctorFinding.Evidence(linked.chain($0).place) }
                guard let decider else { continue }
                let base = baseChain(ending: way)
                let version = neighbour.address.version == .v6 ? "ip6" : "ip"
                let by = way.rule.map { cite($0) } ?? way.policy.map { "the policy of \(path(of: $0))" } ?? ""
                let witness = DoctorFinding.Evidence(
                    neighbour.place, neighbour.session.map { $0.isEstablished ? "established" : "" } ?? neighbour.text)
                if let index = findings.firstIndex(where: { $0.evidence.first == decider }) {
                    if findings[index].evidence.count < 5, !findings[index].evidence.contains(witness) {
                        findings[index].evidence.append(witness)
                    }
                    continue
                }
                // Either side may open a session: where one direction is open, it may well come up.
                let isClosed = neighbour.isDown || lostWay(neighbour, isIncoming: !isIncoming) != nil
                var finding = DoctorFinding(
                    isClosed ? .problem : .risk,
                    "BGP \(isIncoming ? "from \(neighbour.address) to this node" : "from this node to \(neighbour.address)") (tcp port \(bgpPort)) is \(way.outcome.name) by \(by)",
                    evidence: [decider, witness],
                    remedies: [
                        isIncoming
                            ? "let tcp port \(bgpPort) in from the other nodes"
                                + (base.map { base in
                                    ": "
                                        + insertion(
                                            into: base,
                                            "-p tcp -s \(neighbour.address) --dport \(bgpPort) -j ACCEPT",
                                            nft: "\(version) saddr \(neighbour.address) tcp dport \(bgpPort) accept")
                                } ?? "")
                                + ", or by the tool that the rule is of"
                            : "let tcp port \(bgpPort) out to the other nodes, by the tool that the rule is of"
                    ])
                finding.traffic =
                    "the routes to pods of both nodes: without a session each loses the other's, and pods reach only those of their own node"
                finding.example = options
                if !isClosed {
                    finding.doubts = ["whether the session can be opened the other way round: one direction is enough"]
                }
                findings.append(finding)
            }
        }
        return findings
    }

    fileprivate var downSessions: [DoctorFinding] {
        let blocked = blockedSessions.flatMap({ $0.evidence })
        let down = (cluster.bgpSessions ?? []).filter { session in
            !session.isEstablished && !blocked.contains { $0.place == session.place }
        }
        guard let first = down.first else { return [] }
        let texts = down.map { session in
            "\(session.peerAddress.map { "\($0)" } ?? session.kind) (\(session.details.isEmpty ? session.state : session.details))"
        }
        var finding = DoctorFinding(
            .problem,
            "\(down.count == 1 ? "a BGP session is" : "\(down.count) BGP sessions are") not established: \(list(texts))",
            evidence: down.prefix(5).map { DoctorFinding.Evidence($0.place) }
                + expectedNumbers(of: down.compactMap { $0.peerAddress }).prefix(2),
            remedies: [
                first.details.holds("refused")
                    ? "the peer refuses: see whether BIRD runs there (calico-node ready?) and whether its firewall rejects tcp port \(bgpPort)"
                    : "the rules of this node let tcp port \(bgpPort) through as far as they are here: run hookline doctor on the peer, and ask what lies between (nc -zv PEER \(bgpPort))",
                "compare AS numbers and addresses: calicoctl get bgpconfig,bgppeer -o yaml, calicoctl get node -o wide",
            ])
        finding.traffic = "packets of this node's pods to pods of these nodes: no route to them is learnt"
        return [finding]
    }

    /// Nodes of the mesh whose session is up, and no route goes by them: each has a block as a rule.
    fileprivate var silentPeers: [DoctorFinding] {
        guard host.routesKnownV4 != .none else { return [] }
        let mesh = (cluster.bgpSessions ?? []).filter {
            $0.isEstablished && ($0.kind.hasPrefix("node-to-node") || $0.kind.hasPrefix("Mesh_"))
        }
        let gateways = Set(host.routes.flatMap({ $0.nextHops }).compactMap({ $0.gateway }))
        let silent = mesh.filter { session in
            guard let peer = session.peerAddress, peer.version == .v4 else { return false }
            return !gateways.contains(peer)
        }
        // Where no node's routes go by its address, VXLAN or another protocol makes them.
        guard let first = silent.first, silent.count < mesh.count else { return [] }
        var finding = DoctorFinding(
            .risk,
            "the session with \(list(silent.compactMap({ $0.peerAddress }).map { "\($0)" })) is established, and no route goes by \(silent.count == 1 ? "it" : "them")",
            evidence: silent.prefix(4).map { DoctorFinding.Evidence($0.place) } + [
                DoctorFinding.Evidence(.none, "ip route has no route via \(first.peerAddress.map { "\($0)" } ?? "")")
            ],
            remedies: [
                "on that node: birdcl show route export; calicoctl ipam show --show-blocks tells whether it has a block, kubectl get bgpfilters,ippools what is kept back"
            ])
        finding.traffic = "packets to pods of that node"
        finding.doubts = ["whether that node has a block at all: without pods it needs none"]
        return [finding]
    }

    /// Pools that are switched off for BGP: routes of their blocks are not told.
    fileprivate var unannouncedBlocks: [DoctorFinding] {
        guard usesBGP, let ownNode else { return [] }
        let learnt = cluster.bgpRoutes ?? []
        guard !learnt.isEmpty else { return [] }
        var missing: [IPAMBlock] = []
        for block in cluster.addressBlocks where block.range.address.version == .v4 && !block.node.isEmpty {
            if !learnt.contains(where: {
                $0.destination == block.range
                    || $0.destination.length < block.range.length && $0.destination.length > 0
                        && $0.destination.contains(block.range.address)
            }) {
                missing.append(block)
            }
        }
        guard !missing.isEmpty else { return [] }
        let texts = missing.map { "\($0.range) of \($0.node)" }
        var finding = DoctorFinding(
            .problem, "BIRD has no route to \(missing.count == 1 ? "block" : "blocks") \(list(texts))",
            evidence: missing.prefix(4).map {
                DoctorFinding.Evidence(
                    $0.place, $0.node == ownNode ? "this node's own block: others do not learn it either" : "")
            }
                + cluster.pools.filter { pool in
                    pool.isDisabled && missing.contains { pool.range.contains($0.range.address) }
                }.prefix(1)
                .map { DoctorFinding.Evidence($0.place, "the pool is disabled") },
            remedies: [
                "on the block's node: birdcl show route export; see whether the pool is disabled, and BGPFilters (kubectl get ippools,bgpfilters -o yaml)"
            ])
        finding.traffic = "packets to pods with these addresses"
        return [finding]
    }
}
