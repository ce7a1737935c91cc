internal import NetTypes
internal import RuleModel
internal import SourceText

/// What makes the snapshot's connections: lines for `conntrack -R`, which says of each line that it can't make so.
func connectionCommands(_ entries: [ConnectionEntry], names: NameTable) -> [String] {
    entries.compactMap { command($0, names) }
}

/// `nil` for a protocol that conntrack(8) does not make entries of.
private func command(_ entry: ConnectionEntry, _ names: NameTable) -> String? {
    let original = entry.original
    let reply = entry.reply
    let name: String
    switch original.protocol {
    case .tcp: name = "tcp"
    case .udp: name = "udp"
    case .icmp: name = "icmp"
    case .icmpv6: name = "icmpv6"
    case .sctp: name = "sctp"
    default: return nil
    }
    var words = "-I -p \(name) -t 600 -s \(original.source) -d \(original.destination)"
    func end(_ address: IPAddress, _ port: UInt16) -> String {
        address.version == .v6 ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
    if original.protocol.isICMP {
        let option = original.protocol == .icmp ? "--icmp" : "--icmpv6"
        words += " \(option)-type \(original.icmpType) \(option)-code \(original.icmpCode)"
        words += " \(option)-id \(original.sourcePort)"
        if reply.destination != original.source { words += " --src-nat \(reply.destination)" }
        if reply.source != original.destination { words += " --dst-nat \(reply.source)" }
    } else {
        words += " --sport \(original.sourcePort) --dport \(original.destinationPort)"
        if (reply.destination, reply.destinationPort) != (original.source, original.sourcePort) {
            words += " --src-nat \(end(reply.destination, reply.destinationPort))"
        }
        if (reply.source, reply.sourcePort) != (original.destination, original.destinationPort) {
            words += " --dst-nat \(end(reply.source, reply.sourcePort))"
        }
    }
    if original.protocol == .tcp || original.protocol == .sctp {
        words += " --state \(entry.protocolState == .empty ? "ESTABLISHED" : names.text(entry.protocolState))"
    }
    var status: [String] = []
    if entry.status.contains(.seenReply) { status.append("SEEN_REPLY") }
    if entry.status.contains(.assured) { status.append("ASSURED") }
    if !status.isEmpty { words += " --status \(status.joined(separator: ","))" }
    if entry.mark != 0 { words += " --mark \(entry.mark)" }
    if entry.zone != 0 { words += " --zone \(entry.zone)" }
    return words
}
