package import NetTypes

/// Packets that belong together, as a script: what each one looks like in the end hangs on what became of the last.
package enum RandomStep: Sendable {
    case first(RandomPacket)
    /// From the sender of `first`, with the same addresses and ports.
    case sameAgain(PacketChange)
    /// From the receiver of the packet that left last, back to where that came from.
    case replyToLast(PacketChange)
    /// An error about the packet that left last, which it quotes as it left.
    case errorAboutLast(PacketError)
    /// Another packet that goes with the first: its second fragment.
    case next(RandomPacket)
    /// A packet of another flow that wants the same answers, where its source is hidden.
    case clash(RandomPacket)
    case rulesChanged(RandomRules)
}

/// What a later packet of a flow has in place of the first one's.
package struct PacketChange: Sendable, Hashable {
    package var tcpFlags: TCPFlags = []
    package var tcpSequence: UInt32 = 1000
    package var tcpAcknowledgement: UInt32 = 0
    package var sctpChunks: [UInt8] = [0]
    package var payload: [UInt8] = []
    package var ttl: UInt8 = 64
    package var tos: UInt8 = 0

    package init() {}

    /// The packet like `packet` with these changes; `nil` where `packet` is none.
    package func again(_ packet: Packet) -> Packet? {
        var draft = PacketDraft(
            source: packet.source, destination: packet.destination, number: packet.protocol.rawValue)
        (draft.sourcePort, draft.destinationPort) = (packet.sourcePort, packet.destinationPort)
        (draft.icmpType, draft.icmpCode) = (packet.icmpType, packet.icmpCode)
        fill(&draft, packet)
        return draft.packet()
    }

    /// The answer to `packet`, with these changes; `nil` where `packet` is none that is answered.
    package func reply(to packet: Packet) -> Packet? {
        var draft = PacketDraft(
            source: packet.destination, destination: packet.source, number: packet.protocol.rawValue)
        (draft.sourcePort, draft.destinationPort) = (packet.destinationPort, packet.sourcePort)
        if packet.protocol.isICMP {
            guard let answer = Self.answers[packet.icmpType] else { return nil }
            (draft.icmpType, draft.icmpCode) = (answer, packet.icmpCode)
        }
        fill(&draft, packet)
        return draft.packet()
    }

    private func fill(_ draft: inout PacketDraft, _ packet: Packet) {
        draft.icmpIdentifier = packet.icmpIdentifier
        draft.tcpFlags = tcpFlags.rawValue
        draft.sequence = tcpSequence
        draft.acknowledgement = tcpAcknowledgement
        draft.chunks = sctpChunks
        draft.payload = payload
        draft.ttl = ttl
        draft.tos = tos
    }

    /// Queries and what answers them, of both versions: their numbers don't overlap.
    private static let answers: [UInt8: UInt8] = [8: 0, 0: 8, 13: 14, 15: 16, 17: 18, 128: 129, 129: 128]
}

/// An error of ICMP about a packet.
package enum PacketError: Sendable, Hashable, CaseIterable {
    case hostUnreachable, portUnreachable, tooBig, timeExceeded, badParameter

    /// The error that `sender` sends about `packet`.
    package func packet(about packet: Packet, from sender: IPAddress) -> Packet? {
        let isV4 = packet.version == .v4
        var draft = PacketDraft(source: sender, destination: packet.source, number: isV4 ? 1 : 58)
        switch self {
        case .hostUnreachable: (draft.icmpType, draft.icmpCode) = isV4 ? (3, 1) : (1, 3)
        case .portUnreachable: (draft.icmpType, draft.icmpCode) = isV4 ? (3, 3) : (1, 4)
        case .tooBig: (draft.icmpType, draft.icmpCode) = isV4 ? (3, 4) : (2, 0)
        case .timeExceeded: (draft.icmpType, draft.icmpCode) = isV4 ? (11, 0) : (3, 0)
        case .badParameter: (draft.icmpType, draft.icmpCode) = isV4 ? (12, 0) : (4, 0)
        }
        draft.payload = Array(packet.encoded().prefix(isV4 ? 512 : 1200))
        return draft.packet()
    }
}

extension RandomPackets {
    /// A script of a few steps: a flow with answers, fragments, errors, a clash, or new rules underneath.
    package mutating func conversation() -> [RandomStep] {
        while true {
            if let steps = drawnConversation() { return steps }
        }
    }

    private mutating func drawnConversation() -> [RandomStep]? {
        if chance.percent(5) { return fragments() }
        let number = chance.pick([6, 6, 6, 6, 17, 17, 17, 1, 1, 132, 136, 33, 47, 50] as [UInt8])
        var start = start(number)
        let draft = start.draft
        if number == 1, draft.version == .v6 { start.draft.number = 58 }
        plain(&start.draft)
        guard let first = finished(start) else { return nil }
        var steps: [RandomStep] = [.first(first)]
        switch number {
        case 6: steps += stream()
        case 132: steps += association()
        default: steps += exchange()
        }
        // Mostly the script breaks off somewhere, for states halfway.
        if chance.percent(40) { steps.removeLast(chance.below(steps.count)) }
        if chance.percent(15) {
            steps.insert(.errorAboutLast(chance.pick(PacketError.allCases)), at: chance.number(1...steps.count))
        }
        if chance.percent(8), let other = clash(start) {
            steps.insert(.clash(other), at: chance.number(1...steps.count))
        }
        if chance.percent(2), steps.count > 1 {
            let rules = RandomRules(seed: chance.next(), topology: topology, features: features)
            steps.insert(.rulesChanged(rules), at: chance.number(1...steps.count - 1))
        }
        return steps
    }

    /// What begins a flow rather than stands by itself.
    private mutating func plain(_ draft: inout PacketDraft) {
        (draft.fragmentOffset, draft.moreFragments, draft.length, draft.end) = (0, false, nil, nil)
        draft.tcpFlags = chance.percent(92) ? 2 : chance.pick([16, 18, 24])
        (draft.sequence, draft.acknowledgement) = (1000, 0)
        // The host answers a question for the time by itself.
        draft.icmpType = draft.number == 58 ? 128 : 8
        draft.icmpCode = 0
        draft.chunks = [1]
        draft.dccpType = 0
        if draft.payload.count > 600 || draft.number == 132 || draft.number == 6 { draft.payload = [] }
        if draft.sourcePort == draft.destinationPort, chance.percent(70) { draft.sourcePort = 40000 }
    }

    private mutating func change(_ flags: TCPFlags = [], _ sequence: UInt32 = 0, _ answer: UInt32 = 0) -> PacketChange {
        var change = PacketChange()
        change.tcpFlags = flags
        change.tcpSequence = sequence
        change.tcpAcknowledgement = answer
        if chance.percent(5) { change.tos = chance.pick(RandomPools.tosBytes) }
        return change
    }

    /// Handshake, data, and an end of some kind. Both sides' numbers are known beforehand.
    private mutating func stream() -> [RandomStep] {
        if chance.percent(8) { return [.replyToLast(change([.rst, .ack], 0, 1001))] }
        var steps: [RandomStep] = []
        if chance.percent(10) { steps.append(.sameAgain(change(.syn, 1000))) }
        steps.append(.replyToLast(change([.syn, .ack], 5000, 1001)))
        steps.append(.sameAgain(change(.ack, 1001, 5001)))
        let request = Array(chance.pick(RandomPools.words).utf8)
        var data = change([.psh, .ack], 1001, 5001)
        data.payload = request
        steps.append(.sameAgain(data))
        let next = 1001 + UInt32(request.count)
        steps.append(.replyToLast(change(.ack, 5001, next)))
        switch chance.below(4) {
        case 0: steps.append(.sameAgain(change(.rst, next)))
        case 1: steps.append(.replyToLast(change([.rst, .ack], 5001, next)))
        default:
            steps.append(.sameAgain(change([.fin, .ack], next, 5001)))
            steps.append(.replyToLast(change([.fin, .ack], 5001, next + 1)))
            steps.append(.sameAgain(change(.ack, next + 1, 5002)))
            if chance.percent(30) { steps.append(.sameAgain(change(.syn, 9000))) }
        }
        return steps
    }

    private mutating func association() -> [RandomStep] {
        func step(_ chunks: [UInt8]) -> PacketChange {
            var change = PacketChange()
            change.sctpChunks = chunks
            return change
        }
        return [
            .replyToLast(step([2])), .sameAgain(step([10])), .replyToLast(step([11])), .sameAgain(step([0])),
            .replyToLast(step([3])), .sameAgain(step([7])),
        ]
    }

    /// A question and its answer, and some more of the same.
    private mutating func exchange() -> [RandomStep] {
        var steps: [RandomStep] = []
        for _ in 0..<chance.number(1...4) {
            var change = change()
            if chance.percent(40) { change.payload = Array(chance.pick(RandomPools.words).utf8) }
            steps.append(chance.percent(60) ? .replyToLast(change) : .sameAgain(change))
        }
        return steps
    }

    /// The same ports from another host: hidden behind one address, both would get the same answers.
    private mutating func clash(_ start: Start) -> RandomPacket? {
        var other = start
        let near = topology.pools.neighbours.filter {
            $0.address.version == start.draft.version && $0.address != start.draft.source
                && $0.address != start.draft.destination
        }
        guard start.arrival != .host, let sender = chance.pickAny(near) else { return nil }
        other.draft.source = sender.address
        other.sourceMAC = sender.mac
        other.arrival = .wire(sender.port ?? sender.interface)
        frame(&other)
        return finished(other)
    }

    /// A datagram in two pieces, in either order.
    private mutating func fragments() -> [RandomStep]? {
        var start = start(chance.pick([17, 17, 6, 132]))
        plain(&start.draft)
        start.draft.extensions = []
        start.draft.options = []
        start.draft.dontFragment = false
        start.draft.payload = Array(chance.pick(RandomPools.words).utf8) + [UInt8](repeating: 0x2e, count: 120)
        guard let whole = finished(start), let (one, two) = split(whole) else { return nil }
        return chance.percent(75) ? [.first(one), .next(two)] : [.first(two), .next(one)]
    }

    /// The packet cut behind 64 bytes of its data.
    private func split(_ whole: RandomPacket) -> (RandomPacket, RandomPacket)? {
        let bytes = whole.packet.bytes
        let header = whole.packet.version == .v4 ? 20 : 40
        guard bytes.count > header + 64 else { return nil }
        func piece(_ data: ArraySlice<UInt8>, _ offset: UInt16, more: Bool) -> RandomPacket? {
            var head = Array(bytes.prefix(header))
            switch whole.packet.version {
            case .v4:
                head.replaceSubrange(6..<8, with: words(offset | (more ? 0x2000 : 0)))
                head.replaceSubrange(2..<4, with: words(UInt16(header + data.count)))
            case .v6:
                head += [head[6], 0] + words(offset << 3 | (more ? 1 : 0), 0, 77)
                head[6] = 44
                head.replaceSubrange(4..<6, with: words(UInt16(8 + data.count)))
            }
            let piece = head + data
            guard var packet = Packet(decoding: piece.span) else { return nil }
            packet.bytes = packet.encoded()
            (packet.mark, packet.sourceMAC, packet.packetType) =
                (whole.packet.mark, whole.packet.sourceMAC, whole.packet.packetType)
            (packet.userID, packet.groupID, packet.hasSocket) =
                (whole.packet.userID, whole.packet.groupID, whole.packet.hasSocket)
            var result = whole
            result.packet = packet
            return result
        }
        guard let one = piece(bytes[header..<header + 64], 0, more: true),
            let two = piece(bytes[(header + 64)...], 8, more: false)
        else { return nil }
        return (one, two)
    }
}
