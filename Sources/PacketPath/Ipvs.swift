internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// IPVS at its hooks: what comes to a virtual service at INPUT (99) and OUTPUT (-98).
//
// No kernel at hand has IPVS: all of this follows the kernel's source (net/netfilter/ipvs/ip_vs_core.c `ip_vs_in_hook`,
// `ip_vs_schedule`, `ip_vs_leave`, ip_vs_proto_tcp.c, ip_vs_ctl.c `ip_vs_service_find`, Linux 6.x) and nothing was
// compared with a kernel. Errors of ICMP about its connections, application helpers (FTP), thresholds and the backup
// of another director are not followed.
extension Evaluator {
    /// A packet where IPVS looks for virtual services.
    func askedOfVirtualServices(_ state: WalkState) -> [WalkState] {
        let packet = state.packet
        guard !state.isOfIPVS, isBalanced(packet.protocol), packet.fragmentOffset == 0,
            state.context.hook == .output || packet.packetType == .unicast
        else { return [state] }
        if isOpenWhatService(packet) {
            let unknown = Unknown(
                "ipvs-service@\(state.context.hook.name)",
                whenYes: "what the packet then has is a virtual service of IPVS",
                whenNo: "what the packet then has is no virtual service of IPVS")
            return decide(unknown, state).map { isYes, way in
                isYes ? ended(way, .undecided, .unknownRule) : way
            }
        }
        var state = state
        if asksMarks, packet.defaulted.contains(.mark) { state.history.defaultsUsed.insert(.mark) }
        let service = virtualService(for: packet)
        if let known = requested(state) {
            if known.isGone { return [refused(.gone, service, .dropped, .serverGone, state)] }
            return forwarded(known.connection, service, isFromConnection: true, state)
        }
        // An answer of a real server here that has been given the virtual address before.
        let isAnswered = virtualConnections.contains {
            $0.protocol == packet.protocol && $0.address == packet.source && $0.port == packet.sourcePort
                && $0.client == packet.destination && $0.clientPort == packet.destinationPort
        }
        guard let service, !isAnswered else { return [state] }
        guard begins(packet) else { return ofUnknownConnection(service, state) }
        return scheduled(service, state)
    }

    /// Source: net/netfilter/ipvs/ip_vs_proto.c. AH and ESP have connections and are never scheduled.
    func isBalanced(_ protocol: IPProtocol) -> Bool { [.tcp, .udp, .sctp].contains(`protocol`) }

    private var asksMarks: Bool {
        model.host.virtualServices?.contains { if case .mark = $0.key { true } else { false } } == true
    }

    private func isOpenWhatService(_ packet: Packet) -> Bool {
        !packet.unknown.isDisjoint(with: [.destination, .destinationPort])
            || asksMarks && packet.unknown.contains(.mark)
    }

    /// One by mark comes before one by address, which comes before one of the address's whole.
    /// Source: net/netfilter/ipvs/ip_vs_ctl.c `ip_vs_service_find`.
    func virtualService(for packet: Packet) -> VirtualService? {
        let services = model.host.virtualServices ?? []
        func find(_ key: VirtualService.Key) -> VirtualService? { services.last { $0.key == key } }
        if packet.mark != 0, let found = find(.mark(packet.mark, packet.version)) { return found }
        return find(.address(packet.protocol, packet.destination, port: packet.destinationPort))
            ?? find(.address(packet.protocol, packet.destination, port: 0))
    }

    /// Whether IPVS may begin a connection with the packet. Source: `tcp_conn_schedule`, `sctp_conn_schedule`.
    private func begins(_ packet: Packet) -> Bool {
        guard packet.protocol == .tcp else { return true }
        if packet.tcpFlags.contains(.rst) { return false }
        return packet.tcpFlags.contains(.syn) || model.sysctl("net.ipv4.vs.sloppy_tcp") == 1
    }

    // MARK: A new connection

    private func scheduled(_ service: VirtualService, _ state: WalkState) -> [WalkState] {
        let choices = candidates(of: service, state.packet)
        if choices.isEmpty {
            var way = refused(.refused, service, .rejected, .noServer, state)
            way.rejectWith = state.packet.version == .v4 ? .icmpPortUnreachable : .icmp6PortUnreachable
            return [way]
        }
        if choices.count == 1, let only = choices.first {
            return forwarded(to: only.server, service, isFromConnection: false, state)
        }
        let how =
            service.persistence.map { "\(service.scheduler) or the \($0) s that the service keeps a client" }
            ?? service.scheduler
        return chosen(choices, by: how, state).flatMap { server, way in
            forwarded(to: server, service, isFromConnection: false, way)
        }
    }

    private struct Candidate {
        var server: RealServer
        /// `nil` where it hangs on what no snapshot tells.
        var chance: Double?
    }

    /// The servers that a new connection may get. Weight 0 takes none, but a persistent service may still know its
    /// client by such a one. Source: `ip_vs_schedule`, `ip_vs_sched_persist`, ip_vs_conn.c `ip_vs_check_template`,
    /// ip_vs_{rr,wrr,fo}.c.
    private func candidates(of service: VirtualService, _ packet: Packet) -> [Candidate] {
        if case .address(_, _, port: 0) = service.key, service.persistence == nil { return [] }
        var open = service.servers.filter { $0.weight > 0 }
        if service.persistence != nil, model.sysctl("net.ipv4.vs.expire_quiescent_template") != 1 {
            open = service.servers
        }
        if service.scheduler == "fo", service.persistence == nil {
            let most = open.reduce(0) { max($0, $1.weight) }
            open = open.filter { $0.weight == most }
        }
        let total = open.reduce(0.0) { $0 + Double($1.weight) }
        return open.map { server in
            var chance: Double?
            if service.persistence == nil {
                // Whose turn it is, is as likely each one's.
                if service.scheduler == "rr" { chance = 1 / Double(open.count) }
                if service.scheduler == "wrr" { chance = Double(server.weight) / total }
            }
            return Candidate(server: server, chance: chance)
        }
    }

    /// A way for each of `choices`, or the one that `--assume` names.
    private func chosen(
        _ choices: [Candidate], by how: String, _ state: WalkState
    ) -> [(server: RealServer, way: WalkState)] {
        let spot = spotText(state.packet.destination, state.packet.destinationPort)
        let name = "ipvs@\(spot)/\(state.packet.protocol.shortName)"
        let given = request.assumptions[name] ?? request.assumptions["ipvs"]
        let isGiven = choices.contains { spotText($0.server.address, $0.server.port) == given }
        return choices.compactMap { choice in
            let value = spotText(choice.server.address, choice.server.port)
            if isGiven, value != given { return nil }
            var way = state
            var assumption = Assumption(
                name: name, value: value, text: "IPVS chooses real server \(value) for \(spot) by \(how)",
                step: state.history.steps.count)
            assumption.isGiven = isGiven
            way.history.assumptions.append(assumption)
            way.history.settled.append(WalkState.Settled(name: "\(name)=\(value)", isYes: true))
            if !isGiven {
                way.history.probability = choice.chance.flatMap { chance in way.history.probability.map { $0 * chance }
                }
            }
            return (choice.server, way)
        }
    }

    func spotText(_ address: IPAddress, _ port: UInt16) -> String {
        address.version == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }

    /// A packet that IPVS ends.
    private func refused(
        _ act: VirtualServiceStep.Act, _ service: VirtualService?, _ outcome: Outcome, _ reason: Reason,
        _ entering: WalkState
    ) -> WalkState {
        var state = entering
        var step = VirtualServiceStep(act, state.packet)
        if let service { step.take(service) }
        state.record(.ipvs(step))
        state.outcome = outcome
        state.reason = reason
        state.position = .ended
        return state
    }

    // MARK: A connection that IPVS may have

    /// A packet in the middle of a flow: IPVS lets one pass that it knows nothing of.
    private func ofUnknownConnection(_ service: VirtualService, _ state: WalkState) -> [WalkState] {
        if knowsNoConnection(state) { return [state] }
        let spot = spotText(state.packet.destination, state.packet.destinationPort)
        let unknown = Unknown(
            "ipvs-connection@\(spot)/\(state.packet.protocol.shortName)",
            whenYes: "IPVS has a connection to \(spot) that the packet belongs to",
            whenNo: "IPVS has no connection to \(spot) that the packet belongs to")
        return decide(unknown, state).flatMap { isYes, way -> [WalkState] in
            guard isYes, !service.servers.isEmpty else { return [way] }
            let choices = service.servers.map { Candidate(server: $0) }
            let ways =
                choices.count == 1 ? [(server: choices[0].server, way: way)] : chosen(choices, by: "an old choice", way)
            return ways.flatMap { server, way in forwarded(to: server, service, isFromConnection: true, way) }
        }
    }

    /// Whether conntrack's table, which IPVS's connections are in too, has none for the packet.
    private func knowsNoConnection(_ state: WalkState) -> Bool {
        guard model.host.connections != nil, model.sysctl("net.ipv4.vs.conntrack") == 1,
            case .entry(let tracked) = state.connection
        else { return false }
        return tracked.isNew && tracked.state == .new
    }

    private func requested(_ state: WalkState) -> (connection: VirtualConnection, isGone: Bool)? {
        if let own = virtualConnections.first(where: { $0.isAsked(by: state.packet) }) { return (own, false) }
        guard case .entry(let tracked) = state.connection, !tracked.isNew, tracked.direction == .original,
            let found = virtualConnection(of: tracked.entry),
            found.connection.isAsked(by: state.packet)
        else { return nil }
        return found
    }

    /// The connection of IPVS that an entry of conntrack's table belongs to: its answers come from a real server. One
    /// whose answers come from elsewhere has lost its server. Source: ip_vs_nfct.c `ip_vs_update_conntrack`.
    func virtualConnection(of entry: ConnectionEntry) -> (connection: VirtualConnection, isGone: Bool)? {
        guard model.host.virtualServices?.isEmpty == false, isBalanced(entry.original.protocol) else { return nil }
        let (asked, reply) = (entry.original, entry.reply)
        guard
            let service = model.host.virtualServices?.last(where: {
                $0.key == .address(asked.protocol, asked.destination, port: asked.destinationPort)
            })
        else { return nil }
        let server = service.servers.first {
            $0.address == reply.source && ($0.port == reply.sourcePort || $0.port == 0 && reply.sourcePort != 0)
        }
        if let server {
            var connection = VirtualConnection(entry, server.method)
            connection.isPersistent = service.persistence != nil
            return (connection, false)
        }
        guard reply.source != asked.destination else { return nil }
        return (VirtualConnection(entry, .masquerade), true)
    }

    /// Whether IPVS, and not NAT, has given the entry's answers their source.
    func isOfVirtualService(_ entry: ConnectionEntry) -> Bool {
        entry.isOfVirtualService || virtualConnection(of: entry) != nil
    }
}
