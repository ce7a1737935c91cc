internal import Annotations
internal import ChainGraph
internal import PathModel
internal import RuleModel
internal import SourceText

/// Something besides the rules decides about packets: what rules say is then not the whole truth.
let decidedElsewhere = DoctorCheck(
    "decided-elsewhere", "eBPF, XDP, tc, IPVS, Open vSwitch, IPsec, flow tables or VRFs decide too"
) { patient in
    var findings: [DoctorFinding] = []
    let unread = patient.model.unreadRules
    if !unread.isEmpty {
        findings.append(
            DoctorFinding(
                .risk, "not all rules are known: causes among the others are not found",
                evidence: unread.map { DoctorFinding.Evidence(.none, $0.text) },
                remedies: ["take the snapshot again: hookline capture"]))
    }
    for (kind, evidence) in patient.deciders {
        // Rules that translate stand before INPUT, where IPVS is asked.
        let isAfterRules = kind == .ipvs && !patient.serviceFronts.isEmpty
        var finding = DoctorFinding(
            .note,
            isAfterRules ? "IPVS has virtual services too, and gets what no rule has translated before" : kind.sentence,
            evidence: Array(evidence.prefix(4)), remedies: [kind.remedy])
        finding.traffic = kind.traffic
        findings.append(finding)
    }
    return findings
}

extension Patient {
    /// What is there of each kind, in the order of kinds.
    fileprivate var deciders: [(kind: OtherDecider.Kind, evidence: [DoctorFinding.Evidence])] {
        var found: [(kind: OtherDecider.Kind, evidence: [DoctorFinding.Evidence])] = []
        func add(_ kind: OtherDecider.Kind, _ place: Place, _ text: String = "") {
            let evidence = DoctorFinding.Evidence(place, text)
            if let index = found.firstIndex(where: { $0.kind == kind }) {
                found[index].evidence.append(evidence)
            } else {
                found.append((kind, [evidence]))
            }
        }
        for decider in host.otherDeciders {
            add(decider.kind, decider.place, decider.interface.map { "on \(name($0))" } ?? "")
        }
        for service in host.virtualServices ?? [] { add(.ipvs, service.place) }
        for link in host.interfaces where link.kind == .vrf { add(.vrf, link.place) }
        for table in linked.ruleset.tables {
            for flowtable in table.flowtables { add(.flowtable, flowtable.place) }
        }
        for configuration in cluster.felixConfigurations where configuration.value("bpfEnabled") == "true" {
            let setting = configuration.settings.first { $0.key.lowercased() == "bpfenabled" }
            add(.bpf, setting?.place ?? configuration.place, "Calico's eBPF mode")
        }
        return found.sorted { $0.kind.rawValue < $1.kind.rawValue }
    }
}

extension OtherDecider.Kind {
    fileprivate var sentence: String {
        switch self {
        case .trafficControl: "traffic control (tc) has filters that may drop or redirect packets"
        case .xdp: "XDP programs see packets before any rule does"
        case .bpf: "eBPF programs decide about packets besides the rules, and may send them past all of them"
        case .ipvs: "IPVS chooses the backends of Services, not rules"
        case .openVSwitch: "Open vSwitch forwards packets by its own flows"
        case .flowtable: "a flow table takes packets of established connections past FORWARD"
        case .xfrm: "IPsec policies take packets into tunnels or drop them"
        case .vrf: "a VRF has routing tables of its own"
        case .otherNamespace: "another network namespace has a part in it"
        }
    }

    fileprivate var traffic: String {
        switch self {
        case .trafficControl, .xdp, .bpf: "packets by these interfaces"
        case .ipvs: "packets to Services: they come up in INPUT, and go on from OUTPUT or POSTROUTING"
        case .openVSwitch: "packets by these bridges"
        case .flowtable: "packets of connections that were handed to it: rules and counters do not see them"
        case .xfrm: "packets that the policies match"
        case .vrf: "packets by interfaces of the VRF"
        case .otherNamespace: ""
        }
    }

    fileprivate var remedy: String {
        switch self {
        case .trafficControl: "look with: tc -s filter show dev INTERFACE ingress (and egress)"
        case .xdp, .bpf:
            "look with: bpftool net, bpftool prog; in Calico's eBPF mode: calico-node -bpf …; with Cilium: cilium monitor --type drop"
        case .ipvs: "look with: ipvsadm -Ln, ipvsadm -Lnc"
        case .openVSwitch: "look with: ovs-appctl ofproto/trace BRIDGE FLOW"
        case .flowtable: "look with: conntrack -L | grep OFFLOAD; nft list flowtables"
        case .xfrm: "look with: ip -s xfrm policy, ip -s xfrm state"
        case .vrf: "look with: ip vrf show, ip route show vrf NAME"
        case .otherNamespace: "look there too: ip netns exec NAME …"
        }
    }
}
