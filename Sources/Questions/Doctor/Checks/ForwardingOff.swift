internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Forwarding is off where pods, containers or rules of FORWARD need it: a hardening profile, or `sysctl --system` after
/// the plugin turned it on.
/// Source: net/ipv4/route.c `ip_route_input_slow` (the interface that a packet comes in by decides), net/ipv6/ip6_output.c
/// `ip6_forward` (`conf.all` decides), Linux 6.18.
let forwardingOff = DoctorCheck(
    "forwarding-off", "forwarding is off (net.ipv4.ip_forward) though pods, containers or rules need it",
    needs: [.interfaces, .sysctls]
) { patient in
    var findings: [DoctorFinding] = []
    for version in [IPVersion.v4, .v6] {
        let hit = patient.unforwarded(version)
        guard let first = hit.first else { continue }
        let evidence = patient.forwardingSettings(version, hit.map { $0.interface })
        // A snapshot that does not tell the setting shows nothing.
        guard !evidence.isEmpty else { continue }
        var links: [String] = []
        for flow in hit where !links.contains(flow.interface) { links.append(flow.interface) }
        let isPartly = version == .v4 && patient.model.forwardsV4 == 1
        var finding = DoctorFinding(
            hit.contains { $0.isUsed } ? .problem : .risk,
            "this host does not forward \(version == .v4 ? "IPv4" : "IPv6") packets"
                + (isPartly ? " that come in by \(list(links))" : "") + ": \(first.text) is dropped",
            evidence: evidence + (first.rule.map { [patient.evidence($0, "is for packets that are forwarded")] } ?? []),
            remedies: [
                version == .v6
                    ? "sysctl -w net.ipv6.conf.all.forwarding=1 (and accept_ra=2 where the uplink's addresses come from router advertisements), in /etc/sysctl.d too"
                    : isPartly
                        ? "sysctl -w net.ipv4.conf.\(links[0]).forwarding=1"
                        : "sysctl -w net.ipv4.ip_forward=1, which sets it for every interface, and in /etc/sysctl.d too; see what turns it off there"
            ])
        var texts: [String] = []
        for flow in hit where !texts.contains(flow.text) { texts.append(flow.text) }
        finding.traffic = texts.joined(separator: ", ")
        finding.example = first.options
        findings.append(finding)
    }
    return findings
}

extension Patient {
    fileprivate struct Unforwarded {
        var text: String
        var interface: String
        /// The operator's rule that is for such packets; `nil` where pods or containers send them.
        var rule: RuleReference?
        /// Whether someone is known who sends such packets.
        var isUsed: Bool
        var options: String
    }

    /// Packets that are to be forwarded and are not, since the kernel does not forward what comes in there.
    fileprivate func unforwarded(_ version: IPVersion) -> [Unforwarded] {
        var flows: [(text: String, packet: PacketDescription, rule: RuleReference?, isUsed: Bool)] = []
        if Self.forwardingMakers.contains(where: hasMaker) {
            let pods = localPods.filter { $0.address.version == version && !isUplink($0.interface) }
            var asked: [Symbol] = []
            for pod in pods.prefix(64) where !asked.contains(pod.interface.name) {
                asked.append(pod.interface.name)
                let out = packet(in: name(pod.interface.name), from: .address(pod.address), to: .internet)
                flows.append(("what pods send to the outside", out, nil, isInhabited(pod.interface)))
            }
            if let pod = pods.first, let uplink = uplinks.first {
                let back = packet(in: name(uplink.name), from: .internet, to: .address(pod.address))
                flows.append(("what comes for pods from outside", back, nil, isInhabited(pod.interface)))
            }
        }
        if flows.isEmpty, version == .v4 {
            for flow in networkFlows {
                if let rule = forwardingRule(flow) {
                    flows.append((flow.sample.text, flow.sample.packet, rule, false))
                }
            }
        }
        return flows.compactMap { text, packet, rule, isUsed in
            guard case .interface(let interface)? = packet.arrival, let followed = follow(packet),
                followed.agreed?.reason == .forwardingOff
            else { return nil }
            return Unforwarded(text: text, interface: interface, rule: rule, isUsed: isUsed, options: followed.options)
        }
    }

    /// Whether a pod or container is behind a link: a bridge may be there for none.
    private func isInhabited(_ link: NetworkInterface) -> Bool {
        link.kind != .bridge || host.interfaces.contains { $0.master == link.name && $0.isUp }
            || host.neighbours.contains { $0.interface == link.name && !$0.isUnreachable }
    }

    private static let forwardingMakers: [Maker] = [
        .calico, .kubeProxy, .docker, .flannel, .kubeRouter, .cilium, .weave, .netavark, .awsVPC,
    ]

    fileprivate func forwardingSettings(_ version: IPVersion, _ interfaces: [String]) -> [DoctorFinding.Evidence] {
        if version == .v6 { return told(sysctl: "net.ipv6.conf.all.forwarding").map { [$0] } ?? [] }
        let common = told(sysctl: "net.ipv4.ip_forward") ?? told(sysctl: "net.ipv4.conf.all.forwarding")
        return (common.map { [$0] } ?? [])
            + (interfaces.first.flatMap { told(sysctl: "forwarding", of: $0) }.map { [$0] } ?? [])
    }

    /// A rule of the operator's that is for what is forwarded between two interfaces: it accepts in FORWARD, and names one
    /// of them, or gives one network's packets another source. What masquerades all that leaves may be for this host alone.
    private func forwardingRule(_ flow: NetworkFlow) -> RuleReference? {
        guard case .address(let peer)? = flow.sample.packet.source else { return nil }
        for hook in [Hook.forward, .postrouting] {
            for chain in baseChains(hook) {
                for rule in rules(of: chain) {
                    let ask = asks(rule)
                    let isBetween =
                        (ask.input ?? name(flow.from.name)) == name(flow.from.name)
                        && (ask.output ?? name(flow.to.name)) == name(flow.to.name)
                    switch ending(rule) {
                    case .accept? where hook == .forward && (ask.input != nil || ask.output != nil):
                        if isBetween { return rule }
                    case .masquerade?, .snat?:
                        if isBetween, ask.source?.contains(peer) == true { return rule }
                    default: continue
                    }
                }
            }
        }
        return nil
    }
}
