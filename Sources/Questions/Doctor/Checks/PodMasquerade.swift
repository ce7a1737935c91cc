internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// What pods send to pods of other nodes, or to Services, leaves with the node's address.
/// Source: flannel#835, #2176; ip-masq-agent#65, #35; calico#499 (masquerade-all); moby's `-s SUBNET ! -o docker0`.
let podMasquerade = DoctorCheck(
    "pod-masquerade", "pods of other nodes, or Services, see the node's address in place of the pod's",
    needs: [.interfaces]
) { patient in
    var findings: [DoctorFinding] = []
    var rules: Set<RuleReference> = []
    for pod in patient.samplePods {
        for remote in patient.remotePods.prefix(8) {
            let packet = patient.packet(
                in: patient.name(pod.interface.name), from: .address(pod.address), to: .address(remote.address))
            guard let followed = patient.follow(packet) else { continue }
            for way in followed.ways {
                guard !way.isAssumed || followed.ways.allSatisfy({ $0.sourceTranslation != nil }),
                    let (step, rule) = way.sourceTranslation, let rule, rules.insert(rule).inserted
                else { continue }
                let source = step.source.map { "\($0)" } ?? "another address"
                var finding = DoctorFinding(
                    .risk,
                    "pods of other nodes see \(source) and not the pod: \(patient.cite(rule)) masquerades what pods of this node send to them",
                    evidence: [
                        patient.evidence(rule), DoctorFinding.Evidence(remote.place, "pods of another node"),
                    ],
                    remedies: [patient.remedy(for: rule, pod: pod.address, remote: remote)])
                finding.traffic =
                    "what pods of this node send to \(remote.text): policies that ask for the pod's address do not know it"
                finding.example = followed.options
                findings.append(finding)
            }
        }
    }
    return findings + patient.masqueradedServices
}

extension Patient {
    /// Two pods at most for each kind of interface: what holds for one holds for its likes.
    var samplePods: [(address: IPAddress, interface: NetworkInterface)] {
        var found: [(address: IPAddress, interface: NetworkInterface)] = []
        let pods = localPods.filter { $0.address.version == .v4 }
        // Beside pods' own links a bridge is Docker's, and what is on it is no pod.
        let hasOwnLinks = pods.contains { isPodLink($0.interface) }
        for pod in pods {
            if isPodTunnel(pod.interface) || isUplink(pod.interface) { continue }
            if hasOwnLinks, isBridge(pod.interface) { continue }
            if found.filter({ $0.interface.kind == pod.interface.kind }).count < 2 { found.append(pod) }
        }
        return found
    }

    func isUplink(_ interface: NetworkInterface) -> Bool { uplinks.contains { $0.name == interface.name } }

    fileprivate func remedy(for rule: RuleReference, pod: IPAddress, remote: RemotePods) -> String {
        let exempt = exemption(before: rule)
        switch annotations.maker(of: rule) {
        case .docker?:
            return
                "start dockerd with --ip-masq=false and masquerade yourself what leaves the cluster, or " + exempt
        case .ipMasqAgent?: return "add the range of the pods to nonMasqueradeCIDRs in ip-masq-agent's ConfigMap"
        case .calico?:
            return
                "tell Calico that the range is a pool: an IPPool of that range (disabled: true where it is to give no addresses) puts it into all-ipam-pools"
        case .flannel?:
            return
                "let Network in flannel's net-conf.json cover the pods of all nodes, and restart flanneld so that it writes its rules anew"
        case .kubeProxy?: return "start kube-proxy without --masquerade-all"
        default: return exempt
        }
    }

    /// A rule that keeps what pods send to pods from `rule`, and nothing else: what kube-proxy has marked must still get to
    /// its own rule, or a pod that reaches itself by a Service gets no answer.
    private func exemption(before rule: RuleReference) -> String {
        let ask = asks(rule)
        let base = baseChains(.postrouting).first { $0 == rule.chain || leads($0, to: rule.chain) } ?? rule.chain
        let jumps = linked.jumps[base.index]
        let index =
            base == rule.chain
            ? rule.index : jumps.first(where: { $0.target.map { leads($0, to: rule.chain) } ?? false })?.rule ?? 0
        let proxy = jumps.first { jump in
            jump.target.map { annotations.purpose(of: $0) == .kubeProxy(.postrouting) } ?? false
        }
        let source = ask.source.map { "\($0)" } ?? "PODS"
        let isBeforeProxy = proxy.map { $0.rule > index } ?? false
        var words: [String] = []
        if let tool = iptables(for: base) {
            words.append("\(tool) -I \(name(linked.chain(base).name)) \(index + 1) -s \(source) -d PODS")
            if let output = ask.notOutput { words.append("! -o \(output)") }
            if isBeforeProxy { words.append(notMarkedForMasquerade) }
            words.append("-j ACCEPT")
        } else {
            words.append("nft insert rule \(nftName(base)) index \(index) ip saddr \(source) ip daddr PODS")
            if let output = ask.notOutput { words.append("oifname != \"\(output)\"") }
            words.append("accept")
        }
        return
            "put a rule before it that leaves pod traffic alone: \(words.joined(separator: " ")), with the range of all pods for PODS"
    }

    /// Services that see the node's address when a pod asks them.
    fileprivate var masqueradedServices: [DoctorFinding] {
        guard let pod = samplePods.first(where: { $0.interface.kind != .bridge }) ?? samplePods.first else { return [] }
        var marking: [(rule: RuleReference, front: ServiceFront, options: String)] = []
        for front in serviceFronts.filter({ $0.kind == .cluster && $0.address?.version == .v4 }).prefix(8) {
            guard let address = front.address else { continue }
            let packet = packet(
                in: name(pod.interface.name), from: .address(pod.address), to: .address(address), front.transport,
                port: front.port)
            guard let followed = follow(packet) else { continue }
            for way in followed.ways where way.destination != nil && way.destination != pod.address {
                guard way.sourceTranslation != nil else { continue }
                let marks = way.rules.last { step in
                    step.target.map { annotations.purpose(of: $0) == .kubeProxy(.markMasquerade) } ?? false
                }
                guard let rule = marks?.rule, annotations.purpose(of: rule).map(isForPods) ?? false,
                    !marking.contains(where: { $0.rule == rule })
                else { continue }
                marking.append((rule, front, followed.options))
            }
        }
        guard let first = marking.first else { return [] }
        let ask = asks(first.rule)
        let range = ask.notSource.map { "\($0.address)/\($0.length)" }
        var finding = DoctorFinding(
            .risk,
            "endpoints of Services see the node's address when pods ask them: "
                + (range.map { "kube-proxy takes \(pod.address) for a client from outside, since it is not in \($0)" }
                    ?? "kube-proxy masquerades all (--masquerade-all)"),
            evidence: marking.prefix(3).map { evidence($0.rule) },
            remedies: [
                range == nil
                    ? "start kube-proxy without --masquerade-all, with --cluster-cidr"
                    : "give kube-proxy the range of all pods as --cluster-cidr, or --detect-local-mode=InterfaceNamePrefix"
            ])
        finding.traffic =
            "what pods of this node ask of Services: policies of the endpoints do not see the pod's address"
        finding.example = first.options
        return [finding]
    }

    private func isForPods(_ purpose: Purpose) -> Bool {
        switch purpose {
        case .kubeProxy(.markFromOutside), .kubeProxy(.markMasquerade): true
        default: false
        }
    }
}
