internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension RouteFinder {
    /// The type of `address` in the local table; a `nil` answer is not known.
    ///
    /// Where `interface` is given, an address of another one is plain unicast.
    /// Source: net/ipv4/fib_frontend.c `__inet_dev_addr_type`.
    func addressType(_ address: IPAddress, on interface: Symbol? = nil) -> RouteType? {
        if version == .v4, address.isZero || address.v4Bits == .max { return .broadcast }
        if address.isMulticast { return .multicast }
        if let table = tables.tables[RoutingRule.localTable] {
            for level in table.levels {
                let prefix = IPPrefix(address, length: level.length)
                for index in level.routes[prefix.address] ?? [] {
                    let route = tables.routes[index]
                    if route.tos != 0 { continue }
                    if route.type == .blackhole || route.type == .unreachable || route.type == .prohibit
                        || route.type == .throw
                    {
                        return .unicast
                    }
                    if let hop = route.nextHops.first, !isUsable(hop, route, RouteQuery(destination: address)) {
                        continue
                    }
                    if let interface, let own = route.nextHops.first?.interface, own != interface { return .unicast }
                    return route.type
                }
            }
        }
        if knowsLocalTable { return .unicast }
        return address.isLoopback ? (interface.map { isLoopbackName($0) } ?? true ? .local : .unicast) : nil
    }

    /// Whether the input tells which addresses are the host's own.
    var knowsLocalTable: Bool {
        model.host.knowsAddresses(version) || tables.routes.contains { $0.table == RoutingRule.localTable }
    }

    /// Whether what `decision` sends to its subnet may be for the host itself: `route -n` tells neither the host's addresses
    /// nor those that it sends from.
    func mayBeOwn(_ decision: RouteDecision) -> Bool {
        if model.host.knowsAddresses(version) { return false }
        guard tables.knowledge == .mainTable, decision.type == .unicast, decision.nextHop?.gateway == nil,
            let route = decision.route, route.source == nil
        else { return false }
        let length = route.destination.length
        return length > 0 && length < (version == .v4 ? 32 : 128)
            && !model.host.routes.contains { $0.table == RoutingRule.localTable }
    }

    private func isLoopbackName(_ name: Symbol) -> Bool { names.text(name).utf8.elementsEqual("lo".utf8) }

    /// The source address for a local packet to `destination` by `decision`.
    func selectSource(for decision: RouteDecision, to destination: IPAddress) -> IPAddress? {
        if let source = decision.route?.source { return source }
        // net/ipv4/route.c `ip_route_output_key_hash_rcu`. IPv6 chooses all the same: of its own addresses the destination is
        // the best, but not where a route alone has it taken in. Source: include/net/ip6_route.h `ip6_route_get_saddr`,
        // Linux 6.18; observed there.
        if decision.type == .local, version == .v4 || !model.knowsAddresses(.v6) { return destination }
        switch version {
        case .v4:
            return selectV4Address(
                decision.nextHop?.interface, toward: decision.nextHop?.gateway,
                scope: decision.route?.scope ?? .global)
        case .v6:
            // Of a group of nexthops the first one's counts, whichever is taken: include/net/nexthop.h `nexthop_fib6_nh`,
            // net/ipv6/route.c `ip6_route_get_saddr`, Linux 6.18; observed there.
            var interface = decision.nextHop?.interface
            if let route = decision.route, route.isByNextHopObject {
                let query = RouteQuery(destination: destination)
                interface = route.nextHops.first { isUsable($0, route, query) }?.interface
            }
            if hangsOnTemporaryAddresses(interface, to: destination) { return nil }
            return selectV6Address(interface, to: destination)
        }
    }

    /// An IPv4 address for `interface`: the one on the subnet of `peer`, else the first whose scope reaches as far as
    /// `scope`, else one of another interface.
    ///
    /// Source: net/ipv4/devinet.c `inet_select_addr`. MASQUERADE asks with the next hop and scope global.
    func selectV4Address(_ interface: Symbol?, toward peer: IPAddress?, scope: RouteScope) -> IPAddress? {
        let allowsLoopback = interface.map { localnet($0) } ?? false
        if let interface, let own = model.interface(interface) {
            var first: IPAddress?
            for candidate in own.addresses where candidate.address.version == .v4 && !candidate.isSecondary {
                let ceiling = allowsLoopback ? RouteScope.link : .host
                if min(candidate.scope.rawValue, ceiling.rawValue) > scope.rawValue { continue }
                if peer.map({ candidate.prefix.contains($0) }) ?? true { return candidate.address }
                if first == nil { first = candidate.address }
            }
            if let first { return first }
        }
        let vrf = interface.flatMap { model.vrf(of: $0)?.name }
        for other in model.host.interfaces.sorted(by: { $0.index < $1.index }) {
            if model.vrf(of: other.name)?.name != vrf { continue }
            for candidate in other.addresses where candidate.address.version == .v4 && !candidate.isSecondary {
                if candidate.scope != .link, candidate.scope.rawValue <= scope.rawValue { return candidate.address }
            }
        }
        return nil
    }

    private func localnet(_ interface: Symbol) -> Bool {
        (model.interfaceSetting(version, interface, "route_localnet") ?? 0) != 0
            || (model.commonSetting(version, "route_localnet") ?? 0) != 0
    }

    /// Whether the source of IPv6 hangs on `use_tempaddr`, which the input does not tell.
    func hangsOnTemporaryAddresses(_ interface: Symbol?, to destination: IPAddress) -> Bool {
        selectV6Address(interface, to: destination, prefersTemporary: false)
            != selectV6Address(interface, to: destination, prefersTemporary: true)
    }

    /// Source: RFC 6724 rules 1, 2, 3, 5, 6, 7, 8 as net/ipv6/addrconf.c `ipv6_dev_get_saddr` applies them; observed on
    /// Linux 6.18.
    ///
    /// - Parameter prefersTemporary: what holds for interfaces of which the input does not tell `use_tempaddr`.
    func selectV6Address(
        _ interface: Symbol?, to destination: IPAddress, prefersTemporary: Bool = true
    ) -> IPAddress? {
        // No address is of no scope: include/net/addrconf.h `__ipv6_addr_src_scope`.
        let wanted = destination.isZero ? -1 : scopeV6(destination)
        var best: (address: IPAddress, rank: [Int])?
        let usesOwnAlone = interface.map { model.interfaceSetting(.v6, $0, "use_oif_addrs_only") ?? 0 != 0 } ?? false
        let vrf = interface.flatMap { model.vrf(of: $0)?.name }
        for owner in model.host.interfaces {
            // Only the outgoing interface's addresses will do for link-local and multicast destinations, and for all where
            // it is told so; a VRF's are for that VRF.
            if wanted <= 2 || destination.isMulticast || usesOwnAlone, owner.name != interface { continue }
            if !owner.isUp || model.vrf(of: owner.name)?.name != vrf { continue }
            let setting = model.interfaceSetting(.v6, owner.name, "use_tempaddr")
            let wantsTemporary = setting.map { $0 >= 2 } ?? prefersTemporary
            for own in owner.addresses where own.address.version == .v6 && !own.isTentative {
                let scope = scopeV6(own.address)
                let rank = [
                    own.address == destination ? 1 : 0,
                    // The smallest scope that reaches the destination, else the largest.
                    scope >= wanted ? 64 - scope : scope - 64,
                    own.isDeprecated ? 0 : 1,
                    owner.name == interface ? 1 : 0,
                    labelV6(own.address, owner.name) == labelV6(destination, interface) ? 1 : 0,
                    own.isSecondary == wantsTemporary ? 1 : 0,
                    min(commonBits(own.address, destination), Int(own.prefixLength)),
                ]
                if let current = best, !isHigher(rank, than: current.rank) { continue }
                best = (own.address, rank)
            }
        }
        return best?.address
    }

    private func isHigher(_ a: [Int], than b: [Int]) -> Bool {
        for (x, y) in zip(a, b) where x != y { return x > y }
        return false
    }

    /// RFC 4007 scopes as numbers: 1 interface, 2 link, 5 site, 14 global.
    private func scopeV6(_ address: IPAddress) -> Int {
        if address.isMulticast { return Int(address.high >> 48 & 15) }
        if address.isLinkLocal || address.isLoopback { return 2 }
        return address.high >> 54 == 0x3fb ? 5 : 14
    }

    /// Source: net/ipv6/addrlabel.c `__ipv6_addr_label`, Linux 6.18.
    private func labelV6(_ address: IPAddress, _ interface: Symbol?) -> UInt32 {
        let found = labels.first {
            $0.prefix.contains(address) && ($0.interface == nil || $0.interface == interface)
        }
        return found?.label ?? .max
    }

    private var labels: [AddressLabel] { model.host.addressLabels ?? policyLabels }

    /// Prefixes that hold destinations of one choice of a source address of IPv6, but for the interface: by the policy table,
    /// and by how far own addresses have their first bits in common.
    var sourceChoicePrefixes: Set<IPPrefix> {
        var prefixes = Set(labels.map { $0.prefix })
        let all = model.host.interfaces.flatMap { $0.addresses }.filter { $0.address.version == .v6 }
        for one in all {
            prefixes.insert(IPPrefix(host: one.address))
            for other in all where other.address != one.address {
                // Behind its own prefix an address is no nearer.
                let length = commonBits(one.address, other.address) + 1
                guard length <= Int(one.prefixLength) else { continue }
                prefixes.insert(IPPrefix(one.address, length: UInt8(truncatingIfNeeded: length)))
            }
        }
        return prefixes
    }

    private func commonBits(_ a: IPAddress, _ b: IPAddress) -> Int {
        let high = (a.high ^ b.high).leadingZeroBitCount
        return high < 64 ? high : 64 + (a.low ^ b.low).leadingZeroBitCount
    }
}

/// The labels that every kernel has from the start. Source: net/ipv6/addrlabel.c `ip6addrlbl_init_table`, Linux 6.18;
/// observed there.
private let policyLabels: [AddressLabel] = [
    AddressLabel(IPPrefix(host: IPAddress(v6High: 0, low: 1)), label: 0),
    AddressLabel(IPPrefix(.zero(.v6), length: 96), label: 3),
    AddressLabel(IPPrefix(IPAddress(v6High: 0, low: 0xffff_0000_0000), length: 96), label: 4),
    AddressLabel(IPPrefix(IPAddress(v6High: 0x2001 << 48, low: 0), length: 32), label: 6),
    AddressLabel(IPPrefix(IPAddress(v6High: 0x2001_0010 << 32, low: 0), length: 28), label: 7),
    AddressLabel(IPPrefix(IPAddress(v6High: 0x3ffe << 48, low: 0), length: 16), label: 12),
    AddressLabel(IPPrefix(IPAddress(v6High: 0x2002 << 48, low: 0), length: 16), label: 2),
    AddressLabel(IPPrefix(IPAddress(v6High: 0xfec0 << 48, low: 0), length: 10), label: 11),
    AddressLabel(IPPrefix(IPAddress(v6High: 0xfc00 << 48, low: 0), length: 7), label: 5),
    AddressLabel(IPPrefix(.zero(.v6), length: 0), label: 1),
]
