internal import NetTypes
internal import PathModel
internal import RuleModel

/// What a nat step makes of a connection.
struct ConnectionMapping {
    /// The packets of its first direction as they leave the step.
    var tuple: ConnectionTuple
    /// The source ports (of ICMP: the identifiers) of which one is drawn.
    var portChoices: PortRange?
    /// The destination ports of which one is drawn; the tuple has the first.
    var destinationPortChoices: PortRange?
    /// A closed connection that makes room.
    var evicted: ConnectionEntry?
    /// Identity is a mapping, yet not a translation. Source: net/netfilter/nf_nat_core.c `nf_nat_setup_info`.
    var isTranslation: Bool
}

// NAT asks the connection's entry and not the packet, which rules of mangle may have changed since.
// Source: net/netfilter/nf_nat_core.c `get_unique_tuple`, Linux 6.18.
extension Evaluator {
    /// The address of `range` that the kernel takes for a new flow; `nil` where what it depends on is not known.
    func chosen(of range: AddressRange, _ nat: NATTarget, _ end: Manipulation, _ state: WalkState) -> IPAddress? {
        guard state.packet.unknown.isDisjoint(with: [.source, .destination]),
            case .entry(let tracked) = state.connection
        else { return nil }
        let current = tracked.entry.reply.inverted
        // A source that will do as it is stays.
        if end == .source, range.contains(current.source), keepsPort(nat, current),
            !isTaken(tracked.entry.reply, state) || isLeftToConfirmation(current, tracked, state)
        {
            return current.source
        }
        return range.chosen(
            source: current.source, destination: current.destination, replacing: end, isPersistent: nat.isPersistent,
            zone: tracked.entry.fullZone.id)
    }

    /// - Parameter address: `nil` where it stays.
    func mapped(
        _ tracked: TrackedConnection, to address: IPAddress?, _ nat: NATTarget, _ end: Manipulation, _ state: WalkState
    ) -> ConnectionMapping {
        let current = tracked.entry.reply.inverted
        var mapping = ConnectionMapping(tuple: current, isTranslation: false)
        switch end {
        case .source:
            let range = nat.addresses ?? address.map { AddressRange($0, $0) }
            if address != nil, let range, let sister = sister(of: tracked, range, nat, state) {
                (mapping.tuple.source, mapping.tuple.sourcePort) = (sister.source, sister.port)
                mapping.portChoices = sister.portChoices
            } else {
                if let address { mapping.tuple.source = address }
                mapSourcePort(&mapping, nat, tracked, state)
            }
        case .destination:
            if let address { mapping.tuple.destination = address }
            mapDestinationPort(&mapping, nat, tracked, state)
        }
        mapping.isTranslation =
            mapping.tuple != current || mapping.portChoices != nil || mapping.destinationPortChoices != nil
        return mapping
    }

    /// Settles one end of the packet's connection, and changes the packet if it is one of the first direction.
    func take(_ mapping: ConnectionMapping, _ end: Manipulation, _ state: inout WalkState) {
        guard case .entry(var tracked) = state.connection else { return }
        tracked.entry.reply = mapping.tuple.inverted
        switch end {
        case .source:
            tracked.hasSourceMapping = true
            tracked.sourceIsTranslated = mapping.isTranslation
            tracked.entry.translatedPorts = mapping.portChoices
        case .destination:
            tracked.hasDestinationMapping = true
            tracked.destinationIsTranslated = mapping.isTranslation
            tracked.entry.translatedDestinationPorts = mapping.destinationPortChoices
            tracked.entry.hasIdentifierOfDestination =
                mapping.tuple.protocol.isICMP && mapping.tuple.sourcePort != tracked.entry.original.sourcePort
        }
        state.connection = .entry(tracked)
        if var evicted = mapping.evicted {
            evicted.isGone = true
            state.history.entries.append(evicted)
        }
        guard mapping.isTranslation, tracked.direction == .original else { return }
        let hasPorts = state.packet.protocol.isTrackedByPorts
        switch end {
        case .source:
            state.packet.source = mapping.tuple.source
            state.packet.sourcePortChoices = mapping.portChoices
            if hasPorts { state.packet.sourcePort = mapping.tuple.sourcePort }
            if state.packet.protocol.isICMP { state.packet.icmpIdentifier = mapping.tuple.sourcePort }
        case .destination:
            state.packet.destination = mapping.tuple.destination
            if hasPorts { state.packet.destinationPort = mapping.tuple.destinationPort }
            if state.packet.protocol.isICMP { state.packet.icmpIdentifier = mapping.tuple.sourcePort }
            state.packet.destinationPortChoices = mapping.destinationPortChoices
            if mapping.destinationPortChoices != nil { state.packet.unknown.insert(.destinationPort) }
        }
    }

    /// The port that goes with a source: its own where the rule allows it and no other flow has it, else one at random.
    /// Source: net/netfilter/nf_nat_core.c `nf_nat_l4proto_unique_tuple`.
    private func mapSourcePort(
        _ mapping: inout ConnectionMapping, _ nat: NATTarget, _ tracked: TrackedConnection, _ state: WalkState
    ) {
        let isICMP = mapping.tuple.protocol.isICMP
        let port = mapping.tuple.sourcePort
        if keepsPort(nat, mapping.tuple),
            nat.ports?.isSingle == true || !isTaken(mapping.tuple.inverted, state)
                || isLeftToConfirmation(mapping.tuple, tracked, state)
        {
            return
        }
        guard isICMP || mapping.tuple.protocol.isTrackedByPorts else { return }
        guard let own = nat.ports, own.isSingle else {
            let choices = nat.ports ?? (isICMP ? PortRange(0, 65535) : portClass(of: port))
            let free = freePorts(choices, mapping.tuple, state)
            if let free, free.count == 1 { mapping.tuple.sourcePort = free[0] } else { mapping.portChoices = choices }
            return
        }
        mapping.tuple.sourcePort = own.first
        mapping.evicted = evictable(by: tracked, mapping.tuple.inverted, state)
    }

    /// Whether a flow that is another one's answers keeps its port although those are taken: neither is translated, and
    /// what comes of it is decided when it enters the table. Source: net/netfilter/nf_nat_core.c
    /// `nf_nat_used_tuple_new`, Linux 6.18; observed there.
    private func isLeftToConfirmation(
        _ tuple: ConnectionTuple, _ tracked: TrackedConnection, _ state: WalkState
    ) -> Bool {
        guard mayClash(tuple.protocol), tuple == tracked.entry.original, !tracked.sourceIsTranslated,
            !tracked.destinationIsTranslated,
            let other = remaining(state).find(tuple.inverted, zone: tracked.entry.fullZone)
        else { return false }
        return other.direction == .original && other.entry.original == tuple.inverted && other.entry.reply == tuple
    }

    /// The port that goes with a destination: its own where it is among the rule's, else the first of those that is free.
    /// Source: net/netfilter/nf_nat_core.c `nf_nat_l4proto_unique_tuple`; observed on Linux 6.18.
    private func mapDestinationPort(
        _ mapping: inout ConnectionMapping, _ nat: NATTarget, _ tracked: TrackedConnection, _ state: WalkState
    ) {
        if mapping.tuple.protocol.isICMP { return mapIdentifier(&mapping, state) }
        guard let ports = nat.ports, mapping.tuple.protocol.isTrackedByPorts else { return }
        let own = mapping.tuple.destinationPort
        let isRandom = nat.isRandom || nat.isFullyRandom
        let mayStay = nat.basePort == nil && !isRandom && ports.contains(own)
        if mayStay, ports.isSingle || !isTaken(mapping.tuple.inverted, state) { return }
        if nat.basePort == nil, isRandom, !ports.isSingle {
            mapping.tuple.destinationPort = ports.first
            mapping.destinationPortChoices = ports
            return
        }
        let width = UInt32(ports.last) - UInt32(ports.first) + 1
        let start = nat.basePort.map { UInt32(own &- $0) } ?? 0
        for attempt in 0..<min(width, 128) {
            mapping.tuple.destinationPort = ports.first + UInt16((start + attempt) % width)
            let reply = mapping.tuple.inverted
            if !isTaken(reply, state) { return }
            mapping.evicted = evictable(by: tracked, reply, state)
            if mapping.evicted != nil { return }
        }
    }

    /// ICMP has one identifier for both ends: where a new destination's answers are another flow's, the first that is free
    /// from 0 on takes its place. Source: net/netfilter/nf_nat_core.c `nf_nat_l4proto_unique_tuple`; observed on Linux 6.18.
    private func mapIdentifier(_ mapping: inout ConnectionMapping, _ state: WalkState) {
        if !isTaken(mapping.tuple.inverted, state) { return }
        for identifier in UInt16(0)..<128 {
            mapping.tuple.sourcePort = identifier
            if !isTaken(mapping.tuple.inverted, state) { return }
        }
    }

    /// The source ports of `range` whose answers would be no other flow's, where all are tried and none may be taken from a
    /// connection that is over. Source: net/netfilter/nf_nat_core.c `nf_nat_l4proto_unique_tuple`, Linux 6.18, which
    /// tries 128 of them.
    private func freePorts(_ range: PortRange, _ tuple: ConnectionTuple, _ state: WalkState) -> [UInt16]? {
        guard range.last - range.first < 128, tuple.protocol.isTrackedByPorts,
            case .entry(let tracked) = state.connection
        else { return nil }
        let table = remaining(state)
        let zone = tracked.entry.fullZone
        var free: [UInt16] = []
        for port in range.first...range.last {
            var tuple = tuple
            tuple.sourcePort = port
            let reply = tuple.inverted
            if evictable(by: tracked, reply, state) != nil || !table.mayAnswer(reply, zone: zone).isEmpty { return nil }
            if !table.isTaken(reply, zone: zone) { free.append(port) }
        }
        return free
    }

    /// Whether none of the ports that NAT drew from was free.
    func hasNoFreePort(_ tracked: TrackedConnection, _ state: WalkState) -> Bool {
        guard let range = tracked.entry.translatedPorts else { return false }
        return freePorts(range, tracked.entry.reply.inverted, state)?.isEmpty == true
    }

    /// Whether the rule lets the source port be as it is.
    private func keepsPort(_ nat: NATTarget, _ tuple: ConnectionTuple) -> Bool {
        if nat.isRandom || nat.isFullyRandom { return false }
        guard let ports = nat.ports, tuple.protocol.isTrackedByPorts else { return true }
        return ports.contains(tuple.sourcePort)
    }

    /// Ports that NAT chooses from for a source port without a range of its own.
    /// Source: net/netfilter/nf_nat_core.c `nf_nat_l4proto_unique_tuple`, Linux 6.1.
    private func portClass(of port: UInt16) -> PortRange {
        if port < 512 { return PortRange(1, 511) }
        if port < 1024 { return PortRange(600, 1023) }
        return PortRange(1024, 65535)
    }

    /// Whether answers with this tuple would be another flow's.
    func isTaken(_ reply: ConnectionTuple, _ state: WalkState) -> Bool {
        guard case .entry(let tracked) = state.connection else { return false }
        return remaining(state).isTaken(reply, zone: tracked.entry.fullZone)
    }

    /// The connections but for those that this packet has put an end to.
    func remaining(_ state: WalkState) -> ConnectionIndex {
        guard state.history.entries.contains(where: { $0.isGone }) else { return connections }
        var remaining = connections
        for entry in state.history.entries where entry.isGone { remaining.update(entry) }
        return remaining
    }

    /// The closed TCP connection that holds `reply` and makes room for one whose numbers are ahead of its.
    /// Source: net/netfilter/nf_nat_core.c `nf_nat_used_tuple_harder`; observed on Linux 6.18.
    private func evictable(
        by tracked: TrackedConnection, _ reply: ConnectionTuple, _ state: WalkState
    ) -> ConnectionEntry? {
        guard reply.protocol == .tcp, let found = remaining(state).find(reply, zone: tracked.entry.fullZone),
            found.direction == .reply, isSourceTranslated(found.entry)
        else { return nil }
        switch found.entry.tcpState {
        case .timeWait, .close, .synSent2: break
        case .synSent, .synReceived, .established, .finWait, .closeWait, .lastAck, nil: return nil
        }
        guard let old = found.entry.tcp?.original.end, let new = tracked.entry.tcp?.original.end,
            Int32(bitPattern: new &- old) > 0
        else { return nil }
        return found.entry
    }

    private func isSourceTranslated(_ entry: ConnectionEntry) -> Bool {
        entry.reply.destination != entry.original.source || entry.reply.destinationPort != entry.original.sourcePort
            || entry.translatedPorts != nil
    }

    /// What another flow from the same address and port has been mapped to, which a new one shares where its rule allows.
    private func sister(
        of tracked: TrackedConnection, _ range: AddressRange, _ nat: NATTarget, _ state: WalkState
    ) -> (source: IPAddress, port: UInt16, portChoices: PortRange?)? {
        let own = tracked.entry
        let current = own.reply.inverted
        if nat.isRandom || nat.isFullyRandom || range.contains(current.source) && keepsPort(nat, current) { return nil }
        for entry in remaining(state).entries.reversed() {
            guard entry.original.source == current.source, entry.original.protocol == current.protocol,
                entry.original.sourcePort == current.sourcePort,
                entry.fullZone.id(in: .original) == own.fullZone.id(in: .original)
            else { continue }
            let mapped = entry.reply.inverted
            guard range.contains(mapped.source) else { continue }
            if let ports = nat.ports, current.protocol.isTrackedByPorts {
                let choices = entry.translatedPorts ?? PortRange(mapped.sourcePort, mapped.sourcePort)
                guard ports.contains(choices.first), ports.contains(choices.last) else { continue }
            }
            var tuple = current
            (tuple.source, tuple.sourcePort) = (mapped.source, mapped.sourcePort)
            if entry.translatedPorts == nil, isTaken(tuple.inverted, state) { return nil }
            return (mapped.source, mapped.sourcePort, entry.translatedPorts)
        }
        return nil
    }
}
