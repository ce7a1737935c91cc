internal import KernelLink
internal import NetTypes
internal import RuleModel
internal import SourceText

/// What makes the snapshot's routes, routing rules and neighbours: lines of `ip -batch`, one list for each version.
struct RouteCommands {
    private(set) var routes: [String] = []
    /// New rules first, then the kernel's own that the snapshot does not have.
    private(set) var rules: [String] = []

    private let names: NameTable

    init(_ host: HostState, _ version: IPVersion, names: NameTable) {
        self.names = names
        let own = Set(host.interfaces.flatMap { $0.addresses.map(\.address) })
        let wanted = host.routes.filter { $0.destination.address.version == version && !isKernels($0, own) }
        // A gateway must be reachable when its route comes.
        let direct = wanted.filter { $0.nextHops.allSatisfy { $0.gateway == nil } }
        let onward = wanted.filter { !$0.nextHops.allSatisfy { $0.gateway == nil } }
        routes = (direct + onward).map(line)
        guard let known = host.routingRules(version) else { return }
        let usual = RoutingRule.defaults(version).map(line)
        let keys = Set(known.map(line))
        rules = known.filter { !usual.contains(line($0)) }.map { "rule add " + line($0) }
        rules += usual.filter { !keys.contains($0) }.map { "rule del " + $0 }
    }

    /// What addresses and links bring with them.
    private func isKernels(_ route: Route, _ own: Set<IPAddress>) -> Bool {
        switch route.type {
        case .multicast, .anycast, .nat: true
        case .local, .broadcast: own.contains(route.destination.address) || route.destination.address.isLoopback
        case .unicast, .blackhole, .unreachable, .prohibit, .throw: false
        }
    }

    private func line(_ route: Route) -> String {
        var words = "route add "
        switch route.type {
        case .unicast, .anycast, .multicast, .nat: break
        case .local: words += "local "
        case .broadcast: words += "broadcast "
        case .blackhole: words += "blackhole "
        case .unreachable: words += "unreachable "
        case .prohibit: words += "prohibit "
        case .throw: words += "throw "
        }
        words += "\(route.destination)"
        if let from = route.from { words += " from \(from)" }
        if route.tos != 0 { words += " tos \(hexadecimal(route.tos))" }
        words += " table \(route.table)"
        if let source = route.source { words += " src \(source)" }
        if route.metric > 0 { words += " metric \(route.metric)" }
        if let mtu = route.mtu { words += " mtu \(route.isMTULocked ? "lock " : "")\(mtu)" }
        let version = route.destination.address.version
        if version == .v4, route.type == .unicast || route.type == .broadcast {
            words += " scope \(route.scope.rawValue)"
        }
        if route.nextHops.count == 1, let hop = route.nextHops.first {
            words += text(hop, version)
        } else {
            for hop in route.nextHops { words += " nexthop\(text(hop, version)) weight \(hop.weight)" }
        }
        return words
    }

    private func text(_ hop: NextHop, _ version: IPVersion) -> String {
        var words = ""
        if hop.encapsulation != .empty { words += " \(names.text(hop.encapsulation))" }
        if let gateway = hop.gateway { words += " via \(gateway.version == version ? "" : "inet6 ")\(gateway)" }
        if let interface = hop.interface { words += " dev \(names.text(interface))" }
        if hop.isOnLink { words += " onlink" }
        return words
    }

    private func line(_ rule: RoutingRule) -> String {
        var words = "pref \(rule.priority)"
        if rule.isNegated { words += " not" }
        words += rule.from.map { " from \($0)" } ?? " from all"
        if let to = rule.to { words += " to \(to)" }
        if let interface = rule.inInterface { words += " iif \(names.text(interface))" }
        if let interface = rule.outInterface { words += " oif \(names.text(interface))" }
        if let mark = rule.mark { words += " fwmark \(hexadecimal(mark.value))/\(hexadecimal(mark.mask))" }
        if rule.tos != 0 { words += " tos \(hexadecimal(rule.tos))" }
        if let `protocol` = rule.protocol { words += " ipproto \(`protocol`.rawValue)" }
        if let ports = rule.sourcePorts { words += " sport \(ports.first)-\(ports.last)" }
        if let ports = rule.destinationPorts { words += " dport \(ports.first)-\(ports.last)" }
        if let users = rule.users { words += " uidrange \(users.first)-\(users.last)" }
        if rule.unknownPart != .empty { words += " \(names.text(rule.unknownPart))" }
        switch rule.action {
        case .lookup(let table): words += " lookup \(table)"
        case .blackhole: words += " blackhole"
        case .unreachable: words += " unreachable"
        case .prohibit: words += " prohibit"
        case .nop: words += " nop"
        case .goto(let priority): words += " goto \(priority)"
        case .vrf: words += " l3mdev"
        }
        if let length = rule.suppressedPrefixLength { words += " suppress_prefixlength \(length)" }
        if let group = rule.suppressedGroup { words += " suppress_ifgroup \(group)" }
        return words
    }
}

/// Neighbours and forwarding entries: lines of `ip -batch` and of `bridge -batch`.
struct NeighbourCommands {
    private(set) var neighbours: [String] = []
    private(set) var forwarding: [String] = []

    /// - Parameter further: addresses that are to be reachable on every link, by the laboratory's own hardware address.
    init(_ host: HostState, names: NameTable, further: [IPAddress], links: [String], hardware: String) {
        var known: Set<String> = []
        for neighbour in host.neighbours {
            guard let mac = neighbour.mac, !neighbour.isUnreachable else { continue }
            let place = "\(neighbour.address) dev \(names.text(neighbour.interface))"
            known.insert(place)
            neighbours.append("neigh replace \(place) lladdr \(mac) nud permanent")
        }
        let own = Set(host.interfaces.flatMap { $0.addresses.map(\.address) })
        for link in links {
            for address in further where !own.contains(address) && !address.isMulticast && !address.isLoopback {
                let place = "\(address) dev \(link)"
                guard known.insert(place).inserted else { continue }
                neighbours.append("neigh replace \(place) lladdr \(hardware) nud permanent")
            }
        }
        for entry in host.forwardingEntries {
            let name = names.text(entry.interface)
            if let destination = entry.destination {
                forwarding.append("fdb append \(entry.mac) dev \(name) dst \(destination)")
            } else if host.interface(entry.interface)?.master != nil {
                forwarding.append("fdb replace \(entry.mac) dev \(name) master static")
            }
        }
    }
}
