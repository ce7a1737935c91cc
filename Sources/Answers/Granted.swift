internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// What is taken for granted of the world around a host.
enum Granted {
    /// Something beyond translates a private source, or has a route back to it.
    case translatedBeyond
    /// The connection table, which was full, takes one more entry.
    case tableHasRoom

    var name: String {
        switch self {
        case .translatedBeyond: "beyond"
        case .tableHasRoom: "conntrack-room"
        }
    }

    var value: String {
        switch self {
        case .translatedBeyond: "translates"
        case .tableHasRoom: "yes"
        }
    }

    /// A sentence without a final stop.
    var text: String {
        switch self {
        case .translatedBeyond:
            "it leaves for a public address with a private source: no answer comes back unless something beyond translates that or has a route to it"
        case .tableHasRoom:
            "the connection table has room for its new entry, though it was full (net.netfilter.nf_conntrack_count is nf_conntrack_max): while it is full, the kernel drops packets of new connections"
        }
    }
}

/// The private address with which a packet leaves by a router for one that is public, where it is none of the link's: the
/// router knows the way back to its own neighbours.
func unanswerableSource(of end: Trace, on model: HostModel) -> IPAddress? {
    guard end.outcome == .forwarded || end.outcome == .sent, end.inner.isEmpty, end.nextHop != nil,
        let packet = end.last?.packet, packet.unknown.isDisjoint(with: [.source, .destination]),
        packet.source.isPrivate, isPublic(packet.destination)
    else { return nil }
    // An answer goes to who asked.
    if let view = end.last, view.state.contains(.established) || view.state.contains(.related) { return nil }
    let link = end.outInterface.flatMap { model.interface($0) }
    if link?.addresses.contains(where: { $0.prefix.contains(packet.source) }) == true { return nil }
    return packet.source
}

private func isPublic(_ address: IPAddress) -> Bool {
    !address.isPrivate && !address.isMulticast && !address.isLoopback && !address.isLinkLocal && !address.isZero
}

/// Whether conntrack makes an entry for the packet on some way.
func startsConnection(_ trace: Trace) -> Bool {
    for step in trace.steps {
        if case .conntrack(let states, _, false) = step.kind, states.contains(.new) { return true }
    }
    return trace.branches.contains { startsConnection($0.trace) }
}

extension HostModel {
    /// Source: net/netfilter/nf_conntrack_core.c `__nf_conntrack_alloc`, Linux 6.18: what is over the limit is dropped, unless
    /// an entry that may go early is found.
    var isConnectionTableFull: Bool {
        guard let count = sysctl("net.netfilter.nf_conntrack_count"), let limit = connectionLimit else { return false }
        return count >= limit
    }
}
