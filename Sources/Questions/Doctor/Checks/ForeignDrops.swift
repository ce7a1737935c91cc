internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// A rule that neither kube-proxy nor the network plugin made drops what goes to Services: it stands before theirs, or on
/// another hook. Found by following packets for the addresses and ports that kube-proxy's rules name.
/// Source: kubernetes#39823, #40182; guides of operators.
let foreignDrops = DoctorCheck(
    "foreign-drop", "a rule that is not the dataplane's drops what goes to Services, node ports or the pods' DNS",
    needs: [.interfaces]
) { patient in
    let own = patient.droppedToOwnPods
    let isTold = patient.decidedBeforeCalico.compactMap { $0.evidence.first?.place }
    return own
        + patient.droppedServices.compactMap { rule, hits in
            guard !isTold.contains(patient.linked.rule(rule).place), let first = hits.first else { return nil }
            // A firewall may be there to keep clients out; pods are to reach Services.
            let fromPods = hits.filter { $0.isFromPod }
            let shown = fromPods.isEmpty ? hits : fromPods
            let fronts = list(shown.map { "\($0.front.name.text) (\($0.front.text))" })
            var finding = DoctorFinding(
                fromPods.isEmpty ? .risk : .problem,
                "\(patient.cite(rule)) drops what \(fromPods.isEmpty ? "comes from outside for" : "pods send to") \(fronts)",
                evidence: [patient.evidence(rule)]
                    + shown.prefix(3).map { DoctorFinding.Evidence($0.front.place, "kube-proxy translates it") },
                remedies: [
                    "take the rule out, or narrow it: DNAT has put the endpoint's address and port there before FORWARD asks (--ctorigdst and --ctorigdstport are the Service's); or put it behind the dataplane's jumps, which accept what they let through"
                ])
            finding.traffic =
                "new connections of \(fromPods.isEmpty ? "clients outside" : "pods") to them: they time out or are refused"
            finding.example = (fromPods.first ?? first).options
            if fromPods.isEmpty { finding.doubts = ["whether it is meant to keep these clients out"] }
            return finding
        }
}

extension Patient {
    /// A rule or policy of OUTPUT that keeps this host from its own pods: kubelet probes them so.
    fileprivate var droppedToOwnPods: [DoctorFinding] {
        // What is on a bridge of containers that no kubelet runs is asked by nobody here.
        guard hasCalico || hasMaker(.kubeProxy) || hasMaker(.kubelet) || hasMaker(.flannel) else { return [] }
        for pod in samplePods {
            guard
                let followed = follow(
                    packet(in: nil, from: .host, to: .address(pod.address))), let way = followed.agreed,
                way.outcome == .dropped || way.outcome == .rejected, way.decider?.view.hook == .output,
                let chain = way.rule?.chain ?? way.policy, way.rule.map(isForeign) ?? true
            else { continue }
            let by = way.rule.map { cite($0) } ?? "the policy of \(path(of: chain))"
            var finding = DoctorFinding(
                .problem, "\(by) drops what this host sends to its own pods: kubelet's probes of them fail",
                evidence: [
                    way.rule.map { evidence($0) } ?? DoctorFinding.Evidence(linked.chain(chain).place),
                    DoctorFinding.Evidence(
                        pod.interface.place, "\(podText(pod.address, pod.interface)) is behind it"),
                ],
                remedies: [
                    "take it out, or let what goes to the pods' addresses through before it, by the tool that it is of"
                ])
            finding.traffic =
                "what this host itself sends to pods of this node: liveness and readiness probes, webhooks, node ports that are asked from here"
            finding.example = followed.options
            return [finding]
        }
        return []
    }

    fileprivate struct DroppedService {
        var front: ServiceFront
        var isFromPod: Bool
        var options: String
    }

    /// What each foreign rule drops, by the order in which packets are sent.
    fileprivate var droppedServices: [(rule: RuleReference, hits: [DroppedService])] {
        var found: [(rule: RuleReference, hits: [DroppedService])] = []
        for (front, packet, isFromPod) in serviceQuestions {
            guard let followed = follow(packet) else { continue }
            for rule in foreignDeciders(followed.ways) {
                let hit = DroppedService(front: front, isFromPod: isFromPod, options: followed.options)
                if let index = found.firstIndex(where: { $0.rule == rule }) {
                    found[index].hits.append(hit)
                } else {
                    found.append((rule, [hit]))
                }
            }
        }
        return found
    }

    /// Packets to Services: of a pod to cluster IPs, DNS first, and from outside to node ports and load balancers.
    private var serviceQuestions: [(front: ServiceFront, packet: PacketDescription, isFromPod: Bool)] {
        let pod = samplePods.first { $0.interface.kind != .bridge } ?? samplePods.first
        if pod == nil, uplinks.isEmpty { return [] }
        let fronts = serviceFronts.filter { $0.address?.version != .v6 }
        let inner = fronts.filter { $0.kind == .cluster }
        let ordered = inner.filter { $0.port == 53 } + inner.filter { $0.port != 53 }
        var found: [(front: ServiceFront, packet: PacketDescription, isFromPod: Bool)] = []
        for front in ordered.prefix(8) {
            guard let pod, let address = front.address else { continue }
            let packet = packet(
                in: name(pod.interface.name), from: .address(pod.address), to: .address(address), front.transport,
                port: front.port)
            found.append((front, packet, true))
        }
        for front in fronts.filter({ $0.kind != .cluster }).prefix(8) {
            guard let uplink = uplinks.first, let own = address(of: uplink) else { continue }
            let packet = packet(
                in: name(uplink.name), from: .internet, to: .address(front.address ?? own), front.transport,
                port: front.port)
            found.append((front, packet, false))
        }
        return found
    }

    /// Foreign rules that drop all packets to one of the endpoints: where only some are, something unknown decides.
    private func foreignDeciders(_ ways: [TracedWay]) -> [RuleReference] {
        var found: [RuleReference] = []
        for way in ways {
            guard way.outcome == .dropped || way.outcome == .rejected, let rule = way.rule, isForeign(rule),
                !found.contains(rule),
                ways.allSatisfy({ $0.destination != way.destination || ($0.isLost && $0.rule == rule) })
            else { continue }
            found.append(rule)
        }
        return found
    }

    /// Whether no part of the dataplane made a rule: an operator did, or the host's firewall.
    private func isForeign(_ rule: RuleReference) -> Bool {
        switch annotations.maker(of: rule) {
        case nil, .ufw?, .firewalld?, .openwrt?: true
        default: false
        }
    }
}
