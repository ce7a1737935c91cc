internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Looks routes up as the kernel does: rules by priority, and in each table the longest prefix with a usable way on.
///
/// Source: net/core/fib_rules.c `fib_rules_lookup`, net/ipv4/fib_trie.c `fib_table_lookup`, net/ipv6/route.c
/// `find_rr_leaf`.
struct RouteFinder {
    let model: HostModel
    let version: IPVersion
    let tables: RoutingTables

    init(_ model: HostModel, _ version: IPVersion) {
        self.model = model
        self.version = version
        tables = model.routes(version)
    }

    var names: NameTable { _read { yield model.names } }

    func lookup(_ query: RouteQuery) -> RouteResult {
        var choices: [RouteChoice] = []
        var conditions: [String] = []
        var index = 0
        search: while index < tables.rules.count {
            let rule = tables.rules[index]
            index += 1
            let match = match(rule, query)
            if case .no = match { continue }
            var found: [RouteChoice]
            switch perform(rule, query) {
            case .next: continue
            case .jump(let priority):
                guard let target = tables.rules.firstIndex(where: { $0.priority == priority }), target >= index else {
                    continue
                }
                if case .perhaps(let why) = match { return .unknown(why) }
                index = target
                continue
            case .unknown(let why): return .unknown(why)
            case .routes(let list): found = list
            }
            guard case .perhaps(let why) = match else {
                if choices.isEmpty, conditions.isEmpty, found.count == 1 { return result(found) }
                add(found, conditions, &choices)
                return result(choices)
            }
            add(found, conditions + ["\(why), and it applies"], &choices)
            conditions.append("\(why), and it does not apply")
        }
        if let known = followsFromAddress(query) {
            add([RouteChoice(decision: known, weight: 0, condition: "")], conditions, &choices)
            return result(choices)
        }
        if tables.knowledge == .none { return .unknown("the input has no routes of IPv\(version.rawValue)") }
        if choices.isEmpty { return .none }
        add([RouteChoice(decision: nil, weight: 0, condition: "")], conditions, &choices)
        return result(choices)
    }

    /// Adds `found` with the conditions that led there, leaving out what goes on like a choice that is there already.
    private func add(_ found: [RouteChoice], _ conditions: [String], _ choices: inout [RouteChoice]) {
        for var choice in found {
            if choice.weight == 0, choices.contains(where: { leadsLike($0.decision, choice.decision) }) { continue }
            if let last = conditions.last { choice.condition = last }
            choices.append(choice)
        }
    }

    private func leadsLike(_ a: RouteDecision?, _ b: RouteDecision?) -> Bool {
        guard let a, let b else { return a == nil && b == nil }
        return a.leadsLike(b)
    }

    private func result(_ choices: [RouteChoice]) -> RouteResult {
        guard let first = choices.first else { return .none }
        if choices.count > 1 { return .several(choices) }
        guard let decision = first.decision else { return .none }
        return .found(decision)
    }

    // MARK: What a rule does

    private enum RuleResult {
        /// The next rule is asked.
        case next
        case jump(priority: UInt32)
        case routes([RouteChoice])
        case unknown(String)
    }

    private func perform(_ rule: RoutingRule, _ query: RouteQuery) -> RuleResult {
        func decide(_ type: RouteType) -> RuleResult {
            let decision = RouteDecision(route: nil, rule: rule, nextHop: nil, type: type, table: 0)
            return .routes([RouteChoice(decision: decision, weight: 0, condition: "")])
        }
        switch rule.action {
        case .nop: return .next
        case .goto(let priority): return .jump(priority: priority)
        case .blackhole: return decide(.blackhole)
        case .unreachable: return decide(.unreachable)
        case .prohibit: return decide(.prohibit)
        case .vrf:
            // Either interface is a VRF or a port of one. Source: net/l3mdev/l3mdev.c `l3mdev_update_flow`,
            // `l3mdev_fib_rule_match`, Linux 6.18.
            let interfaces = [query.outInterface, query.inInterface].compactMap { $0 }
            guard let vrf = interfaces.compactMap({ model.vrf(of: $0) }).first else { return .next }
            let name = names.text(vrf.name)
            guard let table = vrf.vrfTable else {
                return .unknown("the input does not tell which table belongs to the VRF \(name) (`ip -d link`)")
            }
            var own = query
            if own.outInterface == vrf.name { own.outInterface = nil }
            let found = look(up: own, in: table, rule)
            if isKnown(table) { return found }
            // Addresses tell what is the host's own.
            if case .routes = found { return found }
            return .unknown("the input does not have routing table \(table), which is the VRF \(name)'s")
        case .lookup(let table):
            if !isKnown(table) {
                return .unknown("the input does not have routing table \(table), which an 'ip rule' leads to")
            }
            return look(up: query, in: table, rule)
        }
    }

    /// Whether the input tells what is in `table`. The default table (253) is taken as empty: nothing fills it unasked.
    private func isKnown(_ table: UInt32) -> Bool {
        if tables.givenTables.contains(table) || tables.knowledge == .allTables { return true }
        switch table {
        case RoutingRule.localTable, RoutingRule.mainTable, RoutingRule.defaultTable: return true
        default: return false
        }
    }

    // MARK: One table

    private func look(up query: RouteQuery, in number: UInt32, _ rule: RoutingRule) -> RuleResult {
        guard let table = tables.tables[number] else { return .next }
        for level in table.levels {
            let prefix = IPPrefix(query.destination, length: level.length)
            guard let indexes = level.routes[prefix.address], let sourceLength = longestSource(indexes, query) else {
                continue
            }
            let order = inOrder(indexes, query)
            for position in indexes.indices {
                let place = order?[position] ?? position
                let route = tables.routes[indexes[place]]
                if route.tos != 0, !takes(route.tos, query.tos) { continue }
                if version == .v6, (route.from?.length ?? 0) != sourceLength { continue }
                if let from = route.from, !from.contains(query.source ?? .zero(version)) { continue }
                switch route.type {
                case .throw: return .next
                case .blackhole, .unreachable, .prohibit:
                    let decision = RouteDecision(
                        route: route, rule: rule, nextHop: nil, type: route.type, table: number)
                    return .routes([RouteChoice(decision: decision, weight: 0, condition: "")])
                case .unicast where isRefusedByLoopback(route):
                    let decision = RouteDecision(
                        route: route, rule: rule, nextHop: nil, type: .unreachable, table: number)
                    return .routes([RouteChoice(decision: decision, weight: 0, condition: "")])
                case .unicast, .local, .broadcast, .anycast, .multicast, .nat: break
                }
                var ways = waysOn(route, query).map { (route, $0) }
                guard !ways.isEmpty else { continue }
                // A route that is too short counts as none, and no other route of this table is tried.
                if let limit = rule.suppressedPrefixLength, route.destination.length <= limit { return .next }
                if let group = rule.suppressedGroup, let device = ways[0].1?.interface.flatMap({ model.interface($0) })
                {
                    if device.hasUnknownGroup {
                        return .unknown("the rule of priority \(rule.priority) asks for an interface's group")
                    }
                    if device.group == group { return .next }
                }
                if version == .v6, query.preferredInterface == nil {
                    let others = indexes[(place + 1)...]
                    if let choices = announced(route, ways[0].1, among: others, query) {
                        return .routes(choices.map { $0.decided(rule, number) })
                    }
                    ways += siblings(of: route, among: others, query)
                }
                if let choices = bySource(route, ways.compactMap { $0.1 }, query) {
                    return .routes(choices.map { $0.decided(rule, number) })
                }
                // A demanded interface leaves no choice: net/ipv4/fib_semantics.c `fib_select_path`.
                if query.outInterface != nil || query.preferredInterface != nil { ways = [ways[0]] }
                return .routes(
                    ways.map { way in
                        let decision = RouteDecision(
                            route: way.0, rule: rule, nextHop: way.1, type: way.0.type, table: number)
                        return RouteChoice(
                            decision: decision, weight: ways.count > 1 ? max(1, way.1?.weight ?? 1) : 0,
                            condition: ways.count > 1 ? "the flow's hash picks this next hop" : "")
                    })
            }
        }
        return .next
    }

    /// Whether a route of IPv6 that leads to lo is an error: all but those of the host's own addresses are.
    /// Source: net/ipv6/route.c `fib6_is_reject`, Linux 6.18; observed there.
    private func isRefusedByLoopback(_ route: Route) -> Bool {
        guard version == .v6, !route.destination.address.isLoopback, let interface = route.interface else {
            return false
        }
        return model.isLoopback(interface) ?? names.text(interface).utf8.elementsEqual("lo".utf8)
    }

    /// The length of the longest source prefix among IPv6 routes to one prefix that fits; `nil` where none does.
    /// Source: net/ipv6/ip6_fib.c `fib6_node_lookup_1`.
    private func longestSource(_ indexes: [Int], _ query: RouteQuery) -> UInt8? {
        guard version == .v6 else { return 0 }
        let source = query.source ?? .zero(.v6)
        var best: UInt8?
        for index in indexes {
            let from = tables.routes[index].from
            guard from?.contains(source) ?? true, !waysOn(tables.routes[index], query).isEmpty else { continue }
            best = max(best ?? 0, from?.length ?? 0)
        }
        return best
    }

    /// The places in which the routes to one prefix are asked, where that is not their order.
    /// Source: net/ipv6/route.c `rt6_device_match`.
    private func inOrder(_ indexes: [Int], _ query: RouteQuery) -> [Int]? {
        guard version == .v6, let wanted = query.preferredInterface else { return nil }
        func isWanted(_ place: Int) -> Bool {
            tables.routes[indexes[place]].nextHops.contains { $0.interface == wanted }
        }
        return indexes.indices.filter(isWanted) + indexes.indices.filter { !isWanted($0) }
    }

    /// IPv6 keeps the next hops of one multipath route as routes of equal metric with gateways.
    /// Source: include/net/ip6_route.h `rt6_qualify_for_ecmp`.
    private func siblings(
        of route: Route, among indexes: ArraySlice<Int>, _ query: RouteQuery
    ) -> [(Route, NextHop?)] {
        guard route.nextHops.contains(where: { $0.gateway != nil }) else { return [] }
        var ways: [(Route, NextHop?)] = []
        for index in indexes {
            let other = tables.routes[index]
            guard other.metric == route.metric, other.from == route.from, other.type == route.type,
                !other.isAnnounced, other.nextHops.contains(where: { $0.gateway != nil })
            else { continue }
            ways += waysOn(other, query).map { (other, $0) }
        }
        return ways
    }

    /// The next hops that can be used now; `nil` stands for a route that names none.
    private func waysOn(_ route: Route, _ query: RouteQuery) -> [NextHop?] {
        if route.nextHops.isEmpty { return query.outInterface == nil ? [nil] : [] }
        if route.nextHops.count == 1 { return isUsable(route.nextHops[0], route, query) ? [route.nextHops[0]] : [] }
        let usable = route.nextHops.filter { isUsable($0, route, query) }
        let preferred = usable.filter { $0.interface == query.preferredInterface }
        var chosen = query.preferredInterface == nil || preferred.isEmpty ? usable : preferred
        if asksNeighbours(route) {
            let answering = chosen.filter { $0.gateway == nil || !isSilent($0) }
            if !answering.isEmpty { chosen = answering }
        }
        // Spelled out: Embedded Swift has no conversion of whole arrays.
        return chosen.map { Optional.some($0) }
    }

    /// Whether of several next hops those whose gateway does not answer are left out.
    /// Source: net/ipv4/fib_semantics.c `fib_select_multipath`, net/ipv4/nexthop.c `nexthop_select_path_hthr`, Linux 6.18.
    private func asksNeighbours(_ route: Route) -> Bool {
        route.isByNextHopObject || version == .v4 && model.sysctl("net.ipv4.fib_multipath_use_neigh") == 1
    }

    func isUsable(_ hop: NextHop, _ route: Route, _ query: RouteQuery) -> Bool {
        if let wanted = query.outInterface, let own = hop.interface, own != wanted { return false }
        // Local addresses of IPv4 stay whatever becomes of their link: fib_semantics.c `fib_sync_down_dev`.
        if version == .v4, route.type == .local { return true }
        if hop.isDead, !query.ignoresLinkState || !hop.isLinkDown { return false }
        guard let name = hop.interface else { return true }
        let link = model.linkState(name)
        if let link, !link.isUp { return false }
        // Nor do a carrier's loss and return matter to those of IPv6, and to its anycast addresses: net/ipv6/route.c
        // `fib6_ifdown`, `fib6_nh_init`, Linux 6.18; observed there.
        let isOwn = version == .v6 && (route.type == .local || route.type == .anycast)
        if !hop.isLinkDown, isOwn || link?.hasCarrier ?? true { return true }
        return query.ignoresLinkState || !ignoresLinkDown(name)
    }

    private func ignoresLinkDown(_ interface: Symbol) -> Bool {
        let own = model.interfaceSetting(version, interface, "ignore_routes_with_linkdown") ?? 0
        // IPv4 takes the interface's or the host's, IPv6 the interface's alone.
        if version == .v6 { return own != 0 }
        return own != 0 || (model.commonSetting(version, "ignore_routes_with_linkdown") ?? 0) != 0
    }

    /// Where the input has addresses but no routes: the subnet of an address is on its link.
    private func followsFromAddress(_ query: RouteQuery) -> RouteDecision? {
        guard tables.knowledge == .none else { return nil }
        var best: (interface: NetworkInterface, address: InterfaceAddress)?
        for interface in model.host.interfaces where interface.isUp {
            if let wanted = query.outInterface, wanted != interface.name { continue }
            for own in interface.addresses where own.prefix.contains(query.destination) {
                if own.prefixLength > (best?.address.prefixLength ?? 0) { best = (interface, own) }
            }
        }
        guard let best else { return nil }
        var route = Route(destination: best.address.prefix, place: best.interface.place)
        route.scope = .link
        route.nextHops = [NextHop(interface: best.interface.name)]
        if version == .v4 { route.source = best.address.address }
        let rule = tables.rules.first { $0.action == .lookup(table: RoutingRule.mainTable) }
        return RouteDecision(
            route: route,
            rule: rule ?? RoutingRule(priority: 32766, action: .lookup(table: RoutingRule.mainTable), place: .none),
            nextHop: route.nextHops.first, type: .unicast, table: RoutingRule.mainTable, followsFromAddress: true)
    }
}
