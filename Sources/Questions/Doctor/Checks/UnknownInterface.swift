internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Links of pods that Calico's dispatch chains do not know, or whose names do not begin as Calico thinks.
/// Source: felix/rules/dispatch.go; felix#2117, #1423; calico#5761 (`eni`), #4520.
let unknownInterface = DoctorCheck(
    "unknown-pod-interface", "pod links that Calico's rules do not know", needs: [.interfaces]
) { patient in patient.undispatchedLinks + patient.unreachedLinks + patient.otherPrefixes }

extension Patient {
    fileprivate var undispatchedLinks: [DoctorFinding] {
        var hit: [(name: String, place: Place, rule: RuleReference, options: String)] = []
        for pod in localPods where pod.address.version == .v4 && !isBridge(pod.interface) {
            let from = name(pod.interface.name)
            guard !hit.contains(where: { $0.name == from }) else { continue }
            let packet = packet(in: from, from: .address(pod.address), to: .internet)
            guard let followed = follow(packet), let way = followed.agreed, let rule = way.rule,
                case .calico(.unknownInterface)? = annotations.purpose(of: rule)
            else { continue }
            let route = host.routes.first {
                $0.destination.address == pod.address && $0.interface == pod.interface.name
            }
            hit.append((from, route?.place ?? pod.interface.place, rule, followed.options))
        }
        guard let first = hit.first else { return [] }
        var finding = DoctorFinding(
            .problem,
            "Calico drops all that comes from \(list(hit.map({ $0.name }))): \(path(of: first.rule.chain)) does not know \(hit.count == 1 ? "it" : "them")",
            evidence: [evidence(first.rule)]
                + hit.prefix(3).map { DoctorFinding.Evidence($0.place, "a pod is behind \($0.name)") },
            remedies: [
                "see why Felix has no endpoint for it: calicoctl get workloadendpoint -A -o wide, and the log of calico-node; restart calico-node",
                "a pod that is gone leaves a link behind: ip link del \(first.name)",
            ])
        finding.traffic = "all packets of the pods behind \(list(hit.map({ $0.name })))"
        finding.example = first.options
        return [finding]
    }

    /// Links of pods to which Calico's rules let nothing pass, since the chain that finds them by their link does not know
    /// them.
    fileprivate var unreachedLinks: [DoctorFinding] {
        let pods = localPods.filter { $0.address.version == .v4 && !isBridge($0.interface) && isPodLink($0.interface) }
        var hit: [(name: String, place: Place, rule: RuleReference, options: String)] = []
        for pod in pods where !hit.contains(where: { $0.name == name(pod.interface.name) }) {
            // What a sender's own policy drops tells nothing of this pod: so from several.
            var questions = uplinks.prefix(1).map {
                packet(in: name($0.name), from: .internet, to: .address(pod.address))
            }
            for other in pods.filter({ $0.interface.name != pod.interface.name }).prefix(2) {
                questions.append(
                    packet(in: name(other.interface.name), from: .address(other.address), to: .address(pod.address)))
            }
            for question in questions {
                guard let followed = follow(question), let rule = followed.agreed?.rule,
                    case .calico(.unknownInterface(.ingress))? = annotations.purpose(of: rule)
                else { continue }
                hit.append((name(pod.interface.name), pod.interface.place, rule, followed.options))
                break
            }
        }
        guard let first = hit.first else { return [] }
        let names = list(hit.map { $0.name })
        var finding = DoctorFinding(
            .problem,
            "Calico drops all that goes to \(names): \(path(of: first.rule.chain)) does not know \(hit.count == 1 ? "it" : "them")",
            evidence: [evidence(first.rule)]
                + hit.prefix(3).map { DoctorFinding.Evidence($0.place, "a pod is behind \($0.name)") },
            remedies: [
                "restart calico-node's pod on this node: Felix writes the chain anew; if the rule stays away, see why Felix has no endpoint for it (calicoctl get workloadendpoint -A -o wide, and its log)"
            ])
        finding.traffic = "all new connections to the pods behind \(names)"
        finding.example = first.options
        return [finding]
    }

    /// Pods' links with a name that no rule of Calico's asks for.
    fileprivate var otherPrefixes: [DoctorFinding] {
        let dispatches = chains { $0 == .calico(.entry(.filter, hook: "FORWARD")) }
        var prefixes: [String] = []
        var asking: RuleReference?
        for chain in dispatches {
            for rule in rules(of: chain) {
                guard let input = asks(rule).input, input.hasSuffix("+") else { continue }
                prefixes.append(input)
                if asking == nil { asking = rule }
            }
        }
        guard let asking, host.knowsInterfaces else { return [] }
        let links = localPods.filter { pod in
            pod.address.version == .v4 && pod.interface.master == nil && looksLikePodLink(pod.interface)
        }
        let others = links.filter { link in !prefixes.contains { matches(name(link.interface.name), $0) } }
        guard let first = others.first,
            !links.contains(where: { link in
                prefixes.contains { matches(name(link.interface.name), $0) }
            })
        else { return [] }
        let names = others.map { name($0.interface.name) }
        let letters = names[0].utf8.prefix { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") }
        let prefix = String(decoding: Array(letters), as: UTF8.self)
        var finding = DoctorFinding(
            .problem,
            "Calico's rules ask for pod links \(list(prefixes.map { String($0.dropLast()) + "…" })), and the pods of this node are behind \(list(names)): no policy holds for them",
            evidence: [
                evidence(asking), DoctorFinding.Evidence(first.interface.place, "a pod is behind \(names[0])"),
            ],
            remedies: [
                "tell Felix how the links' names begin: interfacePrefix: \(prefix) in FelixConfiguration (FELIX_INTERFACEPREFIX; eni on EKS, azv on AKS, gke on GKE), and restart calico-node"
            ])
        finding.traffic = "all packets of pods: nothing accepts them for Calico, and no NetworkPolicy is asked"
        if let followed = follow(
            packet(in: names[0], from: .address(first.address), to: .internet))
        {
            finding.example = followed.options
        }
        return [finding]
    }

    /// Whether it looks like the host's end of a pod's link.
    private func looksLikePodLink(_ interface: NetworkInterface) -> Bool {
        let name = name(interface.name)
        if isPodTunnel(interface) || isUplink(interface) { return false }
        if interface.kind == .veth { return true }
        for prefix in ["cali", "eni", "azv", "gke", "tap", "lxc", "veth"] where name.hasPrefix(prefix) { return true }
        return false
    }
}
