internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// A packet that `entry` is found for. A SYN on a connection that is over begins another where a FIN or the client's own
    /// reset ended it; the server's leaves it as it is, and the SYN is one of its packets. A listing does not tell which.
    /// Source: net/netfilter/nf_conntrack_proto_tcp.c `nf_conntrack_tcp_packet`, which asks for `IP_CT_TCP_FLAG_CLOSE_INIT`
    /// and for the direction of the last packet, Linux 6.18; observed there.
    func perhapsReopened(
        _ entry: ConnectionEntry, _ direction: ConnectionDirection, _ entering: WalkState
    ) -> [WalkState] {
        let packet = entering.packet
        let old = entering.latest(entry)
        guard packet.protocol == .tcp, direction == .original, old.tcpState == .close, old.tcp == nil,
            !packet.unknown.contains(.tcpFlags), isNewFlow(entering), !packet.tcpFlags.contains(.rst)
        else { return [withWindowTold(old, ofEntry(entry, direction, entering))] }
        let ends = "\(old.original.source):\(old.original.sourcePort)"
        let unknown = Unknown(
            "reopened@\(ends)",
            whenYes: "a FIN or the client's own reset closed the connection from \(ends), so that a SYN begins another",
            whenNo: "the server's reset closed the connection from \(ends), and a SYN is still one of its packets")
        return decide(unknown, entering).map { isAnew, way in
            if isAnew { return ofEntry(entry, direction, way) }
            var way = way
            way.connection = .entry(existing(old, direction))
            record(&way, isFromEntry: true)
            return way
        }
    }

    /// Tells that a segment is taken to lie in the windows of its connection, which no listing has: one outside of them is
    /// invalid. Source: net/netfilter/nf_conntrack_proto_tcp.c `tcp_in_window`, Linux 6.18.
    private func withWindowTold(_ entry: ConnectionEntry, _ entering: WalkState) -> WalkState {
        guard case .entry(let tracked) = entering.connection, !tracked.isNew, entry.tcp == nil, !entry.isFollowed,
            TCPSegment(entering.packet) != nil, model.sysctl("net.netfilter.nf_conntrack_tcp_be_liberal") != 1
        else { return entering }
        var way = entering
        way.history.assumptions.append(
            Assumption(
                name: "tcp-window", value: "in",
                text: "the packet's sequence numbers fit its connection, of which the listing tells none", step: nil))
        return way
    }
}
