internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Rules that drop what conntrack finds invalid have dropped packets; or kube-proxy has no such rule and packets pass
/// whose addresses are not translated back.
/// Source: kubernetes#74839 (rule added), #94861 (asymmetric routes), #120412 (be_liberal); felix#1248.
let conntrackInvalid = DoctorCheck(
    "conntrack-invalid", "packets that conntrack finds invalid are dropped, or pass untranslated"
) { patient in
    var hit: [(rule: RuleReference, count: UInt64)] = []
    for chain in patient.chainIDs {
        for rule in patient.rules(of: chain) {
            guard patient.ending(rule)?.refuses == true,
                case .is(.invalid)? = patient.asks(rule).states, let count = patient.packets(rule), count > 0
            else { continue }
            hit.append((rule, count))
        }
    }
    var findings: [DoctorFinding] = []
    let oneSided = patient.oneSidedConnections
    let liberal = patient.told(sysctl: "net.netfilter.nf_conntrack_tcp_be_liberal")
    if !hit.isEmpty {
        let sum = hit.reduce(UInt64(0)) { $0 &+ $1.count }
        let forwarding = patient.reached(from: .forward)
        let isForwarded = hit.contains { forwarding.contains($0.rule.chain) }
        var finding = DoctorFinding(
            isForwarded && !oneSided.isEmpty ? .problem : isForwarded ? .risk : .note,
            "\(counted(sum, "packet")) that conntrack found invalid " + (sum == 1 ? "was" : "were")
                + " dropped" + (isForwarded ? "" : " on the way to this host"),
            evidence: hit.prefix(4).map { patient.evidence($0.rule, counted($0.count, "packet")) },
            remedies: [
                "see why: sysctl -w net.netfilter.nf_conntrack_log_invalid=255, then dmesg",
                "where connections pass this node in one direction only, give both directions one way; where windows are exceeded under load: sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1",
            ])
        for entry in oneSided.prefix(3) {
            finding.evidence.append(
                DoctorFinding.Evidence(entry.place, "established, and no answer was ever seen here"))
        }
        if let liberal { finding.evidence.append(liberal) }
        finding.traffic = "packets of connections that this node saw only a part of, or that are outside the window"
        if oneSided.isEmpty {
            finding.doubts = ["late packets of connections that are closed are invalid too, and do no harm"]
        }
        findings.append(finding)
    }
    findings += patient.lackingInvalidDrop(liberal)
    return findings
}

extension Target {
    /// Whether it drops or rejects.
    var refuses: Bool {
        switch self {
        case .drop, .reject: true
        case .native(.reject): true
        default: false
        }
    }
}

extension Patient {
    /// TCP connections that were taken up in their midst, and of which no answer was seen.
    fileprivate var oneSidedConnections: [ConnectionEntry] {
        (host.connections ?? []).filter { entry in
            entry.original.protocol == .tcp && !entry.status.contains(.seenReply)
                && (entry.tcpState == .established || name(entry.protocolState) == "ESTABLISHED")
        }
    }

    fileprivate func lackingInvalidDrop(_ liberal: DoctorFinding.Evidence?) -> [DoctorFinding] {
        // IPVS gives answers their address back by connections of its own, whatever conntrack finds.
        if host.otherDeciders.contains(where: { $0.kind == .ipvs }) { return [] }
        guard let liberal, model.sysctl("net.netfilter.nf_conntrack_tcp_be_liberal") == 0 else { return [] }
        let chains = chains { $0 == .kubeProxy(.forward) }.filter { !linked.table(of: $0).isNative }
        guard let chain = chains.first(where: { !linked.chain($0).rules.isEmpty }),
            rules(in: chains, where: { $0 == .kubeProxy(.dropInvalid) }).isEmpty
        else { return [] }
        var finding = DoctorFinding(
            .risk,
            "no rule of \(path(of: chain)) drops what conntrack finds invalid: answers of Services' endpoints may leave with the endpoint's own address, and clients reset the connection",
            evidence: [DoctorFinding.Evidence(linked.chain(chain).place, "its rules do not ask for INVALID"), liberal],
            remedies: [
                "sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1, or a kube-proxy of 1.15 or later, which drops them"
            ])
        finding.traffic = "long connections to Services under load"
        return [finding]
    }
}
