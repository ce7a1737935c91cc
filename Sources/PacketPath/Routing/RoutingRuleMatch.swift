package import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Whether an `ip rule` applies.
enum RuleAnswer: Hashable, Sendable {
    case no
    case yes
    /// A sentence without a final stop that says what is not known.
    case perhaps(String)
}

extension RouteFinder {
    /// Whether `rule` applies. Every part must hold; `not` turns the whole round.
    /// Source: net/core/fib_rules.c `fib_rule_match`, net/ipv4/fib_rules.c `fib4_rule_match`.
    func match(_ rule: RoutingRule, _ query: RouteQuery) -> RuleAnswer {
        let answer = matchParts(rule, query)
        guard rule.isNegated else { return answer }
        switch answer {
        case .no: return .yes
        case .yes: return .no
        case .perhaps: return answer
        }
    }

    /// Whether a packet of type of service `tos` meets a rule's or a route's: IPv4 looks at bits 0x1c alone, IPv6 at the
    /// whole DSCP. Observed on Linux 6.18.
    func takes(_ wanted: UInt8, _ tos: UInt8) -> Bool { wanted & 0xfc == tos & version.routingTOSMask }

    private func matchParts(_ rule: RoutingRule, _ query: RouteQuery) -> RuleAnswer {
        var doubt: String?
        /// Takes in one part; `false` where the rule can't apply any more.
        func holds(_ isTrue: Bool, _ field: PacketFields, _ name: String) -> Bool {
            if query.unknown.isDisjoint(with: field) { return isTrue }
            if doubt == nil { doubt = "the rule of priority \(rule.priority) asks for the \(name), which is not known" }
            return true
        }
        if let interface = rule.inInterface {
            // A packet made here counts as come in by lo.
            let own = query.inInterface.map { $0 == interface } ?? isLoopback(interface)
            if !holds(own, .inInterface, "incoming interface") { return .no }
        }
        if let interface = rule.outInterface, query.outInterface != interface { return .no }
        if let mark = rule.mark, !holds((query.mark ^ mark.value) & mark.mask == 0, .mark, "mark") { return .no }
        if let users = rule.users {
            if let user = query.userID {
                if !users.contains(user) { return .no }
            } else if !users.isAll {
                doubt = doubt ?? "the rule of priority \(rule.priority) asks for the sending user, who is not known"
            }
        }
        // Without a source yet, `from` holds only of the prefix that has address 0 (IPv4) or none (IPv6).
        if let from = rule.from, from.length > 0 {
            let source = query.source ?? .zero(version)
            if version == .v6, query.source == nil { return .no }
            if !holds(from.contains(source), .source, "source") { return .no }
        }
        if let to = rule.to, !holds(to.contains(query.destination), .destination, "destination") { return .no }
        if rule.tos != 0, !holds(takes(rule.tos, query.tos), .dscp, "type of service") { return .no }
        if let wanted = rule.protocol, wanted.rawValue != 0,
            !holds(wanted == query.protocol, .protocol, "protocol")
        {
            return .no
        }
        if let ports = rule.sourcePorts, !holds(ports.contains(query.sourcePort), .sourcePort, "source port") {
            return .no
        }
        if let ports = rule.destinationPorts,
            !holds(ports.contains(query.destinationPort), .destinationPort, "destination port")
        {
            return .no
        }
        if rule.unknownPart != .empty, doubt == nil {
            doubt =
                "the rule of priority \(rule.priority) has '\(names.text(rule.unknownPart))', which is not understood"
        }
        if let doubt { return .perhaps(doubt) }
        return .yes
    }

    private func isLoopback(_ interface: Symbol) -> Bool {
        if let known = model.interface(interface) { return known.isLoopback }
        return names.text(interface).utf8.elementsEqual("lo".utf8)
    }
}

extension IPVersion {
    /// The bits of a packet's type of service that rules and routes look at. Observed on Linux 6.18.
    package var routingTOSMask: UInt8 { self == .v4 ? 0x1c : 0xfc }
}
