internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// kube-proxy's rules on this node are behind the objects, or differ from another node's.
/// Source: kubernetes#28674, #35641, #47589, #121362.
let staleProxy = DoctorCheck(
    "stale-kube-proxy", "kube-proxy's rules differ from the Services and endpoints of the cluster, or between nodes",
    needs: [.objectsOrNodes]
) { patient in
    patient.staleServices + patient.missingServices + patient.staleEndpoints + patient.driftingEndpoints
}

/// A rule that stands twice in one chain: something restored rules beside those that were there.
/// Source: kubernetes#14870, #47589; kube-router#1676; k3os#15.
let duplicateRules = DoctorCheck("duplicate-rules", "rules that stand twice in a chain") { patient in
    patient.duplicates
}

/// What an object and a rule may differ by besides a fault.
private let otherTime = "whether objects and rules were saved at the same time: kube-proxy needs a second or so"

private let otherProxyLabel =
    "whether it has the label service.kubernetes.io/service-proxy-name, which leaves it to another proxy"

private let restartProxy =
    "see kube-proxy's log on this node (kubectl -n kube-system logs), and restart its pod: it writes all rules anew"

extension Patient {
    /// By `namespace/name`.
    private var servicesByName: [String: Service] {
        var found: [String: Service] = [:]
        for service in cluster.services { found["\(service.namespace)/\(service.name)"] = service }
        return found
    }

    /// Addresses of all endpoints that the objects have of each Service, ready or not.
    private var objectEndpoints: [String: Set<IPAddress>] {
        var found: [String: Set<IPAddress>] = [:]
        for set in cluster.endpointSets {
            found["\(set.namespace)/\(set.service)", default: []].formUnion(set.endpoints.flatMap({ $0.addresses }))
        }
        return found
    }

    private var listsEndpoints: Bool { lists("EndpointSlice") || lists("Endpoints") }

    // MARK: Services

    fileprivate var staleServices: [DoctorFinding] {
        guard lists("Service") else { return [] }
        var gone: [String] = []
        var moved: [(text: String, front: ServiceFront, service: Service)] = []
        var evidence: [DoctorFinding.Evidence] = []
        let services = servicesByName
        var told: Set<String> = []
        for front in serviceFronts {
            guard let service = services[front.name.serviceText] else {
                if told.insert(front.name.text).inserted {
                    gone.append(front.name.text)
                    evidence.append(DoctorFinding.Evidence(front.place, "no object of this name"))
                }
                continue
            }
            guard front.kind == .cluster, let address = front.address, !service.clusterAddresses.isEmpty,
                !service.clusterAddresses.contains(address)
            else { continue }
            moved.append((front.text, front, service))
        }
        var findings: [DoctorFinding] = []
        if !gone.isEmpty {
            var finding = DoctorFinding(
                .risk,
                "kube-proxy's rules are for \(gone.count == 1 ? "a Service" : "Services") that the cluster does not have: \(list(gone))",
                evidence: Array(evidence.prefix(4)), remedies: [restartProxy])
            finding.traffic = "packets to addresses that other Services may get meanwhile"
            finding.doubts = [otherTime]
            findings.append(finding)
        }
        for (text, front, service) in moved.prefix(4) {
            var finding = DoctorFinding(
                .problem,
                "service \(front.name.text) is translated by \(text), and its cluster IP is \(service.clusterAddresses[0])",
                evidence: [DoctorFinding.Evidence(front.place), DoctorFinding.Evidence(service.place)],
                remedies: [restartProxy])
            finding.traffic = "packets to the Service by its present address"
            finding.doubts = [otherTime]
            findings.append(finding)
        }
        return findings
    }

    /// Services with ready endpoints that no rule translates.
    fileprivate var missingServices: [DoctorFinding] {
        let fronts = serviceFronts
        guard !fronts.isEmpty else { return [] }
        let versions = Set(fronts.compactMap { $0.address?.version })
        var missing: [(text: String, place: Place)] = []
        let translated = Set(
            fronts.compactMap { front in front.address.map { Front($0, front.port, front.transport) } })
        let ready = readyFronts
        for service in cluster.services where service.kind != .externalName && !service.isHeadless {
            for address in service.clusterAddresses where versions.contains(address.version) {
                for port in service.ports {
                    let name = ServicePortName(namespace: service.namespace, name: service.name, port: port.name)
                    guard !translated.contains(Front(address, port.number, port.protocol)),
                        ready.contains(ReadyPort(name: name, transport: port.protocol, version: address.version))
                    else { continue }
                    missing.append(("\(name.text) (\(address):\(port.number))", service.place))
                }
            }
        }
        guard !missing.isEmpty else { return missingNodePorts(fronts, ready) }
        var finding = DoctorFinding(
            .problem,
            "no rule of kube-proxy's translates \(list(missing.map({ $0.text }))), which \(missing.count == 1 ? "has" : "have") endpoints",
            evidence: missing.prefix(4).map { DoctorFinding.Evidence($0.place) }
                + [DoctorFinding.Evidence(.none, "KUBE-SERVICES has no rule for it")],
            remedies: [restartProxy])
        finding.traffic = "packets to these cluster IPs"
        finding.doubts = [otherTime, otherProxyLabel]
        return [finding] + missingNodePorts(fronts, ready)
    }

    /// Node ports of Services with ready endpoints that no rule translates.
    private func missingNodePorts(_ fronts: [ServiceFront], _ ready: Set<ReadyPort>) -> [DoctorFinding] {
        let known = Set(fronts.filter { $0.kind == .nodePort }.map { NodePort($0.port, $0.transport) })
        let versions = Set(fronts.compactMap { $0.address?.version })
        var missing: [(text: String, place: Place)] = []
        for service in cluster.services where service.kind != .externalName {
            for port in service.ports {
                guard let number = port.nodePort, !known.contains(NodePort(number, port.protocol)) else { continue }
                let name = ServicePortName(namespace: service.namespace, name: service.name, port: port.name)
                let isReady = versions.contains { version in
                    ready.contains(ReadyPort(name: name, transport: port.protocol, version: version))
                }
                if isReady { missing.append(("\(number)/\(port.protocol.shortName) (\(name.text))", service.place)) }
            }
        }
        guard !missing.isEmpty else { return [] }
        var finding = DoctorFinding(
            .problem,
            "no rule of kube-proxy's translates node \(missing.count == 1 ? "port" : "ports") \(list(missing.map({ $0.text }))), which \(missing.count == 1 ? "has" : "have") endpoints",
            evidence: missing.prefix(4).map { DoctorFinding.Evidence($0.place) }
                + [DoctorFinding.Evidence(.none, "KUBE-NODEPORTS (or the map service-nodeports) has no rule for it")],
            remedies: [restartProxy])
        finding.traffic = "packets to this node by these ports: they come to the host itself, where nothing listens"
        finding.doubts = [otherTime, otherProxyLabel]
        return [finding]
    }

    private struct NodePort: Hashable {
        var number: UInt16
        var transport: IPProtocol

        init(_ number: UInt16, _ transport: IPProtocol) {
            self.number = number
            self.transport = transport
        }
    }

    /// Where clients send to.
    private struct Front: Hashable {
        var address: IPAddress
        var port: UInt16
        var transport: IPProtocol

        init(_ address: IPAddress, _ port: UInt16, _ transport: IPProtocol) {
            self.address = address
            self.port = port
            self.transport = transport
        }
    }

    /// A Service's port that has a ready endpoint of a version.
    private struct ReadyPort: Hashable {
        var name: ServicePortName
        var transport: IPProtocol
        var version: IPVersion
    }

    private var readyFronts: Set<ReadyPort> {
        var found: Set<ReadyPort> = []
        for set in cluster.endpointSets {
            let versions = Set(set.endpoints.filter({ $0.isReady }).flatMap({ $0.addresses }).map({ $0.version }))
            for port in set.ports {
                let name = ServicePortName(namespace: set.namespace, name: set.service, port: port.name)
                for version in versions {
                    found.insert(ReadyPort(name: name, transport: port.protocol, version: version))
                }
            }
        }
        return found
    }

    // MARK: Endpoints

    /// An endpoint of a rule: its text, address and the place of the chain's translating rule.
    private struct RuleEndpoint {
        var name: ServicePortName
        var text: String
        var address: IPAddress
        var place: Place
    }

    private var ruleEndpoints: [RuleEndpoint] {
        var found: [RuleEndpoint] = []
        var seen: Set<String> = []
        for chain in chainIDs {
            guard case .kubeProxy(.endpoint(let name, let text))? = annotations.purpose(of: chain),
                let address = addressPart(text), seen.insert("\(name.text) \(text)").inserted
            else { continue }
            let place = linked.chain(chain).rules.last?.place ?? linked.chain(chain).place
            found.append(RuleEndpoint(name: name, text: text, address: address, place: place))
        }
        return found
    }

    fileprivate var staleEndpoints: [DoctorFinding] {
        guard listsEndpoints || lists("Pod") else { return [] }
        let pods = Set(cluster.pods.filter { !$0.isFinished }.flatMap({ $0.addresses }))
        let ranges = podRanges
        var stale: [(text: String, why: String, place: Place)] = []
        var lacking: [(text: String, place: Place)] = []
        let all = ruleEndpoints
        let services = servicesByName
        let objects = objectEndpoints
        for endpoint in all {
            if listsEndpoints, services[endpoint.name.serviceText] != nil {
                if objects[endpoint.name.serviceText]?.contains(endpoint.address) != true {
                    let isGone = lists("Pod") && !pods.contains(endpoint.address)
                    stale.append(
                        (
                            "\(endpoint.text) of \(endpoint.name.text)",
                            isGone
                                ? "no endpoint of the Service, and no pod has this address"
                                : "no endpoint of the Service",
                            endpoint.place
                        ))
                }
            } else if !listsEndpoints, lists("Pod"), !pods.contains(endpoint.address),
                ranges.contains(where: { $0.contains(endpoint.address) })
            {
                stale.append(("\(endpoint.text) of \(endpoint.name.text)", "no pod has this address", endpoint.place))
            }
        }
        var known: [String: Set<IPAddress>] = [:]
        for endpoint in all { known[endpoint.name.serviceText, default: []].insert(endpoint.address) }
        let versions = Set(all.map({ $0.address.version }))
        for set in cluster.endpointSets {
            guard let theirs = known["\(set.namespace)/\(set.service)"] else { continue }
            for endpoint in set.endpoints where endpoint.isReady && !endpoint.isTerminating {
                guard let address = endpoint.addresses.first, versions.contains(address.version),
                    !theirs.contains(address)
                else { continue }
                lacking.append(("\(address) of \(set.namespace)/\(set.service)", endpoint.place))
            }
        }
        var findings: [DoctorFinding] = []
        if !stale.isEmpty {
            var finding = DoctorFinding(
                .problem,
                "kube-proxy's rules lead to \(stale.count == 1 ? "an endpoint that is" : "endpoints that are") gone: \(list(stale.map({ $0.text })))",
                evidence: stale.prefix(4).map { DoctorFinding.Evidence($0.place, $0.why) }, remedies: [restartProxy])
            finding.traffic = "that share of the Service's new connections: they time out or reach another pod"
            finding.doubts = [otherTime]
            findings.append(finding)
        }
        if !lacking.isEmpty {
            var finding = DoctorFinding(
                .risk,
                "kube-proxy's rules lack \(lacking.count == 1 ? "a ready endpoint" : "ready endpoints"): \(list(lacking.map({ $0.text })))",
                evidence: lacking.prefix(4).map { DoctorFinding.Evidence($0.place, "no rule leads to it") },
                remedies: [restartProxy])
            finding.traffic = "none is lost; the other endpoints get all"
            finding.doubts = [otherTime, "whether topology hints keep it from this node"]
            findings.append(finding)
        }
        return findings
    }

    /// Endpoints that rules of most nodes have, and this node's not, or the other way.
    fileprivate var driftingEndpoints: [DoctorFinding] {
        let services = servicesByName
        // A policy of Local leaves every node the pods of its own.
        let differing = fleet.otherEndpoints(than: number).filter {
            services[$0.name.serviceText]?.internalPolicy != .local
        }
        guard let first = differing.first else { return [] }
        var others: Set<Int> = []
        for port in differing { others.formUnion(port.usual.nodes) }
        let only = others.count == 1 ? others.first.map { fleet.name($0) } : nil
        let those = only.map { $0.isEmpty ? "another node of the input" : $0 } ?? "\(others.count) other nodes"
        let places = ruleEndpoints
        var finding = DoctorFinding(
            .risk, "kube-proxy's rules differ from those on \(those): \(list(differing.map({ $0.name.text })))",
            evidence: differing.prefix(3).map { port in
                DoctorFinding.Evidence(
                    places.first { $0.name == port.name }?.place ?? .none,
                    "here \(port.name.text) has \(words(port.own)), there \(words(port.usual.endpoints))")
            },
            remedies: [
                "compare \(others.count == 1 ? "both" : "them") with the EndpointSlices of \(first.name.text), and restart kube-proxy's pod on the node that is behind"
            ])
        finding.traffic = "packets to these Services, on one of the nodes"
        finding.doubts = [
            "whether all nodes were saved at the same time",
            "whether topology hints or a traffic policy make them differ",
        ]
        return [finding]
    }

    private func words(_ endpoints: Set<String>) -> String {
        endpoints.isEmpty ? "none" : list(endpoints.sorted(), first: 4)
    }

    // MARK: Duplicates

    fileprivate var duplicates: [DoctorFinding] {
        var findings: [DoctorFinding] = []
        for chain in chainIDs {
            let own = linked.chain(chain)
            // The hashes of Calico's rules tell copies of them.
            guard own.rules.count > 1, annotations.purpose(of: chain)?.maker != .calico, !isShownByNft(chain) else {
                continue
            }
            var first: [[Statement]: Int] = [:]
            var pairs: [(Int, Int)] = []
            for (index, rule) in own.rules.enumerated() {
                guard let target = rule.target, isSame(target), isWholeKnown(rule) else { continue }
                if let before = first[rule.statements] {
                    pairs.append((before, index))
                } else {
                    first[rule.statements] = index
                }
            }
            guard let (before, index) = pairs.first else { continue }
            let rule = RuleReference(chain: chain, index: index)
            let isShare: Bool
            if case .kubeProxy(.service)? = annotations.purpose(of: chain) { isShare = true } else { isShare = false }
            let maker = annotations.maker(of: rule).map { " of \($0.name)'s" } ?? ""
            var finding = DoctorFinding(
                isShare ? .risk : .note,
                pairs.count == 1
                    ? "a rule\(maker) stands twice in \(path(of: chain))"
                    : "\(pairs.count) rules stand more than once in \(path(of: chain))",
                evidence: [evidence(RuleReference(chain: chain, index: before)), evidence(rule, "the same again")],
                remedies: [
                    "find what put the rules there a second time: two programs at once, a script that appends without asking (iptables -C) first, a saved rule set restored beside the live one; delete the copy: iptables -t \(name(linked.table(of: chain).name)) -D \(name(own.name)) \(index + 1)"
                ])
            finding.traffic = isShare ? "the Service's endpoint gets a larger share than the others" : ""
            findings.append(finding)
        }
        return findings
    }

    /// Whether nft shows a table of iptables, without what it does not know: two different rules may look alike.
    private func isShownByNft(_ chain: ChainID) -> Bool {
        let table = linked.table(of: chain)
        guard table.isNative, table.family == .ip || table.family == .ip6 else { return false }
        return IptablesTable.allCases.contains { $0.name == name(table.name) }
    }

    /// Whether nothing of a rule is hidden.
    private func isWholeKnown(_ rule: Rule) -> Bool {
        for statement in rule.statements {
            switch statement {
            case .match(.unknown), .target(.unknown), .target(.native(.xtables)), .target(.native(.unknown)):
                return false
            case .match, .target: continue
            }
        }
        return true
    }

    /// Whether a rule with this target does the same a second time, or nothing.
    private func isSame(_ target: Target) -> Bool {
        switch target {
        case .accept, .drop, .return, .reject, .jump, .goto, .dnat, .snat, .masquerade, .redirect, .netmap: true
        default: false
        }
    }
}

extension ServicePortName {
    fileprivate var serviceText: String { "\(namespace)/\(name)" }
}

/// The address of `10.244.1.10:80` or `[fd00::1]:80`.
func addressPart(_ text: String) -> IPAddress? {
    if text.hasPrefix("[") {
        guard let close = text.firstIndex(of: "]") else { return nil }
        return IPAddress(String(text[text.index(after: text.startIndex)..<close]))
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    return IPAddress(parts.count == 2 ? String(parts[0]) : text)
}
