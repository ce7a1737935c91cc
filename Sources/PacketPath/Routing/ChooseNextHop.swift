internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// One of several ways on before it is a decision.
struct WayOn {
    var route: Route
    var hop: NextHop?
    var weight: UInt32 = 0
    var condition = ""

    func decided(_ rule: RoutingRule, _ table: UInt32) -> RouteChoice {
        let decision = RouteDecision(route: route, rule: rule, nextHop: hop, type: route.type, table: table)
        return RouteChoice(decision: decision, weight: weight, condition: condition)
    }
}

// Which of several next hops is taken where no hash alone decides.
extension RouteFinder {
    /// Of routers that announced themselves (`route` and those of `indexes` beside it) the first that answers is taken, the
    /// preferred first; a host that forwards takes all to answer. `nil` for another kind of route.
    /// Source: net/ipv6/route.c `rt6_score_route`, `rt6_check_neigh`, include/net/ip6_route.h `rt6_qualify_for_ecmp`,
    /// Linux 6.18; observed there.
    func announced(
        _ route: Route, _ hop: NextHop?, among indexes: ArraySlice<Int>, _ query: RouteQuery
    ) -> [WayOn]? {
        guard route.isAnnounced, hop?.gateway != nil else { return nil }
        var ways = [WayOn(route: route, hop: hop)]
        for index in indexes {
            let other = tables.routes[index]
            guard other.metric == route.metric, other.from == route.from, other.type == route.type, other.isAnnounced,
                let own = other.nextHops.first, own.gateway != nil, isUsable(own, other, query)
            else { continue }
            ways.append(WayOn(route: other, hop: own))
        }
        if ways.count == 1 || model.commonSetting(.v6, "forwarding") == 1 { return [ways[0]] }
        if model.host.knowsNeighbours { return [ways.first { !isSilent($0.hop) } ?? ways[0]] }
        for index in ways.indices {
            ways[index].condition =
                "the kernel takes the first router that answers, the preferred ones first: this one"
        }
        return ways
    }

    /// Whether a router is known not to answer.
    func isSilent(_ hop: NextHop?) -> Bool {
        model.host.neighbours.contains {
            $0.isUnreachable && $0.address == hop?.gateway && $0.interface == hop?.interface
        }
    }

    /// Of several next hops of IPv4 that by which the host would choose the source that the packet has already, since Linux
    /// 6.16; `nil` where there is none, and for what comes from the wire.
    /// Source: net/ipv4/fib_semantics.c `fib_select_multipath`, Linux 6.18; observed there.
    func bySource(_ route: Route, _ hops: [NextHop], _ query: RouteQuery) -> [WayOn]? {
        guard version == .v4, hops.count > 1, query.inInterface == nil, query.outInterface == nil,
            query.preferredInterface == nil, !route.isByNextHopObject, let source = query.source
        else { return nil }
        if model.isKernelBefore(6, 16) { return nil }
        let own = hops.filter {
            selectV4Address($0.interface, toward: $0.gateway, scope: route.scope) == source
        }
        if own.isEmpty { return nil }
        if model.kernelVersion != nil {
            return own.map { hop in
                WayOn(
                    route: route, hop: hop, weight: own.count > 1 ? max(1, hop.weight) : 0,
                    condition: own.count > 1 ? "the flow's hash picks this next hop" : "")
            }
        }
        return hops.map { hop in
            let isOwn = own.contains(hop)
            return WayOn(
                route: route, hop: hop,
                condition: isOwn
                    ? "the packet's source leads here (since Linux 6.16), or the flow's hash picks this next hop"
                    : "the kernel is older than 6.16, and the flow's hash picks this next hop")
        }
    }
}
