internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Calico's pools cover what are no pods: the node's own network. What pods send there keeps the pod's address.
/// Source: calico#9508, #3440, #4138 (pool covers the LAN), #2222 (natOutgoingAddress).
let natOutgoingSurprise = DoctorCheck(
    "nat-outgoing-surprise", "Calico's pools cover the nodes' own network, or its SNAT has an address that is not here",
    needs: [.interfaces]
) { patient in
    var findings: [DoctorFinding] = []
    // Where nothing is masqueraded, the network knows the way to pods.
    let isMasqueraded =
        patient.set(named: "cali40masq-ipam-pools")?.elements.isEmpty == false
        || patient.cluster.pools.contains { $0.masqueradesOutgoing && $0.range.address.version == .v4 }
    guard isMasqueraded else { return patient.foreignOutgoingAddresses }
    var pools: [(range: IPPrefix, place: Place)] = []
    for name in ["cali40all-ipam-pools", "cali40network-ip-pools"] {
        for element in patient.set(named: name)?.elements ?? [] {
            if let range = element.address { pools.append((range, element.place)) }
        }
    }
    for pool in patient.cluster.pools where !pools.contains(where: { $0.range == pool.range }) {
        if pool.range.address.version == .v4 { pools.append((pool.range, pool.place)) }
    }
    for pool in pools {
        for uplink in patient.uplinks {
            guard let own = uplink.addresses.first(where: { pool.range.contains($0.address) }) else { continue }
            var finding = DoctorFinding(
                .problem,
                "the pool \(pool.range.address)/\(pool.range.length) covers this node's own network \(own.prefix.address)/\(own.prefixLength): what pods send to hosts there is not masqueraded",
                evidence: [
                    DoctorFinding.Evidence(pool.place),
                    DoctorFinding.Evidence(
                        uplink.place, "\(patient.name(uplink.name)) has \(own.address)/\(own.prefixLength)"),
                ],
                remedies: [
                    "take a range for pods that no host has: a new IPPool, the old one disabled, pods restarted, the old one deleted",
                    "or give the hosts of that network routes to the pods by their nodes",
                ])
            finding.traffic =
                "what pods send to hosts of \(own.prefix.address)/\(own.prefixLength) that are no nodes: these answer to an address to which they have no route"
            if let pod = patient.samplePods.first {
                let there = sampleAddress(IPPrefix(own.address, length: own.prefixLength))
                let packet = patient.packet(
                    in: patient.name(pod.interface.name), from: .address(pod.address), to: .address(there))
                if let followed = patient.follow(packet) {
                    // Something else may masquerade it.
                    if followed.ways.allSatisfy({ $0.sourceTranslation != nil }) { continue }
                    finding.example = followed.options
                }
            }
            findings.append(finding)
        }
    }
    return findings + patient.foreignOutgoingAddresses
}

extension Patient {
    /// SNAT of Calico's to an address that this host does not have.
    fileprivate var foreignOutgoingAddresses: [DoctorFinding] {
        guard host.knowsAddressesV4 else { return [] }
        var findings: [DoctorFinding] = []
        for chain in chains(where: { $0 == .calico(.natOutgoing) }) {
            for rule in rules(of: chain) {
                guard case .snat(let nat)? = ending(rule), let addresses = nat.addresses,
                    addresses.first.version == .v4,
                    !host.interfaces.contains(where: { $0.addresses.contains { addresses.contains($0.address) } }),
                    !findings.contains(where: { $0.title.holds("\(addresses.first),") })
                else { continue }
                var finding = DoctorFinding(
                    .risk,
                    "what pods send out of the cluster leaves as \(addresses.first), which is no address of this host (natOutgoingAddress)",
                    evidence: [evidence(rule)],
                    remedies: [
                        "make sure that the network routes \(addresses.first) to this node, and to no other: the setting holds for every node unless it is in a node's own FelixConfiguration (node.NAME)"
                    ])
                finding.traffic = "answers to what pods send out, where they are routed elsewhere"
                findings.append(finding)
            }
        }
        return findings
    }
}
