internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// A pod that asks its own Service and is sent to itself: the bridge must send the frame back by the port it came by,
/// and the source must be masqueraded.
/// Source: kubernetes#13375, #20475; kube-router#637; net/bridge/br_forward.c `should_deliver`.
let hairpin = DoctorCheck(
    "hairpin", "a pod that reaches itself by a Service gets no answer"
) { patient in patient.portsWithoutHairpin + patient.endpointsWithoutMark + patient.takenBeforeMasquerade }

/// Bridged packets that iptables does not see: answers of a Service's endpoint on the same bridge keep the pod's address.
/// Source: kubernetes#21613, #87426, #38802.
let bridgeNetfilter = DoctorCheck(
    "bridge-nf-call-iptables", "packets between pods of one bridge pass by the rules", needs: [.interfaces, .sysctls]
) { patient in
    let bridges = patient.podBridges
    guard let bridge = bridges.first, patient.hasServices else { return [] }
    var evidence: [DoctorFinding.Evidence] = []
    var doubts: [String] = []
    let key = "net.bridge.bridge-nf-call-iptables"
    switch patient.model.sysctl(key) {
    case 0?: if let told = patient.told(sysctl: key) { evidence.append(told) }
    case nil:
        // A listing of every sysctl lacks them where the module is not there.
        guard patient.listsAllSettings, !patient.host.sysctls.keys.contains(where: { $0.hasPrefix("net.bridge.") })
        else { return [] }
        evidence.append(
            DoctorFinding.Evidence(.none, "the listing of sysctls has no \(key): br_netfilter is not loaded"))
        doubts.append("a listing that is not that of all sysctls would lack it too")
    default: return []
    }
    evidence.append(
        DoctorFinding.Evidence(bridge.place, "pods are on the bridge \(patient.name(bridge.name))"))
    if let front = patient.serviceFronts.first {
        evidence.append(DoctorFinding.Evidence(front.place, "translated for service \(front.name.text)"))
    }
    var finding = DoctorFinding(
        doubts.isEmpty ? .problem : .risk,
        "packets between pods on \(patient.name(bridge.name)) pass by iptables: an endpoint's answer to a pod on the same bridge is not translated back",
        evidence: evidence,
        remedies: [
            "modprobe br_netfilter && sysctl -w \(key)=1, and put both into /etc/modules-load.d and /etc/sysctl.d"
        ])
    finding.traffic =
        "what a pod asks of a Service whose endpoint is on the same node and bridge; network policies between pods of the bridge do not hold either"
    finding.doubts = doubts
    return [finding]
}

extension Patient {
    /// Bridges that pods of a network plugin are on: those of kubelet's and of CNI, with a port or an address of a pod.
    fileprivate var podBridges: [NetworkInterface] {
        host.interfaces.filter { bridge in
            guard isBridge(bridge), bridge.isUp, bridge.addresses.contains(where: { $0.address.version == .v4 })
            else { return false }
            let hasPort = host.interfaces.contains { $0.master == bridge.name }
            return hasPort || host.neighbours.contains { $0.interface == bridge.name && !$0.isUnreachable }
        }
    }

    /// Whether the listing of settings looks like that of all: it is long, and not of one subject.
    fileprivate var listsAllSettings: Bool {
        host.sysctls.count >= HostState.mostlyKnownSysctls
            && ["net.ipv4.", "net.netfilter."].allSatisfy { prefix in
                host.sysctls.keys.contains { $0.hasPrefix(prefix) }
            }
    }

    fileprivate var hasServices: Bool { !chains { $0 == .kubeProxy(.services) }.isEmpty }

    // MARK: The bridge's port

    fileprivate var portsWithoutHairpin: [DoctorFinding] {
        var hit: [(port: NetworkInterface, front: ServiceFront, endpoint: String, options: String)] = []
        let endpoints = serviceEndpoints
        for pod in podsOnPorts {
            guard !hit.contains(where: { $0.port.name == pod.port.name }) else { continue }
            for front in serviceFronts where front.kind == .cluster {
                guard let address = front.address,
                    let endpoint = endpoints[front.name]?.first(where: {
                        $0.hasPrefix("\(pod.address):")
                    })
                else { continue }
                let packet = packet(
                    in: name(pod.port.name), from: .address(pod.address), to: .address(address), front.transport,
                    port: front.port)
                guard let followed = follow(packet),
                    followed.ways.contains(where: { $0.reason == .hairpinOff && $0.destination == pod.address })
                else { continue }
                hit.append((pod.port, front, endpoint, followed.options))
                break
            }
        }
        guard let first = hit.first else { return [] }
        let ports = hit.map { name($0.port.name) }
        var finding = DoctorFinding(
            .problem,
            "a pod that reaches itself by a Service gets no answer: bridge \(hit.count == 1 ? "port" : "ports") \(list(ports)) \(hit.count == 1 ? "is" : "are") not in hairpin mode",
            evidence: hit.prefix(3).map {
                DoctorFinding.Evidence(
                    $0.port.place, "hairpin is off, and endpoint \($0.endpoint) of \($0.front.name.text) is behind it")
            },
            remedies: [
                "set hairpinMode: true in the CNI configuration of the bridge plugin (kubelet: --hairpin-mode=hairpin-veth); at once: bridge link set dev \(ports[0]) hairpin on"
            ])
        finding.traffic =
            "what a pod sends to \(first.front.name.text) (\(first.front.text)) and kube-proxy sends to that pod"
        finding.example = first.options
        return [finding]
    }

    /// Pods of which neighbours and forwarding entries tell the bridge's port, where its hairpin mode is told.
    private var podsOnPorts: [(address: IPAddress, port: NetworkInterface)] {
        var found: [(address: IPAddress, port: NetworkInterface)] = []
        for neighbour in host.neighbours where !neighbour.isUnreachable && neighbour.address.version == .v4 {
            guard let bridge = host.interface(neighbour.interface), bridge.kind == .bridge, let mac = neighbour.mac,
                let entry = host.forwardingEntries.first(where: { entry in
                    entry.mac == mac && host.interface(entry.interface)?.master == bridge.name
                }), let port = host.interface(entry.interface), port.isHairpin == false
            else { continue }
            found.append((neighbour.address, port))
        }
        return found
    }

    // MARK: The mark for masquerading

    /// Chains of endpoints that translate without marking what the endpoint itself sends.
    fileprivate var endpointsWithoutMark: [DoctorFinding] {
        var hit: [(name: ServicePortName, address: String, rule: RuleReference)] = []
        for chain in chainIDs {
            guard !linked.table(of: chain).isNative,
                case .kubeProxy(.endpoint(let service, let address))? = annotations.purpose(of: chain)
            else { continue }
            let purposes = annotations.purposes(ofRulesIn: chain)
            let marks = purposes.contains { purpose in
                if case .kubeProxy(.markHairpin)? = purpose { return true }
                return false
            }
            let translation = linked.chain(chain).rules.firstIndex { rule in
                if case .dnat? = rule.target { return true }
                return false
            }
            guard !marks, let translation else { continue }
            hit.append((service, address, RuleReference(chain: chain, index: translation)))
        }
        guard let first = hit.first else { return [] }
        var finding = DoctorFinding(
            .problem,
            "endpoint \(first.address) of service \(first.name.text) gets no answer from itself: no rule masquerades what it sends to itself"
                + (hit.count > 1 ? " (and \(hit.count - 1) more)" : ""),
            evidence: hit.prefix(3).map { evidence($0.rule, "no rule before it marks what comes from \($0.address)") },
            remedies: ["restart kube-proxy, which writes that rule (-s ENDPOINT -j KUBE-MARK-MASQ) for every endpoint"])
        finding.traffic = "what the endpoint's pod sends to its own Service and is sent to itself"
        return [finding]
    }

    // MARK: The rule that masquerades

    /// Rules that end the way through nat for what kube-proxy has marked, before it is masqueraded.
    fileprivate var takenBeforeMasquerade: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        var told: Set<RuleReference> = []
        let pods = localPods
        if pods.isEmpty { return [] }
        // A Service that leads to each address; thousands lead to other nodes.
        var services: [IPAddress: ServicePortName] = [:]
        for (name, endpoints) in serviceEndpoints.sorted(by: { $0.key.text < $1.key.text }) {
            for address in endpoints.compactMap(addressPart) where services[address] == nil { services[address] = name }
        }
        let fronts = serviceFronts.filter { $0.kind == .cluster }
        for pod in pods {
            guard let service = services[pod.address], let front = fronts.first(where: { $0.name == service }),
                let address = front.address, address.version == pod.address.version
            else { continue }
            let packet = packet(
                in: name(pod.interface.name), from: .address(pod.address), to: .address(address), front.transport,
                port: front.port)
            guard let followed = follow(packet) else { continue }
            let ways = followed.ways.filter { $0.destination == pod.address && !$0.isLost }
            guard let way = ways.first, ways.allSatisfy({ $0.sourceTranslation == nil }),
                let taker = way.rules.last(where: { isTaker($0.rule) && $0.verdict == .accept })?.rule,
                let marker = way.rules.last(where: { isHairpinMark($0.rule) })?.rule, told.insert(taker).inserted
            else { continue }
            var finding = DoctorFinding(
                .problem,
                "\(cite(taker)) takes what a pod sends to itself by a Service before kube-proxy's rule masquerades it: the pod gets a packet from its own address, and no answer",
                evidence: [evidence(taker), evidence(marker, "marks it, so that it is masqueraded")],
                remedies: [
                    "put that rule behind the jump to KUBE-POSTROUTING, or let it leave out what is marked: \(notMarkedForMasquerade)"
                ])
            finding.traffic =
                "what \(podText(pod.address, pod.interface)) sends to \(front.name.text) (\(front.text)) and kube-proxy sends to that pod"
            finding.example = followed.options
            findings.append(finding)
        }
        return findings
    }

    /// Whether a rule is another's than kube-proxy's, where source addresses are translated.
    private func isTaker(_ rule: RuleReference) -> Bool {
        linked.table(of: rule.chain).iptables == .nat && annotations.maker(of: rule) != .kubeProxy
            && isReached(rule.chain, from: .postrouting)
    }

    private func isHairpinMark(_ rule: RuleReference) -> Bool {
        guard case .kubeProxy(.markHairpin)? = annotations.purpose(of: rule) else { return false }
        return true
    }
}
