public import NetTypes
public import RuleModel
internal import SourceText

/// The routing tables of one IP version as data: rules in order, and each table's routes by prefix. They never change.
public final class RoutingTables: Sendable {
    /// One table: routes grouped by prefix length, longest first.
    public struct Table: Sendable {
        public struct Level: Sendable {
            public let length: UInt8
            /// Indexes into `routes`, by masked destination, best metric first.
            public let routes: [IPAddress: [Int]]
        }
        public let levels: [Level]
    }

    public let version: IPVersion
    public let rules: [RoutingRule]
    /// Whether the rules came from the input.
    public let knowsRules: Bool
    public let knowledge: RouteKnowledge
    public let routes: [Route]
    public let tables: [UInt32: Table]
    /// The tables of which the input itself has routes.
    public let givenTables: Set<UInt32>
    /// Whether some rule or route has a realm.
    public let hasRealms: Bool
    /// Whether there is a rule that the kernel does not make by itself.
    public let hasOwnRules: Bool
    /// Whether a route has the host take what is for none of its own addresses.
    public let hasForeignLocalRoutes: Bool

    /// Routes of `host`, with those added that the kernel makes from addresses where the input lacks the local table.
    ///
    /// - Parameter isRouter: whether the host forwards IPv6 that comes in by an interface.
    init(_ host: HostState, _ version: IPVersion, isRouter: (Symbol) -> Bool) {
        self.version = version
        let given = host.routingRules(version)
        knowsRules = given != nil
        var assumed = RoutingRule.defaults(version)
        // The first VRF brings its rule along. Source: drivers/net/vrf.c `vrf_add_fib_rules`, Linux 6.18.
        if host.interfaces.contains(where: { $0.kind == .vrf }) {
            assumed.append(RoutingRule(priority: 1000, action: .vrf, place: .none))
        }
        rules = (given ?? assumed).sorted { $0.priority < $1.priority }
        knowledge = host.routesKnown(version)
        var routes = host.routes.filter { $0.destination.address.version == version }
        givenTables = Set(routes.map { $0.table })
        if knowledge != .allTables || !routes.contains(where: { $0.table == RoutingRule.localTable }) {
            routes += localRoutes(of: host, version, isRouter)
        }
        self.routes = routes
        hasRealms =
            rules.contains { $0.realm != 0 } || routes.contains { $0.nextHops.contains { $0.realm != 0 } }
        let usual = RoutingRule.defaults(version)
        hasOwnRules = rules.contains { rule in
            !usual.contains { $0.priority == rule.priority && $0.action == rule.action }
        }
        let own = Set(host.interfaces.flatMap { $0.addresses.map { $0.address } })
        hasForeignLocalRoutes = routes.contains {
            $0.type == .local && !own.contains($0.destination.address) && !$0.destination.address.isLoopback
        }
        var grouped: [UInt32: [UInt8: [IPAddress: [Int]]]] = [:]
        for (index, route) in routes.enumerated() {
            grouped[route.table, default: [:]][route.destination.length, default: [:]][
                route.destination.address, default: []
            ].append(index)
        }
        var tables: [UInt32: Table] = [:]
        for (table, lengths) in grouped {
            let levels = lengths.keys.sorted(by: >).map { length in
                Table.Level(
                    length: length,
                    routes: (lengths[length] ?? [:]).mapValues { indexes in
                        indexes.sorted { isBefore(routes, $0, $1) }
                    })
            }
            tables[table] = Table(levels: levels)
        }
        self.tables = tables
    }
}

/// TOS routes come before those for any TOS; then metric, IPv6's preference, and order of the dump.
/// Source: net/ipv6/route.c `rt6_score_route`, `find_rr_leaf`, Linux 6.18; observed there.
private func isBefore(_ routes: [Route], _ a: Int, _ b: Int) -> Bool {
    let (one, other) = (routes[a], routes[b])
    if one.tos != other.tos { return one.tos > other.tos }
    if one.metric != other.metric { return one.metric < other.metric }
    return one.preference == other.preference ? a < b : one.preference > other.preference
}

/// The routes that the kernel adds to the local table for each address: the address, its subnet's broadcast
/// addresses, 127/8, on a router the routers' address of each subnet of IPv6, as far as they are known.
/// Source: net/ipv4/fib_frontend.c `fib_add_ifaddr`, net/ipv6/addrconf.c `__ipv6_ifa_notify`, `addrconf_join_anycast`,
/// Linux 6.18.
private func localRoutes(of host: HostState, _ version: IPVersion, _ isRouter: (Symbol) -> Bool) -> [Route] {
    var routes: [Route] = []
    func add(
        _ prefix: IPPrefix, _ type: RouteType, _ interface: Symbol, _ place: Place,
        in table: UInt32 = RoutingRule.localTable
    ) {
        var route = Route(destination: prefix, place: place)
        route.type = type
        route.table = table
        route.scope = type == .local ? .host : .link
        route.nextHops = [NextHop(interface: interface)]
        routes.append(route)
    }
    // Where addresses are not in the input, routes tell some: what is sent by them is sent from there.
    if !host.knowsAddresses(version) {
        for route in host.routes {
            guard let source = route.source, source.version == version, let hop = route.nextHops.first?.interface
            else { continue }
            add(IPPrefix(host: source), .local, hop, route.place)
        }
    }
    var vrfTables: [Symbol: UInt32?] = [:]
    for interface in host.interfaces where interface.kind == .vrf {
        vrfTables[interface.name] = .some(interface.vrfTable)
    }
    for interface in host.interfaces {
        // What belongs to a VRF has its addresses in the VRF's table; one that is not told has no place.
        let vrf = vrfTables[interface.name] ?? interface.master.flatMap { vrfTables[$0] }
        guard let table = vrf ?? RoutingRule.localTable else { continue }
        func addOwn(_ prefix: IPPrefix, _ type: RouteType) {
            add(prefix, type, interface.name, interface.place, in: table)
        }
        // An address that another host has, or that is still asked for, is not the host's yet.
        for own in interface.addresses where own.address.version == version && !own.isTentative {
            addOwn(IPPrefix(host: own.address), .local)
            guard version == .v4 else {
                let subnet = IPPrefix(own.address, length: own.prefixLength).address
                if own.prefixLength < 127, !subnet.isZero, isRouter(interface.name) {
                    addOwn(IPPrefix(host: subnet), .anycast)
                }
                continue
            }
            if interface.isLoopback, own.prefixLength < 32 {
                addOwn(IPPrefix(own.address, length: own.prefixLength), .local)
            }
            if let broadcast = own.broadcast { addOwn(IPPrefix(host: broadcast), .broadcast) }
            if own.prefixLength < 31, !interface.isLoopback {
                addOwn(IPPrefix(host: own.prefix.last), .broadcast)
            }
        }
        if version == .v6, !interface.isLoopback, interface.isUp {
            addOwn(IPPrefix(IPAddress(v6High: 0xff00_0000_0000_0000, low: 0), length: 8), .multicast)
        }
    }
    return routes
}
