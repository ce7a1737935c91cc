internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

// Sets of packets by what conntrack knows of them.
extension SetEvaluator {
    func packets(ofConnection match: Match, _ asked: Asked) -> PacketSet {
        if case .arrived = asked.flow.standing { return byState(asked) { packets(ofConnection: match, $0) } }
        guard case .conntrack(let conntrack) = match, case .tracked(let tracked) = asked.flow.standing else {
            // States are the flow's own, and without an entry nothing else is asked: one packet tells of all.
            return askOne(match, asked)
        }
        var result = PacketSet.all
        // What is not about addresses one packet tells of all.
        var rest = conntrack
        rest.originalSource = nil
        rest.originalDestination = nil
        rest.replySource = nil
        rest.replyDestination = nil
        rest.originalSourcePort = nil
        rest.originalDestinationPort = nil
        rest.replySourcePort = nil
        rest.replyDestinationPort = nil
        rest.protocol = nil
        result = ask(.conntrack(rest), asked)
        if result.isEmpty { return .none }
        if let test = conntrack.protocol {
            result = space.and(result, negated(isOf(test.value.number, asked.flow), test.isNegated))
        }
        let flow = asked.flow
        // What answers goes to where the packet now comes from, and comes from where it now goes.
        let addresses: [(Negatable<AddressMask>?, FieldSource, PacketField, String)] = [
            (conntrack.originalSource, tracked.source, .source, "original source"),
            (conntrack.originalDestination, tracked.destination, .destination, "original destination"),
            (conntrack.replySource, flow[.destination], .destination, "reply source"),
            (conntrack.replyDestination, flow[.source], .source, "reply destination"),
        ]
        for (test, source, field, name) in addresses {
            guard let test else { continue }
            guard test.value.address.version == space.version else { return .none }
            let value = space.number(test.value.address)
            let set =
                space.packets(source, of: field, value, mask: space.number(test.value.mask))
                ?? hidden(name, relation: "in", stages.text(test.value))
            result = space.and(result, negated(set, test.isNegated))
        }
        let ports: [(Negatable<PortRange>?, EntryPort, FieldSource, PacketField, String)] = [
            (conntrack.originalSourcePort, .originalSource, tracked.sourcePort, .sourcePort, "original source port"),
            (
                conntrack.originalDestinationPort, .originalDestination, tracked.destinationPort, .destinationPort,
                "original destination port"
            ),
            (conntrack.replySourcePort, .replySource, flow[.destinationPort], .destinationPort, "reply source port"),
            (
                conntrack.replyDestinationPort, .replyDestination, flow[.sourcePort], .sourcePort,
                "reply destination port"
            ),
        ]
        for (test, port, source, field, name) in ports {
            guard let test else { continue }
            let set =
                space.packets(source, of: field, from: UInt128(test.value.first), through: UInt128(test.value.last))
                ?? hidden(name, relation: "in", span(test.value))
            var part = asked
            part.packets = space.and(asked.packets, result)
            result = space.and(result, ofEntryPort(port, test, negated(set, test.isNegated), part))
        }
        return result
    }

    /// One of the ports of an entry's two directions.
    private enum EntryPort {
        case originalSource, originalDestination, replySource, replyDestination

        func match(_ test: Negatable<PortRange>) -> Match {
            var match = ConntrackMatch()
            switch self {
            case .originalSource: match.originalSourcePort = test
            case .originalDestination: match.originalDestinationPort = test
            case .replySource: match.replySourcePort = test
            case .replyDestination: match.replyDestinationPort = test
            }
            return .conntrack(match)
        }
    }

    /// Packets whose entry's `port` is as `test` asks, which `own` says of protocols that conntrack knows by their ports. Of
    /// ICMP the entry has type, code and identifier in their place, of all other protocols nothing.
    private func ofEntryPort(
        _ port: EntryPort, _ test: Negatable<PortRange>, _ own: PacketSet, _ asked: Asked
    ) -> PacketSet {
        let withPorts = space.union(IPProtocol.withPorts.filter { $0.isTrackedByPorts }.map { isOf($0, asked.flow) })
        let icmp = isOf(space.version == .v4 ? .icmp : .icmpv6, asked.flow)
        var regions = [space.complement(space.or(withPorts, icmp))]
        var known = withPorts
        switch port {
        case .originalDestination: known = space.or(withPorts, icmp)
        case .originalSource, .replySource: regions.append(icmp)
        case .replyDestination:
            // The answer's type hangs on the packet's in no way that bits tell.
            let own = Way(packets: space.and(icmp, asked.packets), flow: asked.flow)
            regions += byType(own).flatMap { parts($0, codeCuts(test.value, asked.flow)) }.map { $0.packets }
        }
        var result = space.and(known, own)
        for region in regions {
            var part = asked
            part.packets = space.and(asked.packets, region)
            if !part.packets.isEmpty { result = space.or(result, space.and(region, askOne(port.match(test), part))) }
        }
        return result
    }

    /// Parts of packets of ICMP that have one type each.
    private func byType(_ way: Way) -> [Way] {
        (0...UInt128(UInt8.max)).map { type in
            let own = space.packets(way.flow[.destinationPort], of: .destinationPort, type << 8, mask: 0xff00)
            return Way(packets: space.and(way.packets, own ?? .none), flow: way.flow)
        }.filter { !$0.packets.isEmpty }
    }

    /// What tells apart codes of ICMP that lie in `range` with some type and outside with it.
    private func codeCuts(_ range: PortRange, _ flow: Flow) -> [PacketSet] {
        [range.first & 0xff, (range.last & 0xff) + 1].map { bound in
            let from = (0..<UInt128(bound)).map { code in
                space.packets(flow[.destinationPort], of: .destinationPort, code, mask: 0xff) ?? .none
            }
            return space.union(from)
        }
    }

    /// A new entry has counted the packet that made it, and what others have counted nobody knows.
    func packets(_ match: ConnectionBytesMatch, _ asked: Asked) -> PacketSet {
        if case .arrived = asked.flow.standing { return byState(asked) { packets(match, $0) } }
        guard case .tracked(let tracked) = asked.flow.standing, tracked.state == .new, match.mode != .packets,
            match.direction != .reply, space.free.contains(.length)
        else { return askOne(.connectionBytes(match), asked) }
        // Without counters nothing matches.
        var any = match
        any.range = .is(.all)
        if askOne(.connectionBytes(any), asked).isEmpty { return .none }
        let range = match.range.value
        let own = space.packets(.length, from: UInt128(range.first), through: UInt128(range.last))
        return negated(own, match.isNegated)
    }

    /// Which node a source hashes to no bits tell: the host's own addresses, from which it sends, are asked one by one.
    func packets(_ match: ClusterMatch, _ asked: Asked) -> PacketSet {
        if case .arrived = asked.flow.standing { return byState(asked) { packets(match, $0) } }
        guard case .tracked(let tracked) = asked.flow.standing else { return askOne(.cluster(match), asked) }
        let isNodes = unknown("cluster@\(cite(asked.rule))", "the connection belongs to this node of the cluster")
        let open = negated(isNodes, match.localNodeMask.isNegated)
        // What another connection expected goes where that one goes.
        guard tracked.state != .related, tracked.source == .arriving else { return open }
        var addresses: Set<IPAddress> = []
        for interface in model.host.interfaces {
            for own in interface.addresses where own.address.version == space.version { addresses.insert(own.address) }
        }
        var result: [PacketSet] = []
        var rest = asked.packets
        for address in addresses.sorted() {
            let own = space.packets(.source, space.number(address))
            var part = asked
            part.packets = space.and(rest, own)
            if part.packets.isEmpty { continue }
            rest = space.subtract(rest, own)
            result.append(space.and(part.packets, askOne(.cluster(match), part)))
        }
        return space.or(space.union(result), space.and(rest, open))
    }

    /// The owner of the sending socket, of packets made here.
    func packets(_ match: OwnerMatch, _ asked: Asked) -> PacketSet {
        // What came from the wire has no socket, and no copy has.
        if asked.context.hasInInterface || asked.context.hook == .forward || asked.flow.isWithoutSocket {
            return askOne(.owner(match), asked)
        }
        guard space.free.contains(.user) || space.free.contains(.group),
            !match.includesSupplementaryGroups, asked.context.hook == .output || asked.context.hook == .postrouting
        else { return ask(.owner(match), asked) }
        if let exists = match.socketExists, exists.value == exists.isNegated { return .none }
        var own = PacketSet.all
        for (test, field) in [(match.user, PacketField.user), (match.group, .group)] {
            guard let test else { continue }
            let set = space.packets(field, from: UInt128(test.value.first), through: UInt128(test.value.last))
            own = space.and(own, negated(set, test.isNegated))
        }
        return own
    }
}
