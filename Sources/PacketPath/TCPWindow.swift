internal import NetTypes
internal import RuleModel

/// What conntrack looks at in a TCP packet beside its ports.
struct TCPSegment: Hashable {
    let sequence: UInt32
    let acknowledgement: UInt32
    let window: UInt32
    let flags: TCPFlags
    let event: TCPEvent
    /// Behind its last byte, SYN and FIN counted.
    let end: UInt32
    private(set) var hasOptions = false
    private(set) var scale: UInt8?
    private(set) var permitsSACK = false
    /// The right edges of what it acknowledges apart.
    private(set) var edges: [UInt32] = []

    /// `nil` where not all bytes of `packet` are known.
    init?(_ packet: Packet) {
        guard packet.protocol == .tcp, let bytes = packet.currentBytes, let layout = PacketLayout(bytes),
            layout.isComplete, bytes.count == layout.length, !packet.unknown.contains(.payload),
            let event = TCPEvent(packet.tcpFlags)
        else { return nil }
        let start = layout.transport.offset
        let header = start + 12 < bytes.count ? Int(bytes[start + 12] >> 4) * 4 : 0
        guard header >= 20, bytes.count >= start + header else { return nil }
        self.event = event
        flags = packet.tcpFlags
        sequence = packet.tcpSequence
        acknowledgement = packet.tcpAcknowledgement
        window = UInt32(bytes[start + 14]) << 8 | UInt32(bytes[start + 15])
        let counted: UInt32 = (flags.contains(.syn) ? 1 : 0) + (flags.contains(.fin) ? 1 : 0)
        end = sequence &+ UInt32(bytes.count - start - header) &+ counted
        take(options: Array(bytes[(start + 20)..<(start + header)]))
    }

    /// Source: net/netfilter/nf_conntrack_proto_tcp.c `tcp_options`, `tcp_sack`.
    private mutating func take(options: [UInt8]) {
        hasOptions = !options.isEmpty
        var place = 0
        while place < options.count, options[place] != 0 {
            if options[place] == 1 {
                place += 1
                continue
            }
            guard place + 1 < options.count else { return }
            let size = Int(options[place + 1])
            guard size >= 2, place + size <= options.count else { return }
            switch (options[place], size) {
            case (3, 3): scale = min(options[place + 2], 14)
            case (4, 2): permitsSACK = true
            case (5, 10...) where (size - 2) % 8 == 0:
                for edge in stride(from: place + 6, to: place + size, by: 8) {
                    edges.append(options[edge..<edge + 4].reduce(0) { $0 << 8 | UInt32($1) })
                }
            default: break
            }
            place += size
        }
    }
}

/// Numbers on the circle of sequence numbers.
func isAfter(_ a: UInt32, _ b: UInt32) -> Bool { Int32(bitPattern: b &- a) < 0 }

extension TCPTrack.End {
    /// Takes what a SYN says of its sender.
    mutating func takeOptions(_ segment: TCPSegment) {
        guard segment.hasOptions else { return }
        let wasLiberal = isLiberal
        (scale, scalesWindow, sendsSACK) = (segment.scale ?? 0, segment.scale != nil, segment.permitsSACK)
        (isLiberal, closesFirst, maximumAcknowledgement) = (wasLiberal, false, nil)
    }
}

extension TCPTrack {
    /// How conntrack is set up for TCP.
    struct Settings {
        /// `nf_conntrack_tcp_be_liberal`.
        var isLiberal = false
        /// `nf_conntrack_tcp_ignore_invalid_rst`.
        var takesBadResets = false
    }

    /// A connection by its first packet. Source: net/netfilter/nf_conntrack_proto_tcp.c `tcp_new`, Linux 6.18.
    init(first segment: TCPSegment) {
        self.init()
        original.end = segment.end
        original.maximumWindow = max(1, segment.window)
        original.maximumEnd = segment.end
        if segment.event == .syn {
            original.takeOptions(segment)
        } else {
            original.maximumEnd = segment.end &+ original.maximumWindow
            (original.sendsSACK, reply.sendsSACK) = (true, true)
            (original.isLiberal, reply.isLiberal) = (true, true)
        }
        _ = judgeWindow(segment, .original, nil, Settings())
        (lastKind, lastDirection) = (Kind(segment.event), .original)
    }

    /// Goes on with a packet of a connection that is in the state `old`.
    ///
    /// - Parameter status: the entry's before the packet.
    ///
    /// Source: net/netfilter/nf_conntrack_proto_tcp.c `nf_conntrack_tcp_packet`, Linux 6.18.
    mutating func take(
        _ segment: TCPSegment, _ direction: ConnectionDirection, _ status: ConnectionStatus, from old: TCPState,
        _ settings: Settings
    ) -> TCPStep {
        let event = segment.event
        var next: TCPState
        var old = old
        switch old.step(event, direction) {
        case .invalid: return .invalid
        case .passes: return .passes
        case .anew:
            let isOver = original.closesFirst || reply.closesFirst
            if isOver || lastDirection == direction && lastKind == .reset { return .anew }
            guard let synced = passUnseen(segment, direction, old) else { return .passes }
            (old, next) = synced
        case .goes(let new):
            next = new
            if old.letsThroughUnseen(event, direction) {
                guard let synced = passUnseen(segment, direction, old) else { return .passes }
                (old, next) = synced
            }
        }
        var skipsWindow = false
        switch next {
        case .timeWait where old == .lastAck && event == .ack:
            if lastDirection != direction, lastKind == .syn, expectsChallenge {
                expectsChallenge = false
                return .passes
            }
        case .synSent2: isSimultaneous = true
        case .synReceived where direction == .reply && event == .ack && isSimultaneous: next = .established
        case .close where event == .reset:
            switch judgeReset(segment, direction, status, old, settings) {
            case .invalid: return .invalid
            case .closes: break
            case .keeps: next = old
            case .closesInAnyCase: skipsWindow = true
            }
        default: break
        }
        if !skipsWindow {
            switch judgeWindow(segment, direction, old, settings) {
            case .invalid:
                if status.contains(.assured), event == .fin || event == .reset {
                    let isSecond = lastDirection != direction && (lastKind == .fin || lastKind == .reset)
                    if !isSecond { (lastKind, lastDirection) = (Kind(event), direction) }
                }
                return .invalid
            case .ignored: return .passes
            case .inside: break
            }
        }
        (lastKind, lastDirection) = (Kind(event), direction)
        if next != old, next == .finWait { self[direction].closesFirst = true }
        return .goes(next)
    }

    /// A packet that conntrack lets through although it does not fit: the ends may know better. What is returned is the
    /// states to go on from and to, where a SYN|ACK shows that they do; `nil`: nothing changes. A stream that was picked up
    /// in the middle stays free of bounds. Source: net/netfilter/nf_conntrack_proto_tcp.c `nf_ct_tcp_state_reset`,
    /// Linux 6.18.
    private mutating func passUnseen(
        _ segment: TCPSegment, _ direction: ConnectionDirection, _ old: TCPState
    ) -> (TCPState, TCPState)? {
        if segment.event == .synAck, lastKind == .syn, lastDirection != direction, segment.acknowledgement == lastEnd {
            var end = offered
            (end.end, end.maximumEnd, end.maximumWindow) = (lastEnd, lastEnd, max(1, lastWindow))
            self[lastDirection] = end
            let isLiberal = self[direction].isLiberal
            self[direction] = End()
            self[direction].isLiberal = isLiberal
            expectsChallenge = false
            return (.synSent, .synReceived)
        }
        (lastKind, lastDirection) = (Kind(segment.event), direction)
        (lastEnd, lastWindow) = (segment.end, segment.window)
        if segment.event == .syn, direction == .original {
            offered = End()
            offered.takeOptions(segment)
            expectsChallenge = old == .lastAck
        }
        if old == .synSent, segment.event == .ack, direction == .reply {
            lastAcknowledgement = segment.acknowledgement
        }
        return nil
    }

    private enum Reset { case invalid, closes, keeps, closesInAnyCase }

    private func judgeReset(
        _ segment: TCPSegment, _ direction: ConnectionDirection, _ status: ConnectionStatus, _ old: TCPState,
        _ settings: Settings
    ) -> Reset {
        switch old {
        case .finWait, .closeWait, .lastAck, .timeWait, .close: return .closesInAnyCase
        case .synSent, .synSent2, .synReceived, .established: break
        }
        let isEstablished = old == .established && status.contains(.assured)
        let other = self[direction == .original ? .reply : .original]
        // What an older connection of the same ends acknowledged says nothing of a SYN that was let through since.
        if let acknowledged = other.maximumAcknowledgement, lastKind != .syn {
            let sequence = segment.sequence
            if sequence == 0, !isEstablished { return .closes }
            if isAfter(acknowledged, sequence), !settings.takesBadResets { return .invalid }
            if !isEstablished || sequence == acknowledged { return .closes }
            if lastKind == .ack, lastDirection == direction, sequence == lastEnd { return .closes }
            return .keeps
        }
        let answersSYN = status.contains(.seenReply) && lastKind == .syn
        let answersACK = !status.contains(.assured) && lastKind == .ack
        if answersSYN || answersACK, segment.acknowledgement == lastEnd { return .closesInAnyCase }
        let answersChallenge = old == .synSent && lastKind == .ack && lastDirection == .reply
        if answersChallenge, segment.sequence == lastAcknowledgement { return .closesInAnyCase }
        return .closes
    }

    private enum Place { case inside, ignored, invalid }

    /// Source: net/netfilter/nf_conntrack_proto_tcp.c `tcp_in_window`, Linux 6.18.
    private mutating func judgeWindow(
        _ segment: TCPSegment, _ direction: ConnectionDirection, _ old: TCPState?, _ settings: Settings
    ) -> Place {
        var sender = self[direction]
        var receiver = self[direction == .original ? .reply : .original]
        defer {
            self[direction] = sender
            self[direction == .original ? .reply : .original] = receiver
        }
        let flags = segment.flags
        var (sequence, end) = (segment.sequence, segment.end)
        var acknowledged = segment.acknowledgement
        var edge = acknowledged
        if receiver.sendsSACK {
            for other in segment.edges where isAfter(other, edge) { edge = other }
        }
        let isSYN = flags.contains(.syn)
        func begin() {
            (sender.end, sender.maximumEnd, sender.maximumWindow) = (end, end, max(1, segment.window))
            sender.takeOptions(segment)
            if direction == .reply, !(sender.scalesWindow && receiver.scalesWindow) {
                (sender.scale, receiver.scale) = (0, 0)
            }
        }
        if sender.maximumWindow == 0 {
            if isSYN {
                begin()
                if !flags.contains(.ack) { return .inside }
            } else {
                sender.end = end
                sender.maximumWindow = max(1, segment.window << UInt32(sender.scale))
                sender.maximumEnd = end &+ sender.maximumWindow
                if receiver.maximumWindow == 0 {
                    (receiver.end, receiver.maximumEnd) = (edge, edge)
                } else if edge == receiver.end &+ 1 {
                    receiver.end &+= 1
                }
            }
        } else if isSYN, isAfter(end, sender.end), old == .synSent || old == .synReceived {
            begin()
            if direction == .reply, !flags.contains(.ack) { return .inside }
        }
        if !flags.contains(.ack) || flags.contains(.rst) && acknowledged == 0 {
            (acknowledged, edge) = (receiver.end, receiver.end)
        }
        if flags.contains(.rst), sequence == 0, old == .synSent { (sequence, end) = (sender.end, sender.end) }

        let isLiberal = sender.isLiberal || settings.isLiberal
        let floor = receiver.end &- max(66_000, sender.maximumWindow) &- 1
        let isInWindow = isAfter(end, sender.end &- receiver.maximumWindow &- 1)
        var place = Place.inside
        if isAfter(sequence, sender.maximumEnd) {
            let excess = end &- sender.maximumEnd &+ 1
            let isMerelyTooMuch =
                receiver.maximumWindow != 0 && isInWindow && isAfter(edge, floor)
                && excess <= receiver.maximumWindow && !isAfter(edge, receiver.end)
            if isMerelyTooMuch { sender.end = end }
            place = isMerelyTooMuch ? .ignored : .invalid
        } else if isAfter(edge, receiver.end) {
            place = .invalid
        } else if receiver.maximumWindow != 0 && !isInWindow || !isAfter(edge, floor) {
            place = .ignored
        }
        if place != .inside { return isLiberal ? .inside : place }

        let window = isSYN ? segment.window : segment.window << UInt32(sender.scale)
        sender.maximumWindow = max(sender.maximumWindow, window &+ (edge &- acknowledged))
        if isAfter(end, sender.end) { sender.end = end }
        if flags.contains(.ack), sender.maximumAcknowledgement.map({ isAfter(acknowledged, $0) }) ?? true {
            sender.maximumAcknowledgement = acknowledged
        }
        if receiver.maximumWindow != 0, isAfter(end, sender.maximumEnd) {
            receiver.maximumWindow &+= end &- sender.maximumEnd
        }
        if isAfter(edge &+ window, receiver.maximumEnd &- 1) {
            receiver.maximumEnd = edge &+ window &+ (window == 0 ? 1 : 0)
        }
        if segment.event == .ack {
            (lastDirection, lastAcknowledgement, lastEnd, lastWindow) = (direction, acknowledged, end, window)
        }
        return .inside
    }
}

extension TCPTrack.Kind {
    init(_ event: TCPEvent) {
        switch event {
        case .syn: self = .syn
        case .synAck: self = .synAck
        case .fin: self = .fin
        case .ack: self = .ack
        case .reset: self = .reset
        }
    }
}

extension TCPState {
    /// Whether such a packet changes nothing and is let through all the same.
    fileprivate func letsThroughUnseen(_ event: TCPEvent, _ direction: ConnectionDirection) -> Bool {
        switch (event, direction) {
        case (.syn, .original): self != .synSent && self != .synSent2
        case (.synAck, .reply): self != .synSent && self != .synSent2
        case (.ack, .reply): self == .synSent || self == .synSent2
        default: false
        }
    }
}
