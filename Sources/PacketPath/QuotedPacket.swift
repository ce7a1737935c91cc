internal import NetTypes
internal import PathModel
internal import RuleModel

/// The packet that an ICMP error is about, as far as the error quotes it.
///
/// Source: net/netfilter/nf_conntrack_core.c `nf_ct_get_tuplepr`, Linux 6.18.
struct QuotedPacket: Hashable, Sendable {
    /// Where it begins in the error.
    let offset: Int
    let layout: PacketLayout
    let tuple: ConnectionTuple
    /// Whether NAT refuses to change the packet for want of bytes.
    let isTooShortForNAT: Bool

    /// `nil` where the error quotes no packet that conntrack could know.
    init?(_ error: Packet) {
        guard let bytes = error.currentBytes, let outer = PacketLayout(bytes), outer.isComplete else { return nil }
        var start = outer.transport.offset + 8
        if error.protocol == .icmpv6, error.icmpType == 137 {
            guard let place = QuotedPacket.placeInRedirect(bytes, outer.transport.offset) else { return nil }
            start = place
        }
        guard start < bytes.count else { return nil }
        self.init(Array(bytes[start...]), at: start, outer.version)
    }

    /// What an error would quote that is about the packet of these bytes.
    init?(_ quoted: [UInt8], at start: Int = 0, _ version: IPVersion) {
        guard let layout = PacketLayout(quoted), layout.version == version, layout.isComplete,
            layout.fragmentOffset == 0, let packet = Packet(decoding: quoted.span)
        else { return nil }
        let header = layout.transport.offset
        if packet.protocol.isTrackedByPorts, header + 4 > quoted.count { return nil }
        if packet.protocol.isICMP {
            guard header + 8 <= quoted.count else { return nil }
            // What has no answer is not of a connection.
            guard ConnectionTuple(packet).inverted.icmpType != packet.icmpType else { return nil }
        }
        offset = start
        self.layout = layout
        isTooShortForNAT = QuotedPacket.isTooShortForNAT(packet.protocol, layout, bytes: quoted.count)
        tuple = ConnectionTuple(packet)
    }

    /// Source: net/netfilter/nf_nat_proto.c `l4proto_manip_pkt`, Linux 6.18.
    static func isTooShortForNAT(_ kind: IPProtocol, _ layout: PacketLayout, bytes: Int) -> Bool {
        let isLookedInto = kind.isTrackedByPorts || kind.isICMP || kind == .gre
        return isLookedInto && layout.transport.offset + 8 > bytes
    }

    /// A redirect quotes in an option, which has to be the first. Source: net/netfilter/nf_conntrack_proto_icmpv6.c
    /// `nf_conntrack_icmpv6_redirect`.
    private static func placeInRedirect(_ bytes: [UInt8], _ header: Int) -> Int? {
        let option = header + 40
        guard bytes.count >= option + 2, bytes[header + 1] == 0, bytes[7] == 255,
            bytes[8] == 0xfe, bytes[9] & 0xc0 == 0x80, bytes[option] == 4, bytes[option + 1] != 0
        else { return nil }
        return option + 8
    }
}

extension Evaluator {
    /// An ICMP error belongs to the connection of the packet that it quotes, if it goes to the end that sent it.
    ///
    /// Source: net/netfilter/nf_conntrack_proto_icmp.c `nf_conntrack_inet_error`, Linux 6.18.
    func trackError(_ entering: WalkState, zone: ConnectionZone) -> [WalkState] {
        var state = entering
        let isRead = !state.packet.bytes.isEmpty && !state.packet.unknown.contains(.payload)
        if isRead || state.rejected != nil {
            state.connection = .invalid
            guard let quoted = isRead ? QuotedPacket(state.packet)?.tuple : state.rejected else {
                return [aboutNone(state)]
            }
            let tuple = quoted.inverted
            if let found = connections.find(tuple, zone: zone) { return [about(found.entry, found.direction, state)] }
            return answers(connections.mayAnswer(tuple, zone: zone), tuple, state) {
                about($0, .reply, $1)
            } none: {
                aboutNone($0)
            }
        }
        let unknown = Unknown(
            "icmp-error", yes: "related", no: "invalid",
            whenYes: "the ICMP error is about a connection that this host knows",
            whenNo: "the ICMP error is about no connection that this host knows")
        if let isRelated = settle(unknown, &state) { return [icmpError(isRelated, state)] }
        return [true, false].map { icmpError($0, assume([unknown], $0, nil, state)) }
    }

    private func aboutNone(_ entering: WalkState) -> WalkState {
        var state = entering
        if model.host.connections == nil { assumeNoEntry(&state) }
        record(&state, isFromEntry: false)
        return state
    }

    /// An error about a packet to which one of `direction` would be an answer.
    private func about(
        _ entry: ConnectionEntry, _ direction: ConnectionDirection, _ entering: WalkState
    ) -> WalkState {
        var state = entering
        let tuple = direction == .original ? entry.original : entry.reply
        if tuple.destination == state.packet.destination {
            var connection = existing(entry, direction)
            // It is no packet of the connection: what it says of replies does not count.
            connection.entry.status = entry.status
            connection.state = .related
            state.connection = .entry(connection)
        }
        record(&state, isFromEntry: true)
        return state
    }

    private func icmpError(_ isRelated: Bool, _ entering: WalkState) -> WalkState {
        var state = entering
        if isRelated {
            var connection = fresh(ConnectionTuple(state.packet), state)
            connection.state = .related
            // The error is translated as the packet it is about; which that is the input does not tell.
            connection.hasSourceMapping = true
            connection.hasDestinationMapping = true
            connection.isNew = false
            state.connection = .entry(connection)
        } else {
            state.connection = .invalid
        }
        record(&state, isFromEntry: false)
        return state
    }

    /// NAT changes the quoted packet as it changed the one that was sent, and the error's own address to what the
    /// answers' have. Source: net/netfilter/nf_nat_proto.c `nf_nat_icmp_reply_translation`, Linux 6.18.
    func translateQuoted(_ packet: inout Packet, _ tracked: TrackedConnection, _ manipulation: Manipulation) {
        guard let quoted = QuotedPacket(packet), var bytes = packet.currentBytes else { return }
        // It went the other way: its source is what the error's destination was.
        let sent = tracked.direction == .original ? tracked.entry.reply : tracked.entry.original
        if tracked.direction == .original, manipulation == .source, tracked.entry.translatedPorts != nil {
            packet.unknown.insert(.payload)
            return
        }
        guard var inner = Packet(decoding: Array(bytes[quoted.offset...]).span) else { return }
        let isTracked = inner.protocol.isTrackedByPorts
        switch manipulation {
        case .destination:
            inner.source = sent.source
            if isTracked { inner.sourcePort = sent.sourcePort }
        case .source:
            inner.destination = sent.destination
            if isTracked { inner.destinationPort = sent.destinationPort }
        }
        if inner.protocol.isICMP { inner.icmpIdentifier = sent.sourcePort }
        guard let changed = inner.currentBytes, changed.count <= bytes.count - quoted.offset else { return }
        bytes.replaceSubrange(quoted.offset..<quoted.offset + changed.count, with: changed)
        packet.bytes = packet.currentBytes ?? packet.bytes
        packet.rewrite(bytes)
    }
}
