internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// The receiver's answer (`--round-trip`).
extension Evaluator {
    /// The receiver's answer: back by the interface the packet left by, or made here where it was delivered; several ways to
    /// begin where a program chooses the address that it answers from.
    func replies(to state: WalkState) -> (TraceRequest, [WalkState])? {
        var packet = turned(state.packet)
        var request = self.request
        if state.outcome == .delivered {
            if silencesEcho(state) { return nil }
            switch senderView(state) {
            case .unreachable?:
                var way = state
                way.rejectWith = packet.version == .v4 ? .icmpPortUnreachable : .icmp6PortUnreachable
                return rejectAnswer(way).map { (request, [$0]) }
            case .reset?:
                // Source: net/ipv4/tcp_ipv4.c `tcp_v4_send_reset`, net/ipv6/tcp_ipv6.c `tcp_v6_send_reset`, Linux 6.18.
                if state.packet.tcpFlags.contains(.rst) { return nil }
                packet.tcpFlags = state.packet.tcpFlags.contains(.ack) ? .rst : [.rst, .ack]
                packet.length = packet.version == .v4 ? 40 : 60
                if reflectsMarks(of: state.packet) { packet.takeMark(of: state.packet) }
            case .answer?, .timeout?, nil: takeMark(of: state, &packet)
            }
            request.origin = .host
            request.packet = packet
            request.inner = []
            request.tunnelHeader = nil
            var start = WalkState(position: .localRouting, packet: packet)
            start.isLocal = true
            start.startedHere = true
            start.setChanges = state.setChanges
            return (request, answersOfPrograms(start, to: state))
        }
        guard let interface = state.route?.interface else { return nil }
        if state.layer > 0, packet.protocol == .udp {
            // The other end of a tunnel sends to the same port, from one of its own.
            packet.destinationPort = state.packet.destinationPort
            packet.unknown.remove(.destinationPort)
            packet.sourcePort = 0
            packet.sourcePortChoices = PortRange(1, 65535)
        }
        request.origin = .interface(interface)
        request.packet = packet
        request.inner = state.inner.map { turned($0) }
        request.tunnelHeader = nil
        var start = WalkState(position: .hook(.prerouting, step: 0), packet: packet)
        start.arrival = .known(interface)
        start.inner = request.inner
        start.layer = UInt8(truncatingIfNeeded: request.inner.count)
        start.isBridged = state.isBridged
        start.inPort = state.outPort
        start.outPort = state.inPort
        start.setChanges = state.setChanges
        if answersOnBridge(state, interface, packet) {
            request.destinationMAC = nil
            start.inPort = port(of: interface, toward: state)
            return (request, with(request, entries: []).enterBridge(start))
        }
        return (request, [start])
    }

    /// Whether who gets a packet that was routed to a bridge answers by it, straight to a neighbour: the host had the packet, as
    /// the one to its own hardware address, and has the answer only as far as bridges call iptables.
    private func answersOnBridge(_ state: WalkState, _ bridge: Symbol, _ answer: Packet) -> Bool {
        guard !state.isBridged, state.layer == 0, !state.startedHere, answer.source != answer.destination,
            answer.unknown.isDisjoint(with: [.source, .destination]), isBridge(bridge),
            let own = model.interface(bridge)
        else { return false }
        return isBetweenNeighbours(answer, of: own)
    }

    /// Whether the packet is of a connection that this host began.
    private func isAnswer(_ state: WalkState) -> Bool {
        if case .entry(let tracked) = state.connection { return tracked.direction == .reply }
        return false
    }

    /// Whether `state` is an echo request that this host is told not to answer.
    func silencesEcho(_ state: WalkState) -> Bool {
        let packet = state.packet
        guard packet.isEchoRequest else { return false }
        var kind = HostModel.EchoKind.plain
        if isForMany(packet) { kind = .toMany } else if addressType(packet.destination) == .anycast { kind = .anycast }
        return model.settingAgainstEcho(packet.version, kind) != nil
    }

    /// Gives an answer that the host makes the mark of what it answers, where it is told to. The socket of a connection
    /// keeps the mark of the packet that began it.
    /// Source: include/net/inet_sock.h `inet_request_mark`, net/ipv4/icmp.c `icmp_reply`, net/ipv6/icmp.c
    /// `icmpv6_echo_reply`, Linux 6.18; observed there, also that TCP over IPv6 has the setting of IPv4.
    private func takeMark(of state: WalkState, _ reply: inout Packet) {
        let packet = state.packet
        switch packet.protocol {
        case .tcp:
            guard (model.sysctl("net.ipv4.tcp_fwmark_accept") ?? 0) != 0, !isAnswer(state) else { return }
            if isNewFlow(state) { reply.takeMark(of: packet) } else { reply.unknown.insert(.mark) }
        case .icmp, .icmpv6:
            if packet.isEchoRequest, reflectsMarks(of: packet) { reply.takeMark(of: packet) }
        default: break
        }
    }

    /// The ways that the answer `start` of a program to `state` may begin. What a socket of UDP that is bound to no address
    /// sends has the address that routing chooses, unless the program names the one that was asked.
    /// Source: net/ipv4/udp.c `udp_sendmsg`, net/ipv6/udp.c `udpv6_sendmsg`, Linux 6.18; observed there.
    private func answersOfPrograms(_ start: WalkState, to state: WalkState) -> [WalkState] {
        let packet = state.packet
        guard packet.protocol == .udp || packet.protocol == .udplite, !isAnswer(state),
            !packet.unknown.contains(.source), !packet.unknown.contains(.destination)
        else { return [start] }
        var from = start
        from.packet.source = .zero(packet.version)
        // No socket sends from an address of many.
        if isForMany(packet) { return [from] }
        if case .delivery(let listener?)? = state.history.steps.last?.kind,
            let socket = model.host.listeners?[listener], socket.address != nil
        {
            return [start]
        }
        let (asked, chosen) = (routeLocal(start), routeLocal(from))
        if asked.count == chosen.count, zip(asked, chosen).allSatisfy({ isSameWay($0, $1) }) { return [start] }
        let name = chosen.count == 1 && !chosen[0].packet.unknown.contains(.source) ? chosen.first : nil
        let other = name.map { "\($0.packet.source), which the way to \(packet.source) has" } ?? "what the way back has"
        let unknown = Unknown(
            Self.replySource, yes: "asked", no: "routed",
            whenYes: "the program answers from the address that was asked, \(packet.destination)",
            whenNo: "the program leaves the address that it answers from to the kernel: \(other)")
        return decide(unknown, start).map { isAsked, way in
            if isAsked { return way }
            var way = way
            way.packet.source = .zero(packet.version)
            return way
        }
    }

    private static var replySource: String { "reply-source" }

    private func isSameWay(_ a: WalkState, _ b: WalkState) -> Bool {
        a.packet.source == b.packet.source && a.routeInterface == b.routeInterface && a.routeNextHop == b.routeNextHop
            && a.outcome == b.outcome
    }

    /// Whether an answer of this host's gets to who asked, from where it was asked; `nil` where its branches differ.
    func reachesAsker(_ trace: Trace) -> Bool? {
        reachesAsker(trace, isElsewhere: false)
    }

    private func reachesAsker(_ trace: Trace, isElsewhere: Bool) -> Bool? {
        func isRouted(_ assumptions: [Assumption]) -> Bool {
            assumptions.contains { $0.name == Self.replySource && $0.value == "routed" }
        }
        let isElsewhere = isElsewhere || isRouted(trace.assumptions)
        if trace.branches.isEmpty {
            guard let isThrough = getsThrough(trace), isThrough, isElsewhere, let last = trace.last?.packet else {
                return getsThrough(trace)
            }
            return last.source == request.packet.destination
        }
        let answers = trace.branches.map {
            reachesAsker($0.trace, isElsewhere: isElsewhere || isRouted($0.assumptions))
        }
        guard let first = answers.first, answers.allSatisfy({ $0 == first }) else { return nil }
        return first
    }

    /// The usual answer to `packet`: ends exchanged, SYN answered by SYN and ACK, an echo request by its reply.
    private func turned(_ packet: Packet) -> Packet {
        var reply = Packet(source: packet.destination, destination: packet.source, protocol: packet.protocol)
        reply.sourcePort = packet.destinationPort
        reply.destinationPort = packet.sourcePort
        reply.length = packet.length
        reply.icmpIdentifier = packet.icmpIdentifier
        let tuple = ConnectionTuple(packet).inverted
        reply.icmpType = tuple.icmpType
        reply.icmpCode = packet.icmpCode
        if packet.protocol == .tcp {
            reply.tcpFlags = packet.tcpFlags.contains(.syn) && !packet.tcpFlags.contains(.ack) ? [.syn, .ack] : .ack
        }
        reply.unknown = packet.unknown.intersection([.tcpOptions, .payload, .otherHeaders, .mac, .owner])
        if packet.unknown.contains(.source) { reply.unknown.insert(.destination) }
        if packet.unknown.contains(.destination) { reply.unknown.insert(.source) }
        // It goes to what NAT drew.
        if packet.protocol.isICMP {
            reply.sourcePortChoices = packet.sourcePortChoices
        } else if packet.sourcePortChoices != nil {
            reply.destinationPortChoices = packet.sourcePortChoices
            reply.unknown.insert(.destinationPort)
        }
        if packet.unknown.contains(.destinationPort) { reply.unknown.insert(.sourcePort) }
        return reply
    }
}

extension Packet {
    fileprivate mutating func takeMark(of other: Packet) {
        mark = other.mark
        unknown.formUnion(other.unknown.intersection(.mark))
    }

    var isEchoRequest: Bool {
        if unknown.contains(.icmpType) { return false }
        return self.protocol == .icmp && icmpType == 8 || self.protocol == .icmpv6 && icmpType == 128
    }
}
