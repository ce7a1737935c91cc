internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// The conntrack step: finds the packet's entry, makes one, or leaves it without.
    func track(_ entering: __owned WalkState) -> [WalkState] {
        // A packet that already has an entry (over lo) or is not tracked keeps what it has.
        guard case .none = entering.connection else { return [entering] }
        var state = entering
        if state.template?.takesMark == true {
            let mark = state.packet.mark
            state.template?.zone.id = UInt16(truncatingIfNeeded: mark)
        }
        let zone = state.template?.zone ?? ConnectionZone()
        if entering.round == 0, let asked = request.state { return tracked(asked, state) }
        let look = firstLook(state)
        // The sum comes before TCP's flags. Source: net/netfilter/nf_conntrack_proto_tcp.c `tcp_error`, Linux 6.18.
        if let check = transportCheck(state), !check.isRefused, check.isVerified,
            look != .invalid || state.packet.protocol == .tcp
        {
            state.hasVerifiedChecksum = true
        }
        switch look {
        case .invalid: state.connection = .invalid
        case .untracked: state.connection = .untracked
        case .error: return trackError(state, zone: zone)
        case .tracked: return trackPlain(state, zone: zone)
        }
        record(&state, isFromEntry: false)
        return [state]
    }

    private func trackPlain(_ entering: WalkState, zone: ConnectionZone) -> [WalkState] {
        let tuple = ConnectionTuple(entering.packet)
        if let found = connections.find(tuple, zone: zone, asTold: answersDrawnPort(entering.packet)) {
            return perhapsReopened(found.entry, found.direction, entering)
        }
        let questions = connections.mayAnswer(tuple, zone: zone)
        if questions.isEmpty, let unknown = expectation(of: entering.packet, tuple) {
            return decide(unknown, entering).map { isExpected, way in ofNoEntry(way, isExpected: isExpected) }
        }
        return answers(questions, tuple, entering) {
            ofEntry($0, .reply, $1)
        } none: {
            ofNoEntry($0)
        }
    }

    /// A packet that `entry` is found for.
    func ofEntry(
        _ entry: ConnectionEntry, _ direction: ConnectionDirection, _ entering: WalkState
    ) -> WalkState {
        var state = entering
        let entry = entering.latest(entry)
        if let connection = known(entry, direction, &state) {
            state.connection = connection
            record(&state, isFromEntry: true)
            return state
        }
        var old = entry
        old.isGone = true
        state.history.entries.append(old)
        return ofNoEntry(state)
    }

    /// Whether a connection of the table that has a helper may have expected this one: helpers read in it what other
    /// connections its ends are about to make. Which they have read no listing of connections tells.
    /// Source: net/netfilter/nf_conntrack_core.c `init_conntrack`, Linux 6.18; observed there with FTP.
    private func expectation(of packet: Packet, _ tuple: ConnectionTuple) -> Unknown? {
        guard connections.hasHelpers, mayBegin(packet) else { return nil }
        let ends = [tuple.source, tuple.destination]
        let master = connections.entries.last { entry in
            guard entry.helper != .empty else { return false }
            // Calls of SIP and H.323 bring in third ones.
            let isByBoth = [.ftp, .tftp].contains(HelperKind(names.bytes(entry.helper)))
            return [entry.original, entry.reply].contains { own in
                let shared = ends.count { $0 == own.source || $0 == own.destination }
                return isByBoth ? shared == 2 : shared > 0
            }
        }
        guard let master else { return nil }
        let helper = names.text(master.helper)
        return Unknown(
            "expected@\(tuple.source)-\(tuple.destination)",
            whenYes: "the connection with the helper \(helper) has this one expected",
            whenNo: "no connection with the helper \(helper) has this one expected")
    }

    /// What a helper reads: of FTP and TFTP other connections of the same two hosts.
    private enum HelperKind {
        case ftp, tftp, other

        init(_ name: ArraySlice<UInt8>) {
            self = name.elementsEqual("ftp".utf8) ? .ftp : name.elementsEqual("tftp".utf8) ? .tftp : .other
        }
    }

    /// Whether `packet` may begin a connection that is expected.
    private func mayBegin(_ packet: Packet) -> Bool {
        switch packet.protocol {
        case .tcp:
            packet.unknown.contains(.tcpFlags)
                || packet.tcpFlags.isSuperset(of: .syn) && !packet.tcpFlags.contains(.ack)
        case .udp, .udplite, .gre: true
        default: false
        }
    }

    private func ofNoEntry(_ entering: WalkState, isExpected: Bool = false) -> WalkState {
        var state = entering
        var new = fresh(ConnectionTuple(state.packet), state)
        if isExpected {
            new.state = .related
            new.entry.status.insert(.expected)
        }
        state.connection = beginsConnection(state.packet, new.entry) ? .entry(new) : .invalid
        if model.host.connections == nil, request.state == nil, isNewEntry(state) {
            assumeNoEntry(&state)
        }
        record(&state, isFromEntry: false)
        return state
    }

    /// Whether `packet` is taken for the answer to one of which it is not known what port NAT drew.
    private func answersDrawnPort(_ packet: Packet) -> Bool {
        if packet.protocol.isICMP { return packet.sourcePortChoices != nil }
        return !packet.unknown.isDisjoint(with: [.sourcePort, .destinationPort])
    }

    /// The ways of a packet with `tuple` that answers one of `entries`, whose port NAT drew, or none of them.
    func answers(
        _ entries: some Collection<ConnectionEntry>, _ tuple: ConnectionTuple, _ entering: WalkState,
        _ one: (ConnectionEntry, WalkState) -> WalkState, none: (WalkState) -> WalkState
    ) -> [WalkState] {
        var open = entering
        var ways: [WalkState] = []
        for entry in entries {
            let unknown = drawnPort(of: entry, tuple)
            guard let isDrawn = settle(unknown, &open) else {
                ways.append(one(entry.answered(by: tuple), assume([unknown], true, nil, open)))
                open = assume([unknown], false, nil, open)
                continue
            }
            if isDrawn { return ways + [one(entry.answered(by: tuple), open)] }
        }
        return ways + [none(open)]
    }

    private func drawnPort(of entry: ConnectionEntry, _ answer: ConnectionTuple) -> Unknown {
        let isICMP = answer.protocol.isICMP
        let isSource = entry.translatedPorts != nil
        let port = isSource && !isICMP ? answer.destinationPort : answer.sourcePort
        let kind = isICMP ? "identifier" : isSource ? "port" : "destination port"
        let flow = "\(entry.original.source):\(entry.original.sourcePort)"
        return Unknown(
            "nat-port@\(port):\(flow)", whenYes: "NAT drew \(kind) \(port) for the connection from \(flow)",
            whenNo: "NAT did not draw \(kind) \(port) for the connection from \(flow)")
    }

    private func isNewEntry(_ state: WalkState) -> Bool {
        if case .entry(let tracked) = state.connection { return tracked.isNew }
        return false
    }

    func assumeNoEntry(_ state: inout WalkState) {
        let name = "connection"
        guard !state.history.assumptions.contains(where: { $0.name == name }) else { return }
        state.history.assumptions.append(
            Assumption(
                name: name, value: "new", text: "no entry of the connection table exists for this packet", step: nil))
    }

    func record(_ state: inout WalkState, isFromEntry: Bool) {
        var direction = ConnectionDirection.original
        if case .entry(let tracked) = state.connection { direction = tracked.direction }
        let states = state.states.subtracting([.snat, .dnat])
        state.record(.conntrack(states, direction: direction, isFromEntry: isFromEntry))
    }

    /// `--state`: what the user says conntrack knows.
    private func tracked(_ asked: ConnectionStates, _ entering: WalkState) -> [WalkState] {
        var state = entering
        let tuple = ConnectionTuple(state.packet)
        let zone = state.template?.zone ?? ConnectionZone()
        let found = connections.find(tuple, zone: zone, asTold: answersDrawnPort(state.packet))
        if asked.contains(.untracked) {
            state.connection = .untracked
        } else if asked.contains(.invalid) {
            state.connection = .invalid
        } else if asked.contains(.established) || asked.contains(.related) {
            if let found { return [stated(asked, existing(found.entry, found.direction), state)] }
            let entries = connections.mayAnswer(tuple, zone: zone)
            guard let last = entries.last else { return [statedAlone(asked, tuple, state)] }
            // It is an answer to one of them, as it is said to be no new one.
            return answers(entries.dropLast(), tuple, state) {
                stated(asked, existing($0, .reply), $1)
            } none: {
                stated(asked, existing(last.answered(by: tuple), .reply), $0)
            }
        } else {
            state.connection = .entry(fresh(tuple, state))
        }
        record(&state, isFromEntry: found != nil)
        return [state]
    }

    private func stated(
        _ asked: ConnectionStates, _ connection: TrackedConnection, isFromEntry: Bool = true, _ entering: WalkState
    ) -> WalkState {
        var (state, connection) = (entering, connection)
        connection.state = asked.contains(.established) ? .established : .related
        connection.hasSourceMapping = true
        connection.hasDestinationMapping = true
        connection.isNew = false
        state.connection = .entry(connection)
        record(&state, isFromEntry: isFromEntry)
        return state
    }

    /// A packet of a connection that no entry tells of.
    private func statedAlone(
        _ asked: ConnectionStates, _ tuple: ConnectionTuple, _ entering: WalkState
    ) -> WalkState {
        var state = entering
        var connection = fresh(tuple, state)
        connection.entry.status = [.seenReply, .assured, .confirmed]
        // It may have counted any number of packets before.
        connection.entry.originalCounters = nil
        connection.entry.replyCounters = nil
        if let mark = request.connectionMark { connection.entry.mark = mark }
        state.history.assumptions.append(
            Assumption(
                name: "connection", value: "untranslated",
                text: "the connection has no translation: its entry is not in the input", step: nil))
        return stated(asked, connection, isFromEntry: false, state)
    }

    func fresh(_ tuple: ConnectionTuple, _ state: WalkState) -> TrackedConnection {
        var entry = ConnectionEntry(original: tuple, reply: tuple.inverted, place: .none)
        entry.isFollowed = true
        entry.fullZone = state.template?.zone ?? ConnectionZone()
        entry.helper = state.template?.helper ?? .empty
        if tuple.protocol == .tcp { entry.tcpState = TCPEvent(state.packet.tcpFlags).map { TCPState(first: $0) } }
        entry.tcp = TCPSegment(state.packet).map { TCPTrack(first: $0) }
        if tuple.protocol == .sctp { entry.sctp = chunks(state.packet).flatMap { SCTPTrack(first: $0) } }
        entry.originalCounters = Counters(packets: 1, bytes: UInt64(state.packet.length))
        entry.replyCounters = Counters(packets: 0, bytes: 0)
        entry.lacksLabels = !model.compiled.labelsConnections
        let counts = model.sysctl("net.netfilter.nf_conntrack_acct").map { $0 != 0 } ?? true
        entry.lacksCounters = !counts && !model.compiled.countsConnections
        if state.layer == 0, let mark = request.connectionMark { entry.mark = mark }
        return TrackedConnection(entry: entry, direction: .original, state: .new, isNew: true)
    }

    /// What an entry of the table makes of a packet of its; `nil` where that starts a new connection.
    private func known(
        _ entry: ConnectionEntry, _ direction: ConnectionDirection, _ state: inout WalkState
    ) -> Connection? {
        let packet = state.packet
        var tracked = existing(entry, direction)
        tracked.entry.count(packet, direction)
        // What is told of windows and chunks before the packet turns out to make no sense stays told.
        // Source: net/netfilter/nf_conntrack_proto_tcp.c `tcp_in_window`, `nf_tcp_handle_invalid`,
        // net/netfilter/nf_conntrack_proto_sctp.c `nf_conntrack_sctp_packet`, Linux 6.18.
        func refused(_ tracked: TrackedConnection) -> Connection {
            var left = entry
            (left.tcp, left.sctp) = (tracked.entry.tcp, tracked.entry.sctp)
            if left != entry { state.history.entries.append(left) }
            return .invalid
        }
        let wasAnswered = entry.status.contains(.seenReply)
        switch packet.protocol {
        case .sctp:
            guard let chunks = chunks(packet), tracked.entry.sctp != nil else { break }
            guard tracked.entry.sctp?.take(chunks, direction) == true else { return refused(tracked) }
            let isEstablished = tracked.entry.sctp?.state == .established
            if isEstablished, entry.sctp?.state != .established { tracked.entry.status.insert(.assured) }
        // After two seconds. Source: net/netfilter/nf_conntrack_proto_udp.c `nf_conntrack_udp_packet`, Linux 6.18.
        case .udp: tracked.isPerhapsAssured = wasAnswered && !entry.status.contains(.assured)
        case .udplite, .gre: if wasAnswered { tracked.entry.status.insert(.assured) }
        default: break
        }
        guard packet.protocol == .tcp, let old = entry.tcpState, let event = TCPEvent(packet.tcpFlags) else {
            return .entry(tracked)
        }
        switch step(&tracked.entry, event, direction, from: old, packet, entry.status) {
        case .invalid: return refused(tracked)
        case .anew: return nil
        // Source: net/netfilter/nf_conntrack_proto_tcp.c `nf_conntrack_tcp_packet`, Linux 6.18, which counts last.
        case .passes:
            tracked.entry.copyCounters(of: entry)
            return .entry(tracked)
        case .goes(let new):
            tracked.entry.tcpState = new
            // A SYN sent again makes the entry live no longer, and is not counted.
            if event == .syn, old == .synSent, !wasAnswered { tracked.entry.copyCounters(of: entry) }
            // Source: net/netfilter/nf_conntrack_proto_tcp.c `nf_conntrack_tcp_packet`.
            if wasAnswered, old == .synReceived || old == .established, new == .established {
                tracked.entry.status.insert(.assured)
            }
            // The connection never came about.
            if event == .reset, !wasAnswered { tracked.entry.isGone = true }
            return .entry(tracked)
        }
    }

    /// What a TCP packet does to its connection: by the windows too, where they are known.
    private func step(
        _ entry: inout ConnectionEntry, _ event: TCPEvent, _ direction: ConnectionDirection, from old: TCPState,
        _ packet: Packet, _ status: ConnectionStatus
    ) -> TCPStep {
        guard var windows = entry.tcp, let segment = TCPSegment(packet) else {
            entry.tcp = nil
            return old.step(event, direction)
        }
        var settings = TCPTrack.Settings()
        settings.isLiberal = (model.sysctl("net.netfilter.nf_conntrack_tcp_be_liberal") ?? 0) != 0
        settings.takesBadResets = (model.sysctl("net.netfilter.nf_conntrack_tcp_ignore_invalid_rst") ?? 0) != 0
        let step = windows.take(segment, direction, status, from: old, settings)
        entry.tcp = windows
        return step
    }

    /// `nil` where they are not known.
    private func chunks(_ packet: Packet) -> SCTPChunks? {
        guard let bytes = packet.currentBytes, let layout = PacketLayout(bytes), layout.isComplete,
            bytes.count == layout.length, !packet.unknown.contains(.payload)
        else { return nil }
        return SCTPChunks(bytes, layout.transport.offset)
    }

    /// An entry of the table: established once both directions were seen, new before.
    func existing(_ entry: ConnectionEntry, _ direction: ConnectionDirection) -> TrackedConnection {
        let isEstablished = direction == .reply || entry.status.contains(.seenReply)
        var state: ConnectionStates = isEstablished ? .established : .new
        if !isEstablished, entry.status.contains(.expected) { state = .related }
        var tracked = TrackedConnection(entry: entry, direction: direction, state: state, isNew: false)
        // Set before any rule is asked. Source: net/netfilter/nf_conntrack_core.c `nf_conntrack_in`.
        if direction == .reply { tracked.entry.status.insert(.seenReply) }
        tracked.hasDestinationMapping = !entry.lacksDestinationMapping
        tracked.hasSourceMapping = !entry.lacksSourceMapping
        let plain = entry.original.inverted
        tracked.destinationIsTranslated =
            entry.reply.source != plain.source || entry.reply.sourcePort != plain.sourcePort
        if entry.translatedDestinationPorts != nil { tracked.destinationIsTranslated = true }
        // IPVS changes the entry, and leaves NAT's flags as they are. Source: net/netfilter/ipvs/ip_vs_nfct.c.
        if isOfVirtualService(entry) { tracked.destinationIsTranslated = false }
        tracked.sourceIsTranslated =
            entry.reply.destination != plain.destination || entry.reply.destinationPort != plain.destinationPort
            || entry.translatedPorts != nil
        if entry.original.protocol.isICMP {
            let hasOwn = entry.hasIdentifierOfDestination
            tracked.destinationIsTranslated = entry.reply.source != plain.source || hasOwn
            tracked.sourceIsTranslated =
                entry.reply.destination != plain.destination || entry.reply.sourcePort != plain.sourcePort && !hasOwn
                || entry.translatedPorts != nil
        }
        return tracked
    }

    /// Whether a packet of no known connection begins one.
    private func beginsConnection(_ packet: Packet, _ entry: ConnectionEntry) -> Bool {
        switch packet.protocol {
        case .tcp:
            let flags = packet.tcpFlags
            if flags.contains(.rst) || flags.contains(.fin) { return false }
            if flags.contains(.syn) { return !flags.contains(.ack) }
            // A stream picked up in the middle. Source: net/netfilter/nf_conntrack_proto_tcp.c `tcp_new`.
            return model.sysctl("net.netfilter.nf_conntrack_tcp_loose") != 0
        case .icmp: return [8, 13, 15, 17].contains(packet.icmpType)
        case .icmpv6: return packet.icmpType == 128 || packet.icmpType == 139
        case .sctp: return entry.sctp != nil || chunks(packet) == nil
        default: return true
        }
    }
}

extension WalkState {
    /// `entry` as this packet has left it where it was looked up before, over lo.
    func latest(_ entry: ConnectionEntry) -> ConnectionEntry {
        history.entries.last { $0.original == entry.original && $0.fullZone == entry.fullZone && !$0.isGone } ?? entry
    }
}

extension ConnectionEntry {
    fileprivate mutating func copyCounters(of other: ConnectionEntry) {
        originalCounters = other.originalCounters
        replyCounters = other.replyCounters
    }

    /// Counts a packet, where packets are counted. Source: net/netfilter/nf_conntrack_core.c `__nf_ct_refresh_acct`.
    fileprivate mutating func count(_ packet: Packet, _ direction: ConnectionDirection) {
        func counted(_ counters: Counters) -> Counters {
            Counters(packets: counters.packets &+ 1, bytes: counters.bytes &+ UInt64(packet.length))
        }
        switch direction {
        case .original: originalCounters = originalCounters.map(counted)
        case .reply: replyCounters = replyCounters.map(counted)
        }
    }
}
