internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Entries of the connection table that go on sending packets to an endpoint that is gone, or nowhere: for UDP they live
/// as long as the client asks from the same port.
/// Source: kubernetes#48370, #125467, #66651; pkg/proxy/conntrack/cleanup.go.
let staleConnections = DoctorCheck(
    "stale-conntrack", "UDP entries of the connection table that lead to an endpoint that a Service no longer has",
    needs: [.connections]
) { patient in
    guard let connections = patient.host.connections else { return [] }
    let endpoints = patient.serviceEndpoints
    var fronts: [ConnectionTuple: ServiceFront] = [:]
    for front in patient.serviceFronts {
        guard let address = front.address else { continue }
        fronts[patient.key(address, front.port, front.transport)] = front
    }
    guard !fronts.isEmpty else { return [] }
    var gone: [(entry: ConnectionEntry, front: ServiceFront, endpoint: String)] = []
    var untranslated: [(entry: ConnectionEntry, front: ServiceFront)] = []
    for entry in connections where entry.original.protocol == .udp && !entry.isGone {
        let asked = patient.key(entry.original.destination, entry.original.destinationPort, .udp)
        guard let front = fronts[asked] else { continue }
        let own = endpoints[front.name] ?? []
        if entry.reply.source == entry.original.destination {
            if !own.isEmpty { untranslated.append((entry, front)) }
            continue
        }
        let to = entry.reply.source
        let text =
            to.version == .v6 ? "[\(to)]:\(entry.reply.sourcePort)" : "\(to):\(entry.reply.sourcePort)"
        if !own.isEmpty, !own.contains(text) { gone.append((entry, front, text)) }
    }
    var findings: [DoctorFinding] = []
    if let first = gone.first {
        var finding = DoctorFinding(
            .problem,
            "\(counted(UInt64(gone.count), "UDP connection")) of \(first.front.name.text) "
                + (gone.count == 1 ? "leads" : "lead")
                + " to \(first.endpoint), which is no endpoint of it any more",
            evidence: gone.prefix(3).map { DoctorFinding.Evidence($0.entry.place, "goes to \($0.endpoint)") }
                + [
                    DoctorFinding.Evidence(
                        first.front.place, "its endpoints are \(list(endpoints[first.front.name] ?? []))")
                ],
            remedies: [
                "conntrack -D -p udp --orig-dst \(first.entry.original.destination) --reply-src \(first.entry.reply.source); kube-proxy does so itself when an endpoint goes, where it has the tool and the rights"
            ])
        finding.traffic =
            "what \(first.entry.original.source) sends from port \(first.entry.original.sourcePort): an entry lives as long as packets come"
        findings.append(finding)
    }
    if let first = untranslated.first {
        var finding = DoctorFinding(
            .problem,
            "\(counted(UInt64(untranslated.count), "UDP connection")) to \(first.front.text) "
                + (untranslated.count == 1 ? "was" : "were")
                + " made before service \(first.front.name.text) had an endpoint, and "
                + (untranslated.count == 1 ? "goes" : "go") + " on untranslated",
            evidence: untranslated.prefix(3).map { DoctorFinding.Evidence($0.entry.place) }
                + [DoctorFinding.Evidence(first.front.place, "new connections are translated")],
            remedies: ["conntrack -D -p udp --orig-dst \(first.entry.original.destination)"])
        finding.traffic =
            "what \(first.entry.original.source) sends from port \(first.entry.original.sourcePort), until it pauses for as long as the entry lives"
        findings.append(finding)
    }
    return findings
}

/// The connection table is nearly full: then packets of new connections are dropped.
/// Source: net/netfilter/nf_conntrack_core.c `__nf_conntrack_alloc`; kubernetes#18604; weave#3287.
let connectionTableFull = DoctorCheck(
    "conntrack-full", "the connection table is nearly full", needs: [.sysctls]
) { patient in
    guard let most = patient.model.connectionLimit else { return [] }
    let counted = patient.model.sysctl("net.netfilter.nf_conntrack_count")
    let listed = patient.host.connections?.count
    guard let count = counted ?? listed, count > 0, count >= most / 10 * 8 else { return [] }
    let share = count * 100 / most
    var finding = DoctorFinding(
        share >= 98 ? .problem : .risk,
        "the connection table is \(share >= 98 ? "full" : "nearly full"): \(count) of \(most) entries",
        evidence: [
            patient.told(sysctl: "net.netfilter.nf_conntrack_count")
                ?? DoctorFinding.Evidence(
                    patient.host.connections?.first?.place ?? .none, "the listing has \(count) entries"),
            patient.told(sysctl: "net.netfilter.nf_conntrack_max")
                ?? DoctorFinding.Evidence(.none, "net.nf_conntrack_max is \(most)"),
        ],
        remedies: [
            "sysctl -w net.netfilter.nf_conntrack_max=\(most * 2), and conntrack.maxPerCore in kube-proxy's configuration, which sets it again",
            "see who has them: conntrack -L | awk '{print $4, $5}' | sort | uniq -c | sort -n | tail",
        ])
    finding.traffic =
        "packets of new connections are dropped before any rule while it is full ('nf_conntrack: table full, dropping packet' in dmesg)"
    return [finding]
}

extension Patient {
    /// A tuple that stands for one end alone.
    fileprivate func key(_ address: IPAddress, _ port: UInt16, _ transport: IPProtocol) -> ConnectionTuple {
        var key = ConnectionTuple(source: .zero(address.version), destination: address, protocol: transport)
        key.destinationPort = port
        return key
    }
}
