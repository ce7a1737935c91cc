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
                ?? hidden(name, relation: "in", "\(test.value)")
            result = space.and(result, negated(set, test.isNegated))
        }
        let ports: [(Negatable<PortRange>?, FieldSource, PacketField, String)] = [
            (conntrack.originalSourcePort, tracked.sourcePort, .sourcePort, "original source port"),
            (conntrack.originalDestinationPort, tracked.destinationPort, .destinationPort, "original destination port"),
            (conntrack.replySourcePort, flow[.destinationPort], .destinationPort, "reply source port"),
            (conntrack.replyDestinationPort, flow[.sourcePort], .sourcePort, "reply destination port"),
        ]
        for (test, source, field, name) in ports {
            guard let test else { continue }
            let first = UInt128(test.value.first)
            let set =
                space.packets(source, of: field, from: first, through: UInt128(test.value.last))
                ?? hidden(name, relation: "in", span(test.value))
            result = space.and(result, negated(set, test.isNegated))
        }
        return result
    }

    /// The owner of the sending socket, of packets made here.
    func packets(_ match: OwnerMatch, _ asked: Asked) -> PacketSet {
        // What came from the wire has no socket.
        if asked.context.hasInInterface || asked.context.hook == .forward { return askOne(.owner(match), asked) }
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
