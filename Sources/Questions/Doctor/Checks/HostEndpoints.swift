internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// A host endpoint of Calico's without a policy drops everything but the failsafe ports; one with policies drops what
/// none of them allows, node ports too.
/// Source: felix/rules/endpoints.go; calico#968, #734, #8109, #873, #5572; calicoctl#1558.
let hostEndpointDeny = DoctorCheck(
    "host-endpoint", "a host endpoint of Calico's that drops by default, or whose failsafe ports are closed"
) { patient in
    patient.endpointsWithoutPolicy + patient.closedFailsafes + patient.closedNodePorts
}

/// What policy let a pod send to its own host is dropped at the end.
/// Source: felix/rules/static.go; calicoctl#1389, #1639; canal#38; felix#723.
let endpointToHost = DoctorCheck(
    "endpoint-to-host", "pods may not reach their own host (defaultEndpointToHostAction)"
) { patient in
    let chains = patient.chains { $0 == .calico(.workloadToHost) }
    var findings: [DoctorFinding] = []
    for rule in patient.rules(in: chains, where: { $0 == .calico(.endpointToHostAction) }) {
        guard patient.ending(rule)?.refuses == true else { continue }
        var finding = DoctorFinding(
            .risk, "pods may not reach their own host: defaultEndpointToHostAction is Drop",
            evidence: [patient.evidence(rule)],
            remedies: [
                "kubectl patch felixconfiguration default --type merge -p '{\"spec\":{\"defaultEndpointToHostAction\":\"Accept\"}}' (Return leaves it to the rules after Calico's)"
            ])
        finding.traffic =
            "what pods send to addresses of this node: kubelet, host-network pods, a name server or API server here"
        for (packet, text) in patient.packetsToHost {
            guard let followed = patient.follow(packet), followed.agreed?.rule == rule else { continue }
            finding.example = followed.options
            if let text {
                finding.severity = .problem
                finding.title += ", and \(text) is here"
            }
            break
        }
        findings.append(finding)
        // The rule of IPv6 says the same.
        break
    }
    return findings
}

extension Patient {
    /// Packets of a pod to this host: first to Services whose endpoint is here, with words for them.
    fileprivate var packetsToHost: [(packet: PacketDescription, text: String?)] {
        guard let pod = samplePods.first(where: { $0.interface.kind != .bridge }) else { return [] }
        let from = name(pod.interface.name)
        var packets: [(packet: PacketDescription, text: String?)] = []
        let endpoints = serviceEndpoints
        for front in serviceFronts where front.kind == .cluster {
            guard let address = front.address, address.version == .v4,
                let endpoint = endpoints[front.name]?.first(where: { isOwnEndpoint($0) })
            else { continue }
            packets.append(
                (
                    packet(
                        in: from, from: .address(pod.address), to: .address(address), front.transport,
                        port: front.port),
                    "the endpoint \(endpoint) of service \(front.name.text)"
                ))
            break
        }
        packets.append((packet(in: from, from: .address(pod.address), to: ownEnd, port: 10250), nil))
        return packets
    }

    private var ownEnd: PacketEnd {
        for uplink in uplinks { if let own = address(of: uplink) { return .address(own) } }
        return .host
    }

    private func isOwnEndpoint(_ text: String) -> Bool {
        var address = text
        while let last = address.unicodeScalars.last {
            address.unicodeScalars.removeLast()
            if last == ":" { break }
        }
        return IPAddress(address).map { isOwn($0) } ?? false
    }

    // MARK: Host endpoints

    /// Chains of host endpoints in filter that reach their end with nothing that could allow a packet.
    fileprivate var endpointsWithoutPolicy: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for chain in chainIDs {
            guard case .calico(.hostEndpoint(let interface, let way, .normal))? = annotations.purpose(of: chain) else {
                continue
            }
            let purposes = annotations.purposes(ofRulesIn: chain)
            let judges = purposes.contains { purpose in
                switch purpose {
                case .calico(.policy), .calico(.policyGroup), .calico(.profile): true
                default: false
                }
            }
            guard !judges,
                let last = purposes.indices.last(where: { index in
                    linked.chain(chain).rules[index].target?.refuses == true
                        && asks(
                            RuleReference(chain: chain, index: index)
                        ).isUnconditional
                })
            else { continue }
            let rule = RuleReference(chain: chain, index: last)
            let what = interface.isEmpty ? "all interfaces" : interface
            var finding = DoctorFinding(
                .problem,
                "the host endpoint of \(what) has no policy for \(way == .ingress ? "what comes in" : "what goes out"): all but the failsafe ports is dropped",
                evidence: [
                    evidence(rule, packets(rule).map { $0 > 0 ? "it has dropped \(counted($0, "packet"))" : "" } ?? "")
                ],
                remedies: [
                    "write a GlobalNetworkPolicy that selects the host endpoint and allows what is needed, or give the endpoint the profile projectcalico-default-allow"
                ])
            finding.traffic =
                way == .ingress
                ? "new connections to this host by \(what), \(failsafeText(.ingress)) apart"
                : "new connections of this host by \(what), \(failsafeText(.egress)) apart"
            if way == .ingress, let uplink = interface.isEmpty ? uplinks.first : self.interface(named: interface) {
                let packet = packet(in: name(uplink.name), from: .internet, to: .host, port: 8443)
                if let followed = follow(packet), followed.agreed?.rule == rule { finding.example = followed.options }
            }
            findings.append(finding)
        }
        return findings
    }

    /// `tcp 22, tcp 179`
    private func failsafeText(_ way: PolicyDirection) -> String {
        var ports: [String] = []
        for chain in chains(where: { $0 == .calico(.failsafe(way)) }) {
            for rule in rules(of: chain) {
                guard linked.table(of: chain).iptables == .filter || linked.table(of: chain).isNative else { continue }
                let ask = asks(rule)
                guard let port = ask.ports?.first, let transport = ask.protocol else { continue }
                let text = "\(transport.shortName) \(port)"
                if !ports.contains(text) { ports.append(text) }
            }
        }
        return ports.isEmpty ? "the failsafe ports" : list(ports, first: 10)
    }

    /// Failsafe chains that let nothing, or no SSH, in.
    fileprivate var closedFailsafes: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        let endpoints = chainIDs.filter { chain in
            guard case .calico(.hostEndpoint(_, .ingress, .normal))? = annotations.purpose(of: chain) else {
                return false
            }
            return true
        }
        guard let endpoint = endpoints.first else { return [] }
        let failsafes = chains { $0 == .calico(.failsafe(.ingress)) }.filter {
            linked.tableIndex(of: $0) == linked.tableIndex(of: endpoint)
        }
        let accepts = failsafes.flatMap { rules(of: $0) }.filter { rule in
            if case .accept? = ending(rule) { return true }
            return false
        }
        if accepts.isEmpty {
            var finding = DoctorFinding(
                .risk, "no failsafe port is open: a policy that is wrong for the host endpoint locks you out",
                evidence: [
                    failsafes.first.map { DoctorFinding.Evidence(linked.chain($0).place, "it accepts nothing") }
                        ?? DoctorFinding.Evidence(linked.chain(endpoint).place, "it asks no failsafe chain")
                ],
                remedies: [
                    "take failsafeInboundHostPorts out of FelixConfiguration, or set it to what must stay open (its default has tcp 22, 179, 2379, 2380, 5473, 6443, 6666, 6667 and udp 68)"
                ])
            finding.traffic = "SSH, the API server, etcd and BGP of this node"
            findings.append(finding)
        }
        return findings
    }

    /// Node ports that the host endpoint's policy drops.
    fileprivate var closedNodePorts: [DoctorFinding] {
        guard let uplink = uplinks.first else { return [] }
        var hit: [(front: ServiceFront, way: TracedWay, rule: RuleReference, options: String)] = []
        for front in serviceFronts.filter({ $0.kind == .nodePort }).prefix(16) {
            let packet = packet(
                in: name(uplink.name), from: .internet, to: .host, front.transport, port: front.port)
            guard let followed = follow(packet), let way = followed.agreed, let rule = way.rule,
                way.outcome == .dropped || way.outcome == .rejected,
                case .calico(.hostEndpoint)? = annotations.purpose(of: rule.chain)
            else { continue }
            hit.append((front, way, rule, followed.options))
        }
        guard let first = hit.first else { return [] }
        var finding = DoctorFinding(
            .risk,
            "the host endpoint's policy drops what comes from outside for \(list(hit.map { "\($0.front.name.text) (\($0.front.text))" }))",
            evidence: [evidence(first.rule)] + hit.prefix(3).map { DoctorFinding.Evidence($0.front.place) },
            remedies: [
                "allow it in a GlobalNetworkPolicy for the host endpoint: with preDNAT: true and applyOnForward: true on the node port, else with applyOnForward: true on the endpoint's address and port, which is what the packet has behind DNAT"
            ])
        finding.traffic = "clients outside of the cluster"
        finding.example = first.options
        return [finding]
    }
}
