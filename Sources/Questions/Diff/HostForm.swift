internal import Annotations
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// Settings under `net.ipv4.` and `net.ipv6.` that change what becomes of a packet.
/// Source: Documentation/networking/ip-sysctl.rst, Linux 6.18.
private let settingsOfPackets: Set<String> = [
    "net.ipv4.ip_forward", "net.ipv4.ip_nonlocal_bind", "net.ipv4.ip_default_ttl", "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports", "net.ipv4.fib_multipath_hash_policy", "net.ipv4.fwmark_reflect",
    "net.ipv4.tcp_fwmark_accept", "net.ipv4.tcp_timestamps", "net.ipv4.tcp_tw_reuse", "net.ipv4.tcp_tw_recycle",
    "net.ipv4.icmp_echo_ignore_all", "net.ipv4.icmp_echo_ignore_broadcasts", "net.ipv6.icmp.echo_ignore_all",
    "net.ipv6.icmp.echo_ignore_multicast", "net.ipv6.icmp.echo_ignore_anycast", "net.ipv4.ip_no_pmtu_disc",
    "net.ipv4.tcp_mtu_probing",
    "net.ipv4.ip_unprivileged_port_start", "net.ipv6.bindv6only", "net.ipv6.fib_multipath_hash_policy",
    "net.ipv6.fwmark_reflect", "net.ipv6.ip_nonlocal_bind", "net.nf_conntrack_max",
]

/// The same of one interface, or of `all` and `default`.
private let settingsOfInterfaces: Set<String> = [
    "forwarding", "rp_filter", "accept_local", "route_localnet", "src_valid_mark", "disable_ipv6",
    "accept_source_route", "proxy_arp", "arp_filter", "arp_ignore", "arp_announce", "send_redirects",
    "accept_redirects", "disable_policy", "disable_xfrm", "ignore_routes_with_linkdown", "accept_ra", "bc_forwarding",
    "mc_forwarding", "proxy_ndp", "drop_unicast_in_l2_multicast", "force_forwarding", "use_tempaddr",
]

extension NodeForm {
    mutating func readSets(_ node: DiffNode, _ reader: inout StatementReader, _ settings: DiffSettings) {
        for (index, set) in node.model.host.sets.enumerated() {
            var part = Part(
                source: .set(index), key: Part.Key(kind: 40, table: .empty, name: reader.name(set.name)),
                label: reader.name(set.name))
            if !settings.isExact { part.need = need(of: set, node) }
            part.isOrdered = false
            var header = [
                Int32(set.type.rawValue), Int32(set.version?.rawValue ?? 0), Int32(set.netmask ?? 0),
                Int32(bitPattern: set.markMask), set.hasTimeout ? 1 : 0,
            ]
            header += (set.bitmask?.bytes ?? []).map { Int32($0) }
            if let range = set.portRange { header += [Int32(range.first), Int32(range.last)] }
            if let range = set.addressRange { header += (range.first.bytes + range.last.bytes).map { Int32($0) } }
            part.header = reader.table.number(of: header)
            part.items.reserveCapacity(set.elements.count)
            for element in set.elements { part.items.append(reader.item(element)) }
            if !settings.isExact, holdsOthers(set, node) {
                // The set of all the other hosts: with this one in it, it is the same everywhere.
                for address in reader.local.mainAddresses where address.version == set.version {
                    var own = SetElement(place: .none)
                    own.address = IPPrefix(host: address)
                    part.items.append(reader.item(own))
                }
            }
            parts.append(part)
        }
    }

    private func need(of set: AddressSet, _ node: DiffNode) -> Part.Need {
        let name = node.model.names.text(set.name)
        switch node.annotations.purpose(ofSet: name, isV6: set.version == .v6) {
        case .calico(.set(let own))?:
            switch own {
            case .selector, .namedPort, .service: return .wherePodsNeedIt
            case .temporary: return .ofPod
            case .masqueradedPools, .pools, .hosts, .tunnelHosts, .thisHost, .dscpSources, .istioWorkloads,
                .notOffloaded, .unknown:
                return .always
            }
        case .other(.kubeRouter, _)? where !name.hasPrefix("kube-router-"): return .wherePodsNeedIt
        default: return .always
        }
    }

    private func holdsOthers(_ set: AddressSet, _ node: DiffNode) -> Bool {
        let name = node.model.names.text(set.name)
        return node.annotations.purpose(ofSet: name, isV6: set.version == .v6) == .calico(.set(.tunnelHosts))
    }

    mutating func readHost(_ node: DiffNode, _ reader: inout StatementReader, _ settings: DiffSettings) {
        let host = node.model.host
        for (name, value) in host.sysctls.sorted(by: { $0.key < $1.key }) {
            guard let shown = shared(name, reader.local, settings) else { continue }
            let symbol = reader.table.names.intern(shown)
            var part = Part(
                source: .setting(name), key: Part.Key(kind: 41, table: .empty, name: symbol), label: symbol,
                need: .whereKnown)
            part.header = Int32(bitPattern: reader.table.names.intern(value).index)
            parts.append(part)
        }
        readLinks(node, &reader, settings)
        for version in IPVersion.allCases {
            if let rules = host.routingRules(version) { readRules(rules, version, &reader) }
            if host.routesKnown(version) != .none { readRoutes(host, version, &reader) }
        }
        readNeighbours(node, &reader)
        readForwardingEntries(node, &reader)
    }

    /// What the setting `name` is called on every node; `nil` where it decides about no packet.
    private func shared(_ name: String, _ local: LocalNames, _ settings: DiffSettings) -> String? {
        if settingsOfPackets.contains(name) || name.hasPrefix("net.bridge.") || name.hasPrefix("net.ipv4.vs.") {
            return name
        }
        if name.hasPrefix("net.netfilter.nf_conntrack_") {
            return name.hasSuffix("_count") || name.hasSuffix("_buckets") ? nil : name
        }
        for prefix in ["net.ipv4.conf.", "net.ipv6.conf."] where name.hasPrefix(prefix) {
            guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return nil }
            let key = name[name.index(after: dot)...]
            let start = name.utf8.index(name.startIndex, offsetBy: prefix.utf8.count)
            guard settingsOfInterfaces.contains(String(key)), start < dot else { return nil }
            let interface = String(name[start..<dot])
            if settings.isExact { return name }
            guard let tag = local.tag(ofInterface: interface) else { return name }
            return tag == LocalNames.podInterface ? nil : "\(prefix)(\(tag)).\(key)"
        }
        return nil
    }

    private mutating func readRules(_ rules: [RoutingRule], _ version: IPVersion, _ reader: inout StatementReader) {
        let name = reader.table.names.intern("ip rule, IPv\(version.rawValue)")
        var part = Part(
            source: .routingRules(isV6: version == .v6), key: Part.Key(kind: 42, table: .empty, name: name),
            label: name, need: .whereKnown)
        for rule in rules { part.items.append(reader.item(rule)) }
        parts.append(part)
    }

    /// Of the routes those that were made by someone: what follows from addresses is left out, and so are routes of the
    /// other version, so that an item's number is the route's in the host's state.
    private mutating func readRoutes(_ host: HostState, _ version: IPVersion, _ reader: inout StatementReader) {
        let isWhole = host.routesKnown(version) == .allTables
        let name = reader.table.names.intern(
            "ip route, IPv\(version.rawValue), \(isWhole ? "all tables" : "main table")")
        var part = Part(
            source: .routes(isV6: version == .v6), key: Part.Key(kind: 43, table: .empty, name: name), label: name,
            need: .whereKnown)
        part.isOrdered = false
        for route in host.routes {
            let isCompared = route.destination.address.version == version && !route.isMadeByKernel
            part.items.append(isCompared ? reader.item(route) : Part.Item.uncompared)
        }
        parts.append(part)
    }
}

extension Route {
    fileprivate var isMadeByKernel: Bool {
        if table == RoutingRule.localTable || destination.address.isMulticast { return true }
        switch type {
        case .local, .broadcast, .multicast, .anycast: return true
        case .unicast, .blackhole, .unreachable, .prohibit, .throw, .nat: return false
        }
    }
}

extension StatementReader {
    /// Reads something twice: word for word, and with what is local replaced.
    private mutating func item(_ number: (inout StatementReader) -> Int32) -> Part.Item {
        replacesLocal = false
        tags = []
        let exact = number(&self)
        replacesLocal = !keepsComments
        hasReplaced = false
        isOfPod = false
        tags = []
        let other = replacesLocal ? number(&self) : exact
        replacesLocal = false
        return Part.Item(exact: exact, local: hasReplaced ? other : exact, isOfPod: isOfPod)
    }

    fileprivate mutating func item(_ element: SetElement) -> Part.Item {
        item { reader in
            var own = element
            own.place = .none
            own.timeout = nil
            own.counters = nil
            own.comment = reader.keepsComments ? reader.name(own.comment) : .empty
            own.address = reader.prefix(own.address)
            own.second = reader.prefix(own.second)
            if let interface = own.interface { own.interface = reader.interface(interface) }
            if let member = own.member { own.member = reader.name(member) }
            return reader.table.number(of: ItemMeaning(value: own, tags: reader.tags))
        }
    }

    fileprivate mutating func item(_ rule: RoutingRule) -> Part.Item {
        item { reader in
            var own = rule
            own.place = .none
            own.from = reader.prefix(own.from)
            own.to = reader.prefix(own.to)
            if let interface = own.inInterface { own.inInterface = reader.interface(interface) }
            if let interface = own.outInterface { own.outInterface = reader.interface(interface) }
            own.unknownPart = reader.name(own.unknownPart)
            return reader.table.number(of: ItemMeaning(value: own, tags: reader.tags))
        }
    }

    fileprivate mutating func item(_ route: Route) -> Part.Item {
        item { reader in
            var own = route
            own.place = .none
            own.destination = reader.prefix(own.destination)
            own.source = reader.address(own.source)
            own.from = reader.prefix(own.from)
            for index in own.nextHops.indices {
                own.nextHops[index].gateway = reader.address(own.nextHops[index].gateway)
                if let interface = own.nextHops[index].interface {
                    own.nextHops[index].interface = reader.interface(interface)
                }
                own.nextHops[index].encapsulation = reader.name(own.nextHops[index].encapsulation)
            }
            return reader.table.number(of: ItemMeaning(value: own, tags: reader.tags))
        }
    }
}
