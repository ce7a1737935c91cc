public import NetTypes
public import PacketPath
internal import PathModel
internal import SourceText

/// The answer to a packet at the end of one of its ways, on whichever node it got to.
public struct LastReply: Sendable {
    /// The node; `nil`: the one whose answer was asked.
    public let node: NodeAnswer?
    /// A trace without branches.
    public var end: Trace { way.trace }
    /// What is not sure about where it goes from there.
    public let astray: Astray?
    /// The whole way on that node.
    let way: Way
    /// Whether something beside the rules may decide about it there.
    private let hasOtherDeciders: Bool

    fileprivate init(_ way: Way, on node: NodeAnswer?, _ astray: Astray?, of answer: TraceAnswer) {
        (self.node, self.astray, self.way) = (node, astray, way)
        hasOtherDeciders = !answer.otherDeciders.isEmpty
    }

    /// As far as it was followed; undecided where it may go on and end elsewhere.
    public var outcome: Outcome {
        hasOtherDeciders || astray != nil && end.outcome.isThrough ? .undecided : end.outcome
    }

    /// The packet that the client gets, unpacked.
    public var packet: Packet? { end.inner.first ?? end.last?.packet }
}

extension TraceAnswer {
    /// The answers to the packet where they end, as far as they were followed.
    public var lastReplies: [LastReply] {
        if !request.traceReply, onward.isEmpty, back.isEmpty { return [] }
        return trace.ends.indices.flatMap { lastReplies(at: $0) }
    }

    /// Those to the end at this place.
    public func lastReplies(at place: Int) -> [LastReply] { lastReplies(at: place, on: nil) }

    private func lastReplies(at place: Int, on node: NodeAnswer?) -> [LastReply] {
        if let back = back[place] { return back.answer.lastPackets(on: back) }
        if let next = onward[place] {
            let stray = strayReplies[place]
            return next.answer.trace.ends.indices.flatMap { next.answer.lastReplies(at: $0, on: next) }.map {
                LastReply($0.way, on: $0.node, $0.astray ?? stray, of: $0.node?.answer ?? self)
            }
        }
        let ends = trace.ends
        guard place < ends.count, let reply = ends[place].reply.first, let packet = reply.firstPacket else { return [] }
        return Way(reply, packet: packet).leaves.map { LastReply($0, on: node, strayReplies[place], of: self) }
    }

    /// The packet itself where it ends.
    private func lastPackets(on node: NodeAnswer) -> [LastReply] {
        var last: [LastReply] = []
        for (place, leaf) in Way(trace, packet: request.packet).leaves.enumerated() {
            if let next = onward[place] {
                last += next.answer.lastPackets(on: next)
            } else {
                last.append(LastReply(leaf, on: node, astray[place], of: self))
            }
        }
        return last
    }

    /// Whether the packet gets to an end on whichever node each of its ways leads to, for sure.
    public var isThroughEverywhere: Bool {
        otherDeciders.isEmpty
            && trace.ends.enumerated().allSatisfy { place, end in
                astray[place] == nil && (onward[place]?.answer.isThroughEverywhere ?? end.outcome.isThrough)
            }
    }

    /// `then, on node-b, is dropped by rule 3 of filter/FORWARD`: what becomes on other nodes of a way that is not sure to get
    /// through; `nil` where there is none.
    public var lossBeyond: String? {
        for place in trace.ends.indices {
            if let astray = astray[place] { return "then \(astray.clause(interface: nil))" }
            guard let next = onward[place], !next.answer.isThroughEverywhere else { continue }
            if let loss = next.answer.lossBeyond { return loss }
            let words = OutcomeWords(quotes: Quotes(model: next.model, files: next.files))
            let way = Way(next.answer.trace, packet: next.answer.request.packet)
            if let decider = next.answer.otherDeciders.first {
                return "then, on \(next.node), hangs on more than its rules: \(decider.text)"
            }
            return "then, on \(next.node), \(words.predicate(way))"
        }
        return nil
    }

    /// Whether an answer to the packet was followed, and is not sure to come back.
    public var losesReply: Bool { lastReplies.contains { !$0.outcome.isThrough } }
}

extension TraceAnswer {
    /// Marks answers that come from another than was asked: only the host that has translated a packet can translate its answer,
    /// if it comes by.
    public mutating func judgeSenders() {
        let asked = request.inner.first ?? request.packet
        if asked.destination.isMulticast || asked.unknown.contains(.destination) { return }
        let ends = trace.ends
        for place in ends.indices where ends[place].outcome == .forwarded || onward[place] != nil {
            let others = lastReplies(at: place).filter { $0.outcome.isThrough }.map { $0.otherSender(than: asked) }
            guard let other = others.first ?? nil, others.allSatisfy({ $0 != nil }) else { continue }
            strayReplies[place] = .otherSender(asked: asked.destination, answers: other)
        }
    }
}

extension LastReply {
    /// Who answers in the place of who was asked; `nil` where that is the same, or not known.
    fileprivate func otherSender(than asked: Packet) -> IPAddress? {
        guard let packet, packet.protocol == asked.protocol, packet.unknown.isDisjoint(with: [.source, .sourcePort]),
            packet.sourcePortChoices == nil
        else { return nil }
        let isSame =
            packet.source == asked.destination
            && (!packet.protocol.hasPorts || packet.sourcePort == asked.destinationPort)
        return isSame ? nil : packet.source
    }
}

/// What the sender notices of a packet and its answer together.
public enum ReplyFate: Hashable, Sendable {
    case arrives, lost, unknown

    var name: String {
        switch self {
        case .arrives: "arrives"
        case .lost: "lost"
        case .unknown: "unknown"
        }
    }
}

extension TraceAnswer {
    /// What becomes of the answers to the packet; `nil` where none was followed.
    public var replyFate: ReplyFate? { fate(of: lastReplies) }

    /// Of those to the end at this place.
    public func replyFate(at place: Int) -> ReplyFate? { fate(of: lastReplies(at: place)) }

    private func fate(of replies: [LastReply]) -> ReplyFate? {
        guard let first = replies.first?.fate else { return nil }
        return replies.allSatisfy { $0.fate == first } ? first : .unknown
    }
}

extension LastReply {
    fileprivate var fate: ReplyFate {
        if let astray, astray.isLost, end.outcome.isThrough { return .lost }
        let outcome = self.outcome
        return outcome.isThrough ? .arrives : outcome == .undecided || outcome == .queued ? .unknown : .lost
    }
}
