internal import NetTypes
internal import RuleModel
internal import SourceText

/// A BGP session opens only between the AS numbers that either side expects of the other.
/// Source: RFC 4271, 6.2 ("Bad Peer AS"); Calico's BGPPeer, BGPConfiguration and Node (spec.bgp.asNumber).
let bgpNumbers = DoctorCheck("bgp-numbers", "a BGPPeer expects another AS number than its node has", needs: [.objects])
{ patient in
    var findings: [DoctorFinding] = []
    for peer in patient.cluster.bgpPeers {
        guard let expected = asNumber(peer.autonomousSystem), let address = peer.peerAddress,
            let node = patient.cluster.nodes.first(where: { node in
                node.addresses.contains { $0.kind != .external && $0.address == address }
            })
        else { continue }
        let (number, place, isKnown) = patient.number(ofNode: node.name)
        if number == expected { continue }
        var finding = DoctorFinding(
            isKnown ? .problem : .risk,
            "BGPPeer \(peer.name) expects AS \(expected) of \(address), and node \(node.name) is of AS \(number)",
            evidence: [
                DoctorFinding.Evidence(peer.place, "AS \(peer.autonomousSystem)"),
                DoctorFinding.Evidence(
                    place ?? node.place, place == nil ? "no number of its own: Calico's default" : "AS \(number)"),
            ],
            remedies: [
                "make them one number: asNumber of the BGPPeer, or that of the node (calicoctl get node \(node.name) -o yaml, spec.bgp.asNumber) or of BGPConfiguration default"
            ])
        finding.traffic = "the session with \(address) does not open: routes to pods are not learnt over it"
        if !isKnown {
            finding.doubts = ["whether BGPConfiguration default, which is not in the input, has another number"]
        }
        findings.append(finding)
    }
    return findings
}

extension Patient {
    /// The AS number of a node, what says it, and whether that is sure.
    fileprivate func number(ofNode name: String) -> (number: UInt32, place: Place?, isKnown: Bool) {
        for node in cluster.nodes where node.name == name {
            if let number = asNumber(node.autonomousSystem) { return (number, node.place, true) }
        }
        let configuration = cluster.bgpConfigurations.first { $0.name == "default" }
        if let configuration, let number = asNumber(configuration.autonomousSystem) {
            return (number, configuration.place, true)
        }
        // What Calico takes where nothing is said.
        return (64512, nil, configuration != nil || lists("BGPConfiguration"))
    }

    /// Which numbers BGPPeers expect of these peers.
    func expectedNumbers(of peers: [IPAddress]) -> [DoctorFinding.Evidence] {
        cluster.bgpPeers.filter { peer in
            peer.peerAddress.map { peers.contains($0) } == true && asNumber(peer.autonomousSystem) != nil
        }
        .map { DoctorFinding.Evidence($0.place, "AS \($0.autonomousSystem) is expected of it") }
    }
}

/// `64512`, or `1.10` for 65546.
private func asNumber(_ text: String) -> UInt32? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    if parts.count == 2, let high = UInt16(parts[0]), let low = UInt16(parts[1]) {
        return UInt32(high) << 16 | UInt32(low)
    }
    return UInt32(text)
}
