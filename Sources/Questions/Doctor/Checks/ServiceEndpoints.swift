internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Services without endpoints refuse, or time out where Calico's loop prevention is asked first; their rules also hide
/// ports of the host itself.
/// Source: kubernetes pkg/proxy/iptables/proxier.go; kubernetes#97360, #17359; calico#2024.
let noEndpoints = DoctorCheck(
    "no-endpoints", "Services that have no endpoint"
) { patient in patient.servicesWithoutEndpoints + patient.hiddenPorts + patient.virtualServicesWithoutServers }

/// Services that take only endpoints of this node, and have none here.
/// Source: kubernetes#127937, #66354, #65387, #99299; metallb#2561.
let noLocalEndpoint = DoctorCheck(
    "no-local-endpoint", "Services with the traffic policy Local that have no endpoint on this node"
) { patient in
    let closed = patient.closedFronts { $0 == .noLocalEndpoints($1) } + patient.mappedClosedFronts(areLocal: true)
    let internalOnes = closed.filter { $0.isInternal }
    let externalOnes = closed.filter { !$0.isInternal }
    var findings: [DoctorFinding] = []
    if let first = internalOnes.first {
        var finding = DoctorFinding(
            .problem,
            "pods of this node can't reach \(list(patient.names(internalOnes))): internalTrafficPolicy is Local, and no endpoint is here",
            evidence: internalOnes.prefix(4).map { DoctorFinding.Evidence($0.place) },
            remedies: [
                "run an endpoint on every node (a DaemonSet), or set internalTrafficPolicy: Cluster in the Service"
            ])
        finding.traffic = "what pods of this node and the node itself send to \(first.front)"
        finding.example = patient.exampleTo(first)
        findings.append(finding)
    }
    if let first = externalOnes.first {
        var finding = DoctorFinding(
            .risk,
            "this node drops what comes from outside for \(list(patient.names(externalOnes))): externalTrafficPolicy is Local, and no endpoint is here",
            evidence: externalOnes.prefix(4).map { DoctorFinding.Evidence($0.place) },
            remedies: [
                "let the load balancer ask the health check port, so that it sends nothing here; or set externalTrafficPolicy: Cluster, by which endpoints see the node's address in place of the client's"
            ])
        finding.traffic = "clients outside of the cluster that are sent to this node, at \(first.front)"
        findings.append(finding)
    }
    return findings
}

/// Load balancers that take some clients only.
/// Source: kubernetes#110289, #109575, #119656.
let sourceRanges = DoctorCheck(
    "source-ranges", "clients that a Service's loadBalancerSourceRanges do not allow"
) { patient in
    let closed = patient.closedFronts { $0 == .outsideSourceRanges($1) }.filter { closed in
        closed.rule.map { patient.ending($0) != nil } ?? false
    }
    return closed.prefix(8).map { closed in
        let dropped = closed.rule.flatMap { patient.packets($0) } ?? 0
        let ranges = patient.allowedRanges(closed.name)
        var finding = DoctorFinding(
            dropped > 0 ? .risk : .note,
            "the load balancer of \(closed.name.text) takes clients "
                + (ranges.isEmpty ? "of its source ranges" : "of \(list(ranges.map({ $0.text }), first: 6))") + " only"
                + (dropped > 0 ? ": \(counted(dropped, "packet")) of others were dropped" : ""),
            evidence: [DoctorFinding.Evidence(closed.place)] + ranges.prefix(3).map { patient.evidence($0.rule) },
            remedies: [
                "add who is missing to loadBalancerSourceRanges of the Service: behind a proxy or SNAT it is that address which counts, and pods that ask by the load balancer's address need the range of the pods there"
            ])
        finding.traffic = "other clients of \(closed.front): they get no answer"
        finding.example = patient.exampleTo(closed)
        return finding
    }
}

/// A rule, or an element of a map, that refuses what goes to a front of a Service.
struct ClosedFront {
    var name: ServicePortName
    /// `nil` for an element of a map.
    var rule: RuleReference?
    var ask: RuleAsk
    /// Whether it is a cluster IP's.
    var isInternal: Bool
    var place: Place

    /// `10.96.0.10:53/udp`, `node port 30080/tcp`
    var front: String {
        let port = ask.ports.map { "\($0.first)" } ?? "any port"
        let transport = ask.protocol?.shortName ?? "any"
        guard let address = ask.destination, address.isHost else { return "node port \(port)/\(transport)" }
        let text = address.address.version == .v6 ? "[\(address.address)]" : "\(address.address)"
        return "\(text):\(port)/\(transport)"
    }
}

extension Patient {
    func names(_ fronts: [ClosedFront]) -> [String] {
        var names: [String] = []
        for front in fronts where !names.contains(front.name.text) { names.append(front.name.text) }
        return names
    }

    /// Rules of kube-proxy's chains that `isWanted` holds for, with the Service that they are about.
    func closedFronts(_ isWanted: (KubeProxyPurpose, ServicePortName) -> Bool) -> [ClosedFront] {
        var found: [ClosedFront] = []
        let elements = frontElements(["firewall-ips"])
        for chain in chainIDs {
            guard case .kubeProxy(let own)? = annotations.purpose(of: chain) else { continue }
            for (index, purpose) in annotations.purposes(ofRulesIn: chain).enumerated() {
                guard case .kubeProxy(let purpose)? = purpose, let service = purpose.service, isWanted(purpose, service)
                else { continue }
                let rule = RuleReference(chain: chain, index: index)
                var ask = asks(rule)
                // In nftables mode the map that leads to the chain has the address.
                if let element = elements.first(where: { $0.chain == chain }) { ask = self.ask(element) }
                found.append(
                    ClosedFront(
                        name: service, rule: rule, ask: ask, isInternal: own == .services,
                        place: linked.rule(rule).place))
            }
        }
        return found
    }

    /// Elements of kube-proxy's maps for Services without an endpoint, or without one on this node.
    func mappedClosedFronts(areLocal: Bool) -> [ClosedFront] {
        frontElements(["no-endpoint-services", "no-endpoint-nodeports"]).compactMap { element in
            // The reject chain for those without any endpoint, a drop for those that have one elsewhere.
            guard (element.verdict == .drop) == areLocal, let name = ServicePortName(element.comment) else {
                return nil
            }
            let isCluster = cluster.services.contains { service in
                service.namespace == name.namespace && service.name == name.name
                    && element.address.map { service.clusterAddresses.contains($0) } ?? false
            }
            return ClosedFront(name: name, rule: nil, ask: ask(element), isInternal: isCluster, place: element.place)
        }
    }

    private func ask(_ element: FrontElement) -> RuleAsk {
        var ask = RuleAsk()
        ask.destination = element.address.map { IPPrefix(host: $0) }
        ask.isLocal = element.address == nil
        ask.protocol = element.transport
        ask.ports = PortRange(element.port)
        return ask
    }

    /// A packet to a front that the refusing rule decides about: from a pod, else from outside.
    func exampleTo(_ closed: ClosedFront) -> String? {
        let transport = closed.ask.protocol ?? .tcp
        let destination: PacketEnd = closed.ask.destination.map { .address($0.address) } ?? .host
        var sources: [(name: String, source: PacketEnd)] = []
        for pod in samplePods.prefix(1) { sources.append((name(pod.interface.name), .address(pod.address))) }
        for uplink in uplinks.prefix(1) { sources.append((name(uplink.name), .internet)) }
        for source in sources {
            let packet = packet(
                in: source.name, from: source.source, to: destination, transport, port: closed.ask.ports?.first ?? 80)
            guard let followed = follow(packet), let way = followed.agreed, way.isLost, let rule = way.rule else {
                continue
            }
            let isIt = closed.rule.map { $0 == rule } ?? (name(linked.table(of: rule.chain).name) == "kube-proxy")
            if isIt { return followed.options }
        }
        return nil
    }

    /// The source ranges that rules of a Service's KUBE-FW chain let in.
    fileprivate func allowedRanges(_ service: ServicePortName) -> [(text: String, rule: RuleReference)] {
        let chains = chains { $0 == .kubeProxy(.firewall(service)) }
        return rules(in: chains) { $0 == .kubeProxy(.sourceRange(service)) }.compactMap { rule in
            asks(rule).source.map { ("\($0.address)/\($0.length)", rule) }
        }
    }

    // MARK: No endpoints

    fileprivate var servicesWithoutEndpoints: [DoctorFinding] {
        let closed = closedFronts { $0 == .noEndpoints($1) } + mappedClosedFronts(areLocal: false)
        guard !closed.isEmpty else { return [] }
        let services = names(closed)
        var finding = DoctorFinding(
            .problem,
            "\(services.count == 1 ? "service" : "services") \(list(services)) \(services.count == 1 ? "has" : "have") no endpoint",
            evidence: closed.prefix(4).map { DoctorFinding.Evidence($0.place) },
            remedies: [
                "see why: kubectl describe service and kubectl get endpointslices; no pod has the labels of its selector, or none of them is ready"
            ])
        finding.traffic = "what goes to \(list(closed.map({ $0.front })))"
        for front in closed {
            guard let example = exampleTo(front) else { continue }
            finding.title += ": connections are refused"
            finding.example = example
            break
        }
        return [finding] + (shadowed(closed).map { [$0] } ?? [])
    }

    /// Services without endpoints whose clients get no answer, since Calico's loop prevention drops before.
    private func shadowed(_ closed: [ClosedFront]) -> DoctorFinding? {
        guard let pod = samplePods.first(where: { $0.interface.kind != .bridge }) else { return nil }
        for front in closed {
            guard let destination = front.ask.destination, destination.isHost, destination.address.version == .v4 else {
                continue
            }
            let packet = packet(
                in: name(pod.interface.name), from: .address(pod.address), to: .address(destination.address),
                front.ask.protocol ?? .tcp, port: front.ask.ports?.first ?? 80)
            guard let followed = follow(packet), let way = followed.agreed, way.outcome == .dropped,
                let rule = way.rule, annotations.purpose(of: rule) == .calico(.serviceLoop)
            else { continue }
            var finding = DoctorFinding(
                .risk,
                "pods that ask a Service without endpoints get no answer: \(cite(rule)) (Calico's loop prevention) drops before kube-proxy's rule refuses",
                evidence: [evidence(rule), DoctorFinding.Evidence(front.place, "would refuse")],
                remedies: [
                    "serviceLoopPrevention: Reject in FelixConfiguration has pods told at once"
                ])
            finding.traffic = "what pods of this node send to \(front.front): they wait until they time out"
            finding.example = followed.options
            return finding
        }
        return nil
    }

    /// Ports of this host that something listens on, and that a rule for a Service without endpoints refuses.
    fileprivate var hiddenPorts: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        let closed = closedFronts { $0 == .noEndpoints($1) || $0 == .noLocalEndpoints($1) }
        for front in closed + mappedClosedFronts(areLocal: false) {
            let address = front.ask.destination?.address
            guard front.ask.isLocal || address.map({ isOwn($0) }) ?? false, let port = front.ask.ports?.first,
                let listener = (host.listeners ?? []).first(where: { listener in
                    listener.port == port && listener.protocol == front.ask.protocol
                        && (listener.address == nil || address == nil || listener.address == address)
                        && listener.address?.isLoopback != true && listener.process != "kube-proxy"
                })
            else { continue }
            var finding = DoctorFinding(
                .problem,
                "\(listener.process.isEmpty ? "something" : listener.process) listens on \(listener.protocol.shortName) port \(port) here, and the rule for service \(front.name.text), which has no endpoint, refuses what comes for it",
                evidence: [DoctorFinding.Evidence(front.place), DoctorFinding.Evidence(listener.place)],
                remedies: [
                    "take another node port or external IP for the Service, or delete the Service"
                ])
            finding.traffic = "what comes to this host on \(listener.protocol.shortName) port \(port)"
            finding.example = exampleTo(front)
            findings.append(finding)
        }
        return findings
    }

    /// IPVS's virtual services that have no server to send to.
    fileprivate var virtualServicesWithoutServers: [DoctorFinding] {
        let empty = (host.virtualServices ?? []).filter { service in
            service.servers.allSatisfy { $0.weight == 0 }
        }
        guard !empty.isEmpty else { return [] }
        let texts = empty.map { service in
            switch service.key {
            case .address(let transport, let address, let port):
                (address.version == .v6 ? "[\(address)]" : "\(address)") + ":\(port)/\(transport.shortName)"
            case .mark(let mark, _): "mark \(mark)"
            }
        }
        var finding = DoctorFinding(
            .problem,
            "IPVS has no server for \(list(texts)): what goes there is refused or dropped",
            evidence: empty.prefix(4).map {
                DoctorFinding.Evidence($0.place, $0.servers.isEmpty ? "" : "every server has weight 0")
            },
            remedies: [
                "see why: kubectl describe service and kubectl get endpointslices; no pod has the labels of its selector, or none of them is ready"
            ])
        finding.traffic = "what goes to \(list(texts))"
        return [finding]
    }
}
