internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// One way that a packet may take, from where it starts to where it ends.
struct TracedWay {
    var steps: [Step]
    var outcome: Outcome
    var reason: Reason?
    var decidedBy: Int?
    var senderView: SenderView?
    /// Whether the answer to something that is not known decides that it is this way.
    var isAssumed: Bool
    var last: PacketView?
    var outInterface: Symbol?

    /// The step that decided.
    var decider: Step? {
        guard let index = decidedBy, index < steps.count else { return nil }
        return steps[index]
    }

    /// The rule that decided.
    var rule: RuleReference? {
        if case .rule(let step)? = decider?.kind { return step.rule }
        return nil
    }

    /// The chain whose policy decided.
    var policy: ChainID? {
        if case .policy(let chain, _)? = decider?.kind { return chain }
        return nil
    }

    var isLost: Bool {
        switch outcome {
        case .dropped, .rejected, .filtered, .unroutable: true
        case .forwarded, .sent, .delivered, .queued, .undecided: false
        }
    }

    /// Rules that were met, in order.
    var rules: [RuleStep] {
        steps.compactMap { step in
            if case .rule(let rule) = step.kind, !rule.isBroken { return rule }
            return nil
        }
    }

    /// How the source was translated, and the rule that asked for it.
    var sourceTranslation: (step: TranslationStep, rule: RuleReference?)? {
        var last: RuleReference?
        for step in steps {
            switch step.kind {
            case .rule(let rule): last = rule.rule
            case .translation(let translation):
                switch translation.kind {
                case .snat, .masquerade:
                    if translation.source != nil { return (translation, translation.isFromEntry ? nil : last) }
                case .netmap, .dnat, .redirect, .clash: break
                }
            default: break
            }
        }
        return nil
    }

    /// Where the destination was translated to.
    var destination: IPAddress? {
        for step in steps {
            if case .translation(let translation) = step.kind, let address = translation.destination { return address }
        }
        return nil
    }
}

extension Trace {
    /// Every way that is followed to its end.
    var ways: [TracedWay] { ways(after: [], isAssumed: false) }

    private func ways(after steps: [Step], isAssumed: Bool) -> [TracedWay] {
        let all = steps + self.steps
        guard branches.isEmpty else {
            return branches.flatMap { branch in
                branch.trace.ways(after: all, isAssumed: isAssumed || branch.assumptions.contains { !$0.isGiven })
            }
        }
        return [
            TracedWay(
                steps: all, outcome: outcome, reason: reason, decidedBy: decidedBy, senderView: senderView,
                isAssumed: isAssumed, last: last, outInterface: outInterface)
        ]
    }
}

/// A packet that was followed: its ways, and what shows them.
struct FollowedPacket {
    var ways: [TracedWay]
    /// As `hookline trace` takes it.
    var options: String

    /// The first way, where all end the same way: by the same rule or policy, or for the same reason.
    var agreed: TracedWay? {
        guard let first = ways.first else { return nil }
        for way in ways.dropFirst() {
            guard way.outcome == first.outcome, way.reason == first.reason, way.rule == first.rule,
                way.policy == first.policy
            else { return nil }
        }
        return first
    }
}

extension Patient {
    func follow(_ packet: PacketDescription) -> FollowedPacket? {
        trace(packet).map { FollowedPacket(ways: $0.trace.ways, options: $0.options) }
    }

    /// A packet from the wire, or one that this host makes (`interface` is `nil`).
    func packet(
        in interface: String?, from source: PacketEnd, to destination: PacketEnd, _ transport: IPProtocol = .tcp,
        port: UInt16? = 80
    ) -> PacketDescription {
        var packet = PacketDescription()
        packet.arrival = interface.map { .interface($0) } ?? .host
        packet.source = source
        packet.destination = destination
        packet.protocol = transport
        if transport.hasPorts {
            packet.sourcePort = 40000
            packet.destinationPort = port
        }
        return packet
    }

    /// Interfaces that a default route leads out by, the first first.
    var uplinks: [NetworkInterface] {
        var found: [NetworkInterface] = []
        for route in host.routes where route.destination.length == 0 && route.type == .unicast {
            for hop in route.nextHops {
                guard let name = hop.interface, let interface = host.interface(name), !interface.isLoopback,
                    !found.contains(where: { $0.name == interface.name })
                else { continue }
                found.append(interface)
            }
        }
        return found
    }

    /// The first address of an interface that others may send to.
    func address(of interface: NetworkInterface, _ version: IPVersion = .v4) -> IPAddress? {
        interface.addresses.first { $0.address.version == version && !$0.address.isLinkLocal }?.address
    }

    /// Whether the host itself has `address`.
    func isOwn(_ address: IPAddress) -> Bool { owner(of: address) != nil }

    /// `eth0`, the interface that leads to `address` by the main table.
    func interface(to address: IPAddress) -> NetworkInterface? {
        mainRoute(to: address, on: model)?.interface.flatMap { host.interface($0) }
    }
}

/// An address within `prefix` that is neither its first nor its last: the ninth, or the second of a small one.
func sampleAddress(_ prefix: IPPrefix) -> IPAddress {
    let free = prefix.address.version.addressBits - Int(prefix.length)
    if free == 0 { return prefix.address }
    let offset: UInt64 = free >= 4 ? 9 : 1
    return IPAddress(prefix.address.version, high: prefix.address.high, low: prefix.address.low &+ offset)
}
