internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Follows what comes back: REJECT's own answer, and with `--round-trip` the receiver's.
    func addAnswer(to trace: inout Trace, _ state: WalkState) {
        switch trace.outcome {
        case .rejected:
            let isHeld = request.holdsResets && state.rejectWith?.icmp == nil
            guard !isHeld, let start = rejectAnswer(state) else {
                trace.senderView = .timeout
                return
            }
            let answer = with(request, entries: trace.connections, trace.virtualConnections).tree(of: start)
            trace.answer = [answer]
            trace.setChanges = answer.setChanges
            // Rules that the answer meets mark the packet's connection, which is the answer's too.
            for entry in answer.agreedConnections {
                let index = trace.connections.firstIndex {
                    $0.original == entry.original && $0.fullZone == entry.fullZone
                }
                if let index { trace.connections[index] = entry }
            }
            if isAnsweredByFrame(state), isDestinationTranslated(state) {
                // The frame comes from an address that the sender never asked.
                trace.senderView = .timeout
            } else if let isThrough = getsThrough(answer) {
                if !isThrough { trace.senderView = .timeout }
            } else {
                trace.senderView = nil
            }
        case .forwarded, .sent, .delivered:
            guard request.traceReply, let (reply, starts) = replies(to: state) else { return }
            let evaluator = with(reply, entries: trace.connections, trace.virtualConnections)
            let back = evaluator.tree(of: evaluator.explore(starts))
            trace.reply = [back]
            trace.setChanges = back.setChanges
            if let view = trace.senderView, view != .timeout {
                let isAnswered = state.outcome == .delivered ? reachesAsker(back) : getsThrough(back)
                trace.senderView = isAnswered.map { $0 ? view : .timeout }
            }
        case .dropped, .queued, .unroutable, .filtered, .undecided: break
        }
    }

    /// This evaluator for another packet, after the entries made so far.
    func with(
        _ request: TraceRequest, entries: [ConnectionEntry], _ virtual: [VirtualConnection] = []
    ) -> Evaluator {
        var table = connections
        for entry in entries { table.update(entry) }
        var plain = request
        plain.traceReply = false
        plain.state = nil
        plain.isFromRawSocket = false
        return Evaluator(
            model: model, request: plain, connections: table, virtualConnections: virtual + virtualConnections)
    }

    private func tree(of start: WalkState) -> Trace { tree(of: explore([start])) }

    /// Whether a packet gets where it is sent; `nil` where its branches differ.
    func getsThrough(_ trace: Trace) -> Bool? {
        if trace.branches.isEmpty {
            switch trace.outcome {
            case .forwarded, .sent, .delivered: return true
            case .dropped, .rejected, .queued, .unroutable, .filtered: return false
            case .undecided: return nil
            }
        }
        let answers = trace.branches.map { getsThrough($0.trace) }
        guard let first = answers.first, answers.allSatisfy({ $0 == first }) else { return nil }
        return first
    }

    /// An ICMP error, which no other answers; what announces a router and asks for one counts as such with IPv4.
    /// Source: net/ipv4/icmp.c `icmp_send`, `icmp_pointers`, net/ipv6/icmp.c `is_ineligible`, Linux 6.18.
    func isError(_ packet: Packet) -> Bool {
        switch packet.protocol {
        case .icmp: ![0, 8, 13, 14, 15, 16, 17, 18].contains(packet.icmpType)
        case .icmpv6: packet.icmpType < 128
        default: false
        }
    }

    /// Whether REJECT's reset goes out as a frame by the bridge port that the packet came in by, past all hooks: it does
    /// while bridged frames pass iptables, also for packets that left the bridge. Source:
    /// net/ipv4/netfilter/nf_reject_ipv4.c `nf_send_reset`, net/ipv6/netfilter/nf_reject_ipv6.c; observed on Linux 6.18.
    private func isAnsweredByFrame(_ state: WalkState) -> Bool {
        guard state.context.inPort != nil, state.rejectWith.map({ $0.icmp == nil }) == true else { return false }
        return state.isBridged || bridgeCallsIptables(state.packet.version, state.arrival) == true
    }

    /// No error answers what is routed to many, however its frame is addressed. Source: net/ipv4/icmp.c `icmp_send`,
    /// net/ipv6/icmp.c `icmp6_send`, net/ipv4/netfilter/nf_reject_ipv4.c `nf_reject_fill_skb_dst`, Linux 6.18.
    func isForMany(_ packet: Packet) -> Bool {
        packet.destination.isMulticast || packet.version == .v4 && addressType(packet.destination) == .broadcast
    }

    private func isDestinationTranslated(_ state: WalkState) -> Bool {
        if case .entry(let tracked) = state.connection { return tracked.destinationIsTranslated }
        return false
    }

    /// The ICMP error or reset that REJECT sends: made here, RELATED to the packet's connection.
    /// Source: net/ipv4/netfilter/nf_reject_ipv4.c `nf_send_unreach`, `nf_send_reset`; observed on Linux 6.18.
    func rejectAnswer(_ state: WalkState) -> WalkState? {
        guard let with = state.rejectWith else { return nil }
        let packet = state.packet
        let isByDevice = isAnsweredByDevice(state)
        let wayBack = isByDevice ? nil : typeOfWayBack(state)
        switch wayBack {
        case .broadcast, .multicast, .blackhole, .unreachable, .prohibit, .throw: return nil
        case .unicast, .local, .anycast, .nat, nil: break
        }
        if with.icmp != nil, !isByDevice, lacksWayBack(state) { return nil }
        var answer: Packet
        if let icmp = with.icmp, isByDevice {
            guard packet.fragmentOffset == 0, !isUnreachable(packet), hasSumOfErrors(state) else { return nil }
            answer = Packet(
                source: packet.destination, destination: packet.source,
                protocol: packet.version == .v4 ? .icmp : .icmpv6)
            (answer.icmpType, answer.icmpCode) = (icmp.type, icmp.code)
            answer.length = packet.version == .v4 ? 28 + min(536, packet.length) : 48 + min(1220, packet.length)
        } else if let icmp = with.icmp {
            // What is sent from here to no address comes back to the host alone.
            let isForHost = packet.version == .v4 && packet.destination.isZero && state.startedHere
            let type = state.context.hook == .ingress ? frameType(state) : packet.packetType
            // Before routing IPv4 does not know what the packet's destination is.
            let isUnrouted =
                packet.version == .v4 && (state.context.hook == .ingress || state.context.hook == .prerouting)
            guard packet.fragmentOffset == 0, type == .unicast, !isError(packet),
                isForHost || isUnrouted || !isForMany(packet), hasSumOfErrors(state), !lacksICMPType(packet),
                packet.version == .v4 || !isOfMany(state)
            else { return nil }
            let isFromDestination = wayBack == .local || answersFromDestination(state)
            if isFromDestination, isRefusedAsSource(packet.destination) { return nil }
            let source = isFromDestination ? packet.destination : sourceOfError(state)
            answer = Packet(
                source: source, destination: packet.source, protocol: packet.version == .v4 ? .icmp : .icmpv6)
            answer.icmpType = icmp.type
            answer.icmpCode = icmp.code
            // Header of the error, then as much of the packet as fits: 28 or 48 and at least its headers.
            answer.length = min(packet.length + (packet.version == .v4 ? 28 : 48), packet.version == .v4 ? 576 : 1280)
            answer.tos = packet.version == .v4 ? packet.tos & 0x1e | 0xc0 : 0
            // Source: net/ipv4/ip_output.c `__ip_make_skb`, Linux 6.18.
            if packet.source.isMulticast { answer.ttl = 1 }
        } else {
            // No reset answers a reset, nor what is broken or for many.
            guard packet.protocol == .tcp, !packet.tcpFlags.contains(.rst), packet.fragmentOffset == 0,
                hasSumOfErrors(state), isByDevice || !isOfMany(state) && !isForNoHost(packet)
            else { return nil }
            answer = Packet(source: packet.destination, destination: packet.source, protocol: .tcp)
            answer.sourcePort = packet.destinationPort
            answer.destinationPort = packet.sourcePort
            answer.tcpFlags = packet.tcpFlags.contains(.ack) ? .rst : [.rst, .ack]
            answer.length = packet.version == .v4 ? 40 : 60
        }
        if reflectsMarks(of: packet) {
            answer.mark = packet.mark
            answer.unknown.formUnion(packet.unknown.intersection(.mark))
        }
        var start = WalkState(position: .localRouting, packet: answer)
        start.isLocal = true
        start.startedHere = true
        start.setChanges = state.setChanges
        if isByDevice {
            // No answer to what came in a frame to many.
            guard frameType(state) == .unicast || frameType(state) == .otherHost else { return nil }
            start.position = .transmit
            start.route = RoutingStep(interface: state.device, type: .unicast, table: 0)
            return start
        }
        if isAnsweredByFrame(state) {
            start.position = .transmit
            start.route = RoutingStep(interface: state.context.inPort, type: .unicast, table: 0)
            return start
        }
        if with.icmp != nil, let layout = PacketLayout(packet.bytes), !packet.unknown.contains(.length) {
            start.quotesTooLittle = QuotedPacket.isTooShortForNAT(
                packet.protocol, layout, bytes: Int(packet.length))
        }
        if case .untracked = state.connection { start.isLeftByCT = true }
        start.rejected = quotedTuple(state, with)
        if case .entry(var tracked) = state.connection {
            tracked.direction = tracked.direction == .original ? .reply : .original
            tracked.state = .related
            start.connection = .entry(tracked)
        }
        return start
    }

    /// What REJECT's error about a packet quotes of it; `nil` where that is not known.
    private func quotedTuple(_ state: WalkState, _ with: RejectWith) -> ConnectionTuple? {
        let packet = state.packet
        let looked: PacketFields = [.source, .destination, .protocol, .sourcePort, .destinationPort, .icmpType]
        guard with.icmp != nil, packet.unknown.isDisjoint(with: looked), packet.sourcePortChoices == nil,
            packet.destinationPortChoices == nil
        else { return nil }
        if let bytes = packet.currentBytes, !bytes.isEmpty { return QuotedPacket(bytes, packet.version)?.tuple }
        let tuple = ConnectionTuple(packet)
        // What has no answer is of no connection.
        return packet.protocol.isICMP && tuple.inverted.icmpType == tuple.icmpType ? nil : tuple
    }

    /// Whether what the kernel answers a packet with has the packet's mark.
    /// Source: include/net/ip.h `IP4_REPLY_MARK`, include/net/ipv6.h `IP6_REPLY_MARK`, Linux 6.18.
    func reflectsMarks(of packet: Packet) -> Bool {
        let name = packet.version == .v4 ? "net.ipv4.fwmark_reflect" : "net.ipv6.fwmark_reflect"
        return model.sysctl(name).map { $0 != 0 } ?? false
    }

    /// Whether REJECT sends no reset because of an address of the packet, and with IPv6 no error. Source:
    /// net/ipv4/netfilter/nf_reject_ipv4.c `nf_send_reset`, net/ipv6/netfilter/nf_reject_ipv6.c `nf_send_reset6`,
    /// net/ipv6/icmp.c `icmp6_send`, Linux 6.18.
    private func isOfMany(_ state: WalkState) -> Bool {
        let packet = state.packet
        if packet.version == .v6 {
            return packet.destination.isMulticast && !packet.unknown.contains(.destination)
                || (packet.source.isMulticast || packet.source.isZero) && !packet.unknown.contains(.source)
        }
        if state.context.hook == .input, !packet.unknown.contains(.destination) { return isForMany(packet) }
        return state.route?.type == .broadcast || state.route?.type == .multicast
    }

    /// Whether a packet of IPv6 goes to what is no host's address, `::` or `::ffff:0:0/96`, which REJECT answers with errors
    /// alone. Source: net/ipv6/netfilter/nf_reject_ipv6.c `nf_send_reset6`, net/ipv6/addrconf_core.c
    /// `__ipv6_addr_type`, Linux 6.18: it wants both addresses to be unicast.
    private func isForNoHost(_ packet: Packet) -> Bool {
        guard packet.version == .v6, !packet.unknown.contains(.destination) else { return false }
        let address = packet.destination
        return address.isZero || address.high == 0 && address.low >> 32 == 0xffff
    }

    /// Who is sent a reset by REJECT takes the connection for closed, and so does conntrack.
    /// Source: net/netfilter/nf_conntrack_proto_tcp.c `nf_conntrack_tcp_set_closing`, which
    /// net/ipv4/netfilter/nf_reject_ipv4.c `nf_send_reset` asks for, Linux 6.18.
    func closeConnection(_ state: inout WalkState) {
        guard state.rejectWith?.icmp == nil, case .entry(var tracked) = state.connection,
            tracked.entry.tcpState != nil, var reset = rejectAnswer(state)
        else { return }
        // It does if there is a way for the reset.
        reset.position = .localRouting
        let ways = with(request, entries: []).routeLocal(reset)
        guard ways.contains(where: { $0.outcome == nil }) else { return }
        tracked.entry.tcpState = .close
        state.connection = .entry(tracked)
    }

    /// Whether IPv6 sends no error because it has no route back to the sender: before the packet's own is known it asks for
    /// one, and of a bridge, for which it knows no source before it counts how many it sends.
    /// Source: net/ipv6/netfilter/nf_reject_ipv6.c `nf_reject6_fill_skb_dst`, net/ipv6/icmp.c `icmpv6_xrlim_allow`,
    /// Linux 6.18; observed there.
    private func lacksWayBack(_ state: WalkState) -> Bool {
        let isUnrouted = state.context.hook == .prerouting || state.context.hook == .ingress
        guard isUnrouted || state.isBridged, state.packet.version == .v6, !state.packet.unknown.contains(.source) else {
            return false
        }
        var query = RouteQuery(destination: state.packet.source)
        if !isUnrouted, reflectsMarks(of: state.packet) { query.mark = state.packet.mark }
        return findsNoWay(query)
    }

    /// What the route to a packet's sender is to REJECT before the packet's own is known; `nil` where that counts, and for
    /// IPv6. Source: net/ipv4/netfilter/nf_reject_ipv4.c `nf_reject_fill_skb_dst`, net/ipv4/icmp.c `__icmp_send`,
    /// Linux 6.18; observed there.
    private func typeOfWayBack(_ state: WalkState) -> RouteType? {
        guard state.context.hook == .prerouting || state.context.hook == .ingress, state.packet.version == .v4,
            !state.packet.unknown.contains(.source)
        else { return nil }
        if state.packet.source.isMulticast { return .multicast }
        // Whatever route is found: no address is this host itself.
        // Source: net/ipv4/route.c `__mkroute_output`, `ip_route_output_key_hash_rcu`, Linux 6.18.
        if state.packet.source.v4Bits == .max { return .broadcast }
        if state.packet.source.isZero { return .local }
        switch routeLookup(RouteQuery(destination: state.packet.source), .v4) {
        case .found(let decision): return decision.type
        case .none: return .unreachable
        case .several, .unknown: return addressType(state.packet.source)
        }
    }

    /// Whether REJECT's error comes from the address that the packet was sent to: it is this host's own.
    /// Source: net/ipv4/icmp.c `__icmp_send`, net/ipv6/icmp.c `icmp6_send`, Linux 6.18.
    private func answersFromDestination(_ state: WalkState) -> Bool {
        let destination = state.packet.destination
        if state.packet.version == .v6 { return isOwnAddress(destination) || addressType(destination) == .anycast }
        if state.context.hook == .input { return true }
        guard state.isLocal, let interface = state.route?.interface else { return false }
        return model.interface(interface)?.isLoopback == true || names.text(interface) == "lo"
    }

    /// Whether no error comes from `address`: IPv4 has it in no local table, though a route of another takes in what is sent
    /// there. Source: net/ipv4/route.c `ip_route_output_key_hash_rcu`, Linux 6.18; observed there.
    private func isRefusedAsSource(_ address: IPAddress) -> Bool {
        // The route back gives an error about a packet to no address its own.
        guard address.version == .v4, address != .zero(.v4), model.host.knowsAddressesV4, !isOwnAddress(address) else {
            return false
        }
        return addressType(address) == .unicast
    }

    /// The address of the interface that a packet of IPv4 came by, from where errors come if the host is told so.
    /// Source: net/ipv4/icmp.c `__icmp_send`, Linux 6.18; observed there.
    private func inboundAddress(_ state: WalkState) -> IPAddress? {
        guard state.packet.version == .v4, state.context.hook == .forward, !state.isBridged,
            case .known(let arrival) = state.arrival, model.sysctl("net.ipv4.icmp_errors_use_inbound_ifaddr") ?? 0 != 0
        else { return nil }
        return RouteFinder(model, .v4).selectV4Address(arrival, toward: state.packet.source, scope: .link)
    }

    /// The source of an error about a packet for another host. IPv6 takes the one that suits the interface the packet came
    /// by, unless the route back names one; the zero address where the route back decides. What a bridge passes on came by
    /// no interface, nor did what is still at ingress; what a bridge has readdressed counts as come by where it goes.
    /// Source: net/ipv6/icmp.c `icmp6_send`, `icmpv6_rt_has_prefsrc`, net/bridge/br_netfilter_ipv6.c `br_validate_ipv6`,
    /// net/ipv6/ip6_input.c `ip6_rcv_core`, Linux 6.18; observed there.
    private func sourceOfError(_ state: WalkState) -> IPAddress {
        let none = IPAddress.zero(state.packet.version)
        if let own = inboundAddress(state) { return own }
        guard state.packet.version == .v6, !state.isLocal, !state.isBridged, state.context.hook != .ingress,
            case .known(let arrival) = state.arrival
        else { return none }
        if case .found(let decision) = routeLookup(RouteQuery(destination: state.packet.source), .v6),
            decision.route?.source != nil
        {
            return none
        }
        let interface = isReaddressed(state) ? state.routeInterface ?? arrival : arrival
        return RouteFinder(model, .v6).selectV6Address(interface, to: state.packet.source) ?? none
    }

    /// Whether REJECT finds right what it takes for the packet's checksum: that of TCP, UDP and ICMP, and for most other
    /// protocols a sum over all that they carry, whether or not they have one. A packet whose bytes are not known passes.
    ///
    /// Source: include/net/netfilter/nf_reject.h `nf_reject_verify_csum`, net/netfilter/utils.c `nf_ip_checksum`,
    /// `nf_ip6_checksum`; observed on Linux 6.18, where DCCP is no exception any more.
    private func hasSumOfErrors(_ state: WalkState) -> Bool {
        if state.hasVerifiedChecksum { return true }
        let packet = state.packet
        guard let bytes = packet.currentBytes, let layout = PacketLayout(bytes), bytes.count == layout.length,
            !packet.unknown.contains(.payload)
        else { return true }
        if layout.version == .v6, !layout.isComplete || layout.transport.offset >= bytes.count { return false }
        switch layout.transport.kind {
        case .noNextHeader where layout.version == .v6: return false
        case .ah, .esp, .sctp, .udplite, .gre: return true
        case .udp where layout.hasNoChecksum(bytes): return true
        default: break
        }
        // NAT keeps a right checksum right, whatever it chose. A header that is cut off has no ports to know.
        let rewritten: PacketFields = [.source, .destination, .sourcePort, .destinationPort]
        if layout.transport.offset + 8 > bytes.count { return layout.hasRightSum(bytes) }
        if !packet.unknown.isDisjoint(with: rewritten) || packet.sourcePortChoices != nil { return true }
        return layout.hasRightSum(bytes)
    }

    /// Whether a packet of ICMP is over before its type, so that it might be an error.
    /// Source: net/ipv4/icmp.c `__icmp_send`, Linux 6.18; IPv6 finds no right checksum in such a packet.
    private func lacksICMPType(_ packet: Packet) -> Bool {
        guard packet.protocol == .icmp, let layout = PacketLayout(packet.bytes) else { return false }
        return !packet.unknown.contains(.length) && Int(packet.length) <= layout.transport.offset
    }
}
