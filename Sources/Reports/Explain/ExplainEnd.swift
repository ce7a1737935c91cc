internal import Annotations
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

extension Explainer {
    /// What the other end sees of a packet that got through, and what may stop it behind the rules.
    func explainEnd() -> [Explanation] {
        guard way.trace.outcome.isThrough, let last = way.lastOwn else { return [] }
        var told: [Explanation] = []
        let first = way.ownPacket
        if !isReply, !first.isICMPError, last.source != first.source, !first.source.isZero,
            !last.unknown.contains(.source)
        {
            let policy = way.tunnel == nil ? "" : ", and so do policies on the node at the tunnel's other end"
            told.append(
                Explanation(
                    text: "the receiver sees \(addressName(last.source)) as the client, not \(first.source)\(policy)"))
        }
        return told + beyondTheRules(last)
    }

    /// Whether the packet answers one that came before.
    var isReply: Bool {
        way.steps.contains { step in
            if case .conntrack(_, .reply, _) = step.kind { return step.layer == 0 }
            return false
        }
    }

    /// Lines of the snapshot that speak against the packet's arrival although every rule let it through.
    private func beyondTheRules(_ packet: Packet) -> [Explanation] {
        var told: [Explanation] = []
        let host = quotes.model.host
        for name in [way.tunnel, way.trace.outInterface].compactMap({ $0 }) {
            guard let interface = host.interface(name) else { continue }
            if !interface.isUp || !interface.hasCarrier {
                told.append(
                    evidence("\(quotes.name(name)) \(interface.isUp ? "has no carrier" : "is down")", interface.place))
            }
        }
        if let hop = way.trace.nextHop ?? way.trace.last?.packet.destination, let interface = way.trace.outInterface,
            let neighbour = host.neighbours.first(where: { $0.address == hop && $0.interface == interface }),
            neighbour.isUnreachable
        {
            told.append(evidence("\(hop) does not answer on \(quotes.name(interface))", neighbour.place))
        }
        return told
    }

    private func evidence(_ what: String, _ place: Place) -> Explanation {
        let line = quotes.text(place).map { ": \(withoutTabs($0))" } ?? ""
        let location = quotes.location(place).map { " (\($0)\(line))" } ?? ""
        return Explanation(text: "the rules let it through, but \(what)\(location)")
    }
}

extension Packet {
    /// Whether it tells of what became of another packet.
    var isICMPError: Bool {
        switch `protocol` {
        case .icmp: [3, 4, 5, 11, 12].contains(icmpType)
        case .icmpv6: icmpType < 128
        default: false
        }
    }
}
