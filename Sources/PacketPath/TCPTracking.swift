internal import NetTypes
internal import RuleModel

/// What conntrack looks at in a TCP packet's flags.
enum TCPEvent: Hashable, Sendable {
    case syn, synAck, fin, ack, reset

    /// `nil` for flags that conntrack refuses.
    init?(_ flags: TCPFlags) {
        if flags.contains(.rst) {
            self = .reset
        } else if flags.contains(.syn) {
            self = flags.contains(.ack) ? .synAck : .syn
        } else if flags.contains(.fin) {
            self = .fin
        } else if flags.contains(.ack) {
            self = .ack
        } else {
            return nil
        }
    }
}

/// What a packet does to the connection that it belongs to.
enum TCPStep: Hashable, Sendable {
    /// The packet belongs to it, which is in this state afterwards.
    case goes(TCPState)
    /// It is let through although it does not fit: neither the state nor what was counted changes.
    case passes
    /// The packet makes no sense in this state.
    case invalid
    /// The connection is over, and the packet starts another of the same ends.
    case anew
}

extension TCPState {
    /// The state of a connection whose first packet this is. A stream picked up in the middle counts as established.
    init(first event: TCPEvent) { self = event == .syn ? .synSent : .established }

    /// What `event` of a packet of this direction leads to.
    ///
    /// Every state, direction and combination of flags was observed on Linux 6.18. Sequence numbers, which can make a
    /// packet invalid too, are not looked at.
    func step(_ event: TCPEvent, _ direction: ConnectionDirection) -> TCPStep {
        switch event {
        case .reset: .goes(.close)
        case .syn: direction == .original ? stepOnSyn() : stepOnReplySyn()
        case .synAck: direction == .original ? stepOnSynAck() : stepOnReplySynAck()
        case .fin: stepOnFin()
        case .ack: stepOnAck(direction)
        }
    }

    private func stepOnSyn() -> TCPStep {
        switch self {
        case .timeWait, .close: .anew
        default: .goes(self)
        }
    }

    private func stepOnReplySyn() -> TCPStep {
        switch self {
        case .synSent, .synSent2: .goes(.synSent2)
        case .timeWait: .anew
        default: .invalid
        }
    }

    private func stepOnSynAck() -> TCPStep {
        switch self {
        case .synReceived, .synSent2: .goes(.synReceived)
        default: .invalid
        }
    }

    /// A late SYN|ACK is let through: the client may have missed the first.
    private func stepOnReplySynAck() -> TCPStep {
        switch self {
        case .synSent, .synSent2: .goes(.synReceived)
        default: .goes(self)
        }
    }

    private func stepOnFin() -> TCPStep {
        switch self {
        case .synSent, .synSent2: .invalid
        case .synReceived, .established: .goes(.finWait)
        case .finWait, .closeWait: .goes(.lastAck)
        case .lastAck, .timeWait, .close: .goes(self)
        }
    }

    private func stepOnAck(_ direction: ConnectionDirection) -> TCPStep {
        switch self {
        case .synSent, .synSent2: direction == .original ? .invalid : .goes(self)
        case .synReceived: .goes(direction == .original ? .established : .synReceived)
        case .finWait: .goes(.closeWait)
        case .lastAck: .goes(.timeWait)
        case .established, .closeWait, .timeWait, .close: .goes(self)
        }
    }
}
