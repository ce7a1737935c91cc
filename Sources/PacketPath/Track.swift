internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// The conntrack step: finds the packet's entry, makes one, or leaves it without.
    func track(_ entering: WalkState) -> [WalkState] {
        // A packet that already has an entry (over lo) or is not tracked keeps what it has.
        guard case .none = entering.connection else { return [entering] }
        var state = entering
        let zone = state.template?.zone ?? ConnectionZone()
        if entering.round == 0, let asked = request.state { return [tracked(asked, state)] }
        let tuple = ConnectionTuple(state.packet)
        if isTrackable(state.packet), let found = connections.find(tuple, zone: zone),
            let connection = known(found.entry, found.direction, state.packet)
        {
            state.connection = connection
            record(&state, isFromEntry: true)
            return [state]
        }
        switch firstPacket(state.packet) {
        case .new: state.connection = .entry(fresh(tuple, state))
        case .invalid: state.connection = .invalid
        case .untracked: state.connection = .untracked
        case .relatedPerhaps:
            let unknown = Unknown(
                "icmp-error", yes: "related", no: "invalid",
                whenYes: "the ICMP error is about a connection that this host knows",
                whenNo: "the ICMP error is about no connection that this host knows")
            if let isRelated = settle(unknown, &state) { return [icmpError(isRelated, state)] }
            return [true, false].map { icmpError($0, assume([unknown], $0, nil, state)) }
        }
        if model.host.connections == nil, request.state == nil, isNewEntry(state) {
            assumeNoEntry(&state)
        }
        record(&state, isFromEntry: false)
        return [state]
    }

    private func isNewEntry(_ state: WalkState) -> Bool {
        if case .entry(let tracked) = state.connection { return tracked.isNew }
        return false
    }

    private func assumeNoEntry(_ state: inout WalkState) {
        let name = "connection"
        guard !state.history.assumptions.contains(where: { $0.name == name }) else { return }
        state.history.assumptions.append(
            Assumption(
                name: name, value: "new", text: "no entry of the connection table exists for this packet", step: nil))
    }

    private func record(_ state: inout WalkState, isFromEntry: Bool) {
        var direction = ConnectionDirection.original
        if case .entry(let tracked) = state.connection { direction = tracked.direction }
        let states = state.states.subtracting([.snat, .dnat])
        state.record(.conntrack(states, direction: direction, isFromEntry: isFromEntry))
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

    /// `--state`: what the user says conntrack knows.
    private func tracked(_ asked: ConnectionStates, _ entering: WalkState) -> WalkState {
        var state = entering
        let tuple = ConnectionTuple(state.packet)
        let found = connections.find(tuple, zone: state.template?.zone ?? ConnectionZone())
        if asked.contains(.untracked) {
            state.connection = .untracked
        } else if asked.contains(.invalid) {
            state.connection = .invalid
        } else if asked.contains(.established) || asked.contains(.related) {
            var connection = found.map { existing($0.entry, $0.direction) } ?? fresh(tuple, state)
            connection.state = asked.contains(.established) ? .established : .related
            connection.hasSourceMapping = true
            connection.hasDestinationMapping = true
            connection.isNew = false
            if found == nil {
                connection.entry.status = [.seenReply, .assured, .confirmed]
                if let mark = request.connectionMark { connection.entry.mark = mark }
                state.history.assumptions.append(
                    Assumption(
                        name: "connection", value: "untranslated",
                        text: "the connection has no translation: its entry is not in the input", step: nil))
            }
            state.connection = .entry(connection)
        } else {
            state.connection = .entry(fresh(tuple, state))
        }
        record(&state, isFromEntry: found != nil)
        return state
    }

    private func fresh(_ tuple: ConnectionTuple, _ state: WalkState) -> TrackedConnection {
        var entry = ConnectionEntry(original: tuple, reply: tuple.inverted, place: .none)
        entry.fullZone = state.template?.zone ?? ConnectionZone()
        entry.helper = state.template?.helper ?? .empty
        if tuple.protocol == .tcp { entry.tcpState = TCPEvent(state.packet.tcpFlags).map { TCPState(first: $0) } }
        if state.layer == 0, let mark = request.connectionMark { entry.mark = mark }
        return TrackedConnection(entry: entry, direction: .original, state: .new, isNew: true)
    }

    /// What an entry of the table makes of a packet of its; `nil` where that starts a new connection.
    private func known(
        _ entry: ConnectionEntry, _ direction: ConnectionDirection, _ packet: Packet
    ) -> Connection? {
        guard hasValidFlags(packet) else { return .invalid }
        var tracked = existing(entry, direction)
        guard packet.protocol == .tcp, let old = entry.tcpState, let event = TCPEvent(packet.tcpFlags) else {
            return .entry(tracked)
        }
        switch old.step(event, direction) {
        case .invalid: return .invalid
        case .anew: return nil
        case .goes(let new):
            tracked.entry.tcpState = new
            // Source: net/netfilter/nf_conntrack_proto_tcp.c `nf_conntrack_tcp_packet`.
            if entry.status.contains(.seenReply), old == .synReceived || old == .established, new == .established {
                tracked.entry.status.insert(.assured)
            }
            return .entry(tracked)
        }
    }

    /// An entry of the table: established once both directions were seen, new before.
    private func existing(_ entry: ConnectionEntry, _ direction: ConnectionDirection) -> TrackedConnection {
        let isEstablished = direction == .reply || entry.status.contains(.seenReply)
        var state: ConnectionStates = isEstablished ? .established : .new
        if !isEstablished, entry.status.contains(.expected) { state = .related }
        var tracked = TrackedConnection(entry: entry, direction: direction, state: state, isNew: false)
        // Set before any rule is asked. Source: net/netfilter/nf_conntrack_core.c `nf_conntrack_in`.
        if direction == .reply { tracked.entry.status.insert(.seenReply) }
        tracked.hasDestinationMapping = true
        tracked.hasSourceMapping = true
        let plain = entry.original.inverted
        tracked.destinationIsTranslated =
            entry.reply.source != plain.source || entry.reply.sourcePort != plain.sourcePort
        tracked.sourceIsTranslated =
            entry.reply.destination != plain.destination || entry.reply.destinationPort != plain.destinationPort
            || entry.translatedPorts != nil
        if entry.original.protocol.isICMP {
            tracked.destinationIsTranslated = entry.reply.source != plain.source
            tracked.sourceIsTranslated =
                entry.reply.destination != plain.destination || entry.reply.sourcePort != plain.sourcePort
        }
        return tracked
    }

    private func isTrackable(_ packet: Packet) -> Bool {
        guard packet.protocol == .icmpv6 else { return true }
        return firstPacket(packet) != .untracked
    }

    enum FirstPacket: Hashable { case new, invalid, untracked, relatedPerhaps }

    /// What conntrack makes of a packet of no known connection.
    func firstPacket(_ packet: Packet) -> FirstPacket {
        switch packet.protocol {
        case .tcp:
            guard hasValidFlags(packet) else { return .invalid }
            let flags = packet.tcpFlags
            if flags.contains(.rst) || flags.contains(.fin) { return .invalid }
            if flags.contains(.syn) { return flags.contains(.ack) ? .invalid : .new }
            // A stream picked up in the middle. Source: net/netfilter/nf_conntrack_proto_tcp.c `tcp_new`.
            return model.sysctl("net.netfilter.nf_conntrack_tcp_loose") == 0 ? .invalid : .new
        case .icmp:
            switch packet.icmpType {
            case 8, 13, 15, 17: return .new
            case 3, 4, 5, 11, 12: return .relatedPerhaps
            default: return .invalid
            }
        case .icmpv6:
            switch packet.icmpType {
            case 128, 139: return .new
            case 130...137, 143: return .untracked
            case 0..<128: return .relatedPerhaps
            default: return .invalid
            }
        default: return .new
        }
    }

    /// Combinations of flags that a TCP stack sends. PSH, ECE and CWR do not matter.
    /// Source: net/netfilter/nf_conntrack_proto_tcp.c `tcp_valid_flags`.
    private func hasValidFlags(_ packet: Packet) -> Bool {
        guard packet.protocol == .tcp else { return true }
        switch packet.tcpFlags.subtracting([.psh, .ece, .cwr]) {
        case .syn, [.syn, .urg], [.syn, .ack], .rst, [.rst, .ack], [.fin, .ack], [.fin, .ack, .urg], .ack,
            [.ack, .urg]:
            return true
        default: return false
        }
    }
}
