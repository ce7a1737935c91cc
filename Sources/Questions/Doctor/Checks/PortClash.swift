internal import Annotations
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Conntrack gave a connection another source port without any rule, since its answers would have looked like those of
/// another connection.
/// Source: net/netfilter/nf_nat_core.c (get_unique_tuple); observed on Linux 6.18.
let portClash = DoctorCheck(
    "port-clash", "connections whose source port was changed without a rule, since another has the same answers",
    needs: [.connections]
) { patient in
    guard let connections = patient.host.connections else { return [] }
    var byReply: [ConnectionTuple: ConnectionEntry] = [:]
    for entry in connections { byReply[entry.reply] = entry }
    var clashes: [(entry: ConnectionEntry, other: ConnectionEntry)] = []
    for entry in connections where entry.original.protocol.hasPorts {
        guard entry.reply.destination == entry.original.source,
            entry.reply.destinationPort != entry.original.sourcePort
        else { continue }
        // The answers as they would have been with the port kept.
        var wanted = entry.reply
        wanted.destinationPort = entry.original.sourcePort
        guard let other = byReply[wanted], other != entry else { continue }
        clashes.append((entry, other))
    }
    guard let first = clashes.first else { return [] }
    let original = first.entry.original
    var finding = DoctorFinding(
        .note,
        "\(counted(UInt64(clashes.count), "connection")) got another source port without a rule: port \(original.sourcePort) of \(original.source) became \(first.entry.reply.destinationPort)",
        evidence: [
            DoctorFinding.Evidence(first.entry.place, "would have had the same answers as"),
            DoctorFinding.Evidence(first.other.place),
        ],
        remedies: [
            "nothing is wrong with it; where a server needs the port as it was, let the client use another source port, or other addresses for the two ways to the server"
        ])
    finding.traffic =
        "the client reaches \(first.entry.reply.source):\(first.entry.reply.sourcePort) by two destinations at once, such as a Service and its endpoint"
    return [finding]
}
