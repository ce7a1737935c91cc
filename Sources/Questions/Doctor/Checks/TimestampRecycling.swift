internal import Annotations
internal import ChainGraph
internal import PathModel
internal import RuleModel

/// With `tcp_tw_recycle` a host drops SYNs whose timestamp goes back, and those of several clients behind one address do.
/// Source: net/ipv4/tcp_ipv4.c, Linux 4.11 (tcp_peer_is_proven); taken away in 4.12; a guide of operators.
let timestampRecycling = DoctorCheck(
    "tcp-tw-recycle", "net.ipv4.tcp_tw_recycle: connections of clients behind one address hang", needs: [.sysctls]
) { patient in
    guard patient.model.sysctl("net.ipv4.tcp_tw_recycle") == 1, patient.model.sysctl("net.ipv4.tcp_timestamps") != 0,
        let setting = patient.told(sysctl: "net.ipv4.tcp_tw_recycle")
    else { return [] }
    let masquerade = patient.chainIDs.lazy.flatMap { patient.rules(of: $0) }.first { rule in
        switch patient.ending(rule) {
        case .masquerade?, .snat?: true
        default: false
        }
    }
    var finding = DoctorFinding(
        masquerade == nil ? .risk : .problem,
        "tcp_tw_recycle is on: of clients that come from one address only those with the largest timestamp get through",
        evidence: [setting] + (masquerade.map { [patient.evidence($0, "gives several clients one address")] } ?? []),
        remedies: [
            "sysctl -w net.ipv4.tcp_tw_recycle=0 on every node, and in /etc/sysctl.conf; net.ipv4.tcp_tw_reuse is harmless"
        ])
    finding.traffic =
        "new TCP connections to this host and its pods by NAT, node ports above all: the first works, later ones hang now and then"
    return [finding]
}
