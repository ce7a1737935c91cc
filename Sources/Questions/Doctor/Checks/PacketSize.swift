internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// Pods that may send larger packets than the tunnel to other nodes takes: it works only while the sender is told.
/// Source: net/ipv4/ip_forward.c `ip_exceeds_mtu`; flannel#1009, #2152; calico#9645.
let packetSize = DoctorCheck(
    "mtu", "pods send larger packets than the way to other nodes takes", needs: [.interfaces]
) { patient in
    guard let pod = patient.samplePods.first, let remote = patient.remotePods.first,
        let way = mainRoute(to: remote.address, on: patient.model)?.interface,
        let tunnel = patient.host.interface(way), patient.isPodTunnel(tunnel), pod.interface.mtu > tunnel.mtu
    else { return [] }
    let from = patient.name(pod.interface.name)
    var packet = patient.packet(in: from, from: .address(pod.address), to: .address(remote.address))
    packet.length = pod.interface.mtu
    packet.tcpFlags = .ack
    packet.state = .established
    guard let followed = patient.follow(packet), let ending = followed.agreed, ending.reason == .tooBig else {
        return []
    }
    let answerLoss = patient.lossOfSizeError(to: pod.address)
    let isSilent = answerLoss != nil
    var finding = DoctorFinding(
        isSilent ? .problem : .risk,
        "pods may send packets of \(pod.interface.mtu) bytes, and \(patient.name(tunnel.name)) takes \(tunnel.mtu): "
            + (isSilent
                ? "larger ones are dropped, and the sender is not told"
                : "larger ones get through only once the sender is told (ICMP)"),
        evidence: [
            DoctorFinding.Evidence(pod.interface.place, "a pod's link, mtu \(pod.interface.mtu)"),
            DoctorFinding.Evidence(tunnel.place, "leads to \(remote.text), mtu \(tunnel.mtu)"),
        ],
        remedies: [
            "give pods the tunnel's MTU: \(patient.remedyOfSize(tunnel)); pods that run keep theirs until they start anew"
        ])
    if let answerLoss { finding.evidence.append(answerLoss) }
    finding.traffic =
        "large packets of pods to pods of other nodes: connections open, and hang when data flows"
    finding.example = followed.options
    if !isSilent {
        finding.doubts = ["the host's end of a pod's link may have another MTU than the pod's own end"]
    }
    return [finding]
}

extension Patient {
    /// What drops the ICMP error by which this host tells a pod of a smaller MTU.
    fileprivate func lossOfSizeError(to pod: IPAddress) -> DoctorFinding.Evidence? {
        guard let uplink = uplinks.first, let own = address(of: uplink) else { return nil }
        var error = packet(in: nil, from: .address(own), to: .address(pod), .icmp, port: nil)
        error.icmpType = .number(type: 3, code: 4)
        error.state = .related
        guard let way = follow(error)?.agreed, way.outcome == .dropped else { return nil }
        if let rule = way.rule { return evidence(rule, "drops the ICMP error that would tell the sender") }
        return way.policy.map {
            DoctorFinding.Evidence(linked.chain($0).place, "drops the ICMP error that would tell the sender")
        }
    }

    fileprivate func remedyOfSize(_ tunnel: NetworkInterface) -> String {
        let name = name(tunnel.name)
        if name.hasPrefix("flannel") {
            return "FLANNEL_MTU in /run/flannel/subnet.env is what the CNI plugin and dockerd (--mtu) must have"
        }
        if name.hasPrefix("cilium") { return "the mtu option of cilium-agent" }
        return "veth_mtu in the ConfigMap calico-config, or spec.calicoNetwork.mtu of the operator's Installation"
    }
}
