internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// Realms of routes. Observed on Linux 6.18: the tag of a forwarded packet has its route's realms, and where these lack
// one, those of the `ip rule` and then the source's.
extension Evaluator {
    /// Source: net/netfilter/xt_realm.c, which looks at `dst->tclassid`.
    func testRealm(_ test: Negatable<MaskedWord>, _ state: WalkState) -> Answer {
        if let tag = routeTag(state) { return Answer(test.value.matches(tag) != test.isNegated) }
        return .negate(
            .perhaps(
                Unknown(
                    "realm@\(masked(test.value))", whenYes: "the route has realm \(masked(test.value))",
                    whenNo: "the route does not have realm \(masked(test.value))")), if: test.isNegated)
    }

    /// `dst->tclassid` of the packet's route; `nil` where the input does not tell. Routes of IPv6 have none.
    func routeTag(_ state: WalkState) -> UInt32? {
        guard state.packet.version == .v4 else { return 0 }
        let tables = model.routesV4
        guard tables.knowledge != .none else { return nil }
        let hasRealms =
            tables.routes.contains { $0.nextHops.contains { $0.realm != 0 } } || tables.rules.contains { $0.realm != 0 }
        if tables.knowledge == .allTables, !hasRealms { return 0 }
        var tag: UInt32 = 0
        // The route of a packet for this host has the source's realm alone: net/ipv4/route.c `ip_route_input_slow`.
        if state.context.hook != .input || state.isLoopedBack {
            guard let step = state.route, step.isKnown, let own = ownTag(step) else { return nil }
            tag = own
        }
        if state.isLocal || state.isLoopedBack { return tag }
        guard let source = sourceTag(state) else { return nil }
        return tagged(tag, with: source)
    }

    /// Source: net/ipv4/route.c `rt_set_nexthop`.
    private func ownTag(_ step: RoutingStep) -> UInt32? {
        let hops = step.route?.nextHops ?? []
        let hop = hops.first { $0.interface == step.interface && $0.gateway == step.nextHop } ?? hops.first
        guard let own = hop.map({ $0.realm }) ?? 0, let ofRule = step.rule.map({ $0.realm }) ?? 0 else { return nil }
        return tagged(own, with: ofRule)
    }

    /// Each half that is 0 is taken from `other`. Source: net/ipv4/route.c `set_class_tag`.
    private func tagged(_ tag: UInt32, with other: UInt32) -> UInt32 {
        (tag & 0xffff == 0 ? other & 0xffff : tag & 0xffff)
            | (tag & 0xffff_0000 == 0 ? other & 0xffff_0000 : tag & 0xffff_0000)
    }

    /// The realm that the route back to the source leads to, in the upper half. Source: net/ipv4/fib_frontend.c
    /// `__fib_validate_source`, include/net/ip_fib.h `fib_combine_itag`.
    private func sourceTag(_ state: WalkState) -> UInt32? {
        guard case .known(let interface) = state.arrival, !state.packet.unknown.contains(.source) else { return nil }
        switch routeBack(state, interface) {
        case .none: return 0
        case .unknown: return nil
        case .found(let decision): return sourceTag(of: decision)
        case .several(let choices):
            let tags = choices.map { $0.decision.map(sourceTag) ?? 0 }
            return tags.allSatisfy { $0 == tags.first } ? tags.first ?? nil : nil
        }
    }

    private func sourceTag(of decision: RouteDecision) -> UInt32? {
        let hops = decision.route?.nextHops ?? []
        guard let ofRoute = hops.first.map({ $0.realm }) ?? 0, let ofRule = decision.rule.realm else { return nil }
        return (ofRoute << 16 != 0 ? ofRoute << 16 : ofRule << 16) | ofRule >> 16
    }
}
