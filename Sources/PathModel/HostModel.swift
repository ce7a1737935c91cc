public import ChainGraph
public import NetTypes
public import RuleModel
public import SourceText

/// Everything that decides a packet's way on one host, as data: rules, routes, sets, connections, settings.
///
/// Copies share all but the names: a model is passed on for each packet.
public struct HostModel: Sendable {
    @usableFromInline let parts: Parts
    /// Those of the rule set and the host, and those that questions brought along.
    public private(set) var names: NameTable

    @usableFromInline
    final class Parts: Sendable {
        @usableFromInline let compiled: CompiledRuleset
        @usableFromInline let host: HostState
        @usableFromInline let routesV4: RoutingTables
        @usableFromInline let routesV6: RoutingTables
        @usableFromInline let sets: SetIndex
        let index: HostIndex
        @usableFromInline let connections: ConnectionIndex
        let helpers: [Symbol]
        let unreadRules: [UnfollowedDecider]

        init(
            _ compiled: CompiledRuleset, _ host: HostState, _ index: HostIndex, helpers: [Symbol],
            unreadRules: [UnfollowedDecider], names: NameTable
        ) {
            self.compiled = compiled
            self.host = host
            self.index = index
            // Where nothing tells whether the host forwards, it is taken to: packets are then told to rest on that.
            func isRouter(_ interface: Symbol) -> Bool {
                (index.number(.v6, interface, "forwarding", names) ?? index.ofAll(.v6, "forwarding")) != 0
            }
            routesV4 = RoutingTables(host, .v4, isRouter: isRouter)
            routesV6 = RoutingTables(host, .v6, isRouter: isRouter)
            sets = SetIndex(host)
            connections = ConnectionIndex(host.connections ?? [])
            self.helpers = helpers
            self.unreadRules = unreadRules
        }
    }

    public init(_ ruleset: Ruleset, _ host: HostState, names: NameTable, unreadRules: [UnfollowedDecider] = []) {
        let (ruleset, named) = InterfaceNumbers.named(ruleset, host, names)
        // Native rules have names of interfaces as bytes; who asks what comes in by them needs symbols.
        var names = named
        var native = Ruleset()
        native.tables = ruleset.tables.filter { $0.isNative }
        for mention in PathModel.interfaceMentions(native, names) { _ = names.intern(mention.name) }
        var helpers: [Symbol] = []
        for table in ruleset.tables {
            for case .helper(let helper, _) in table.objects.map({ $0.content }) where !helpers.contains(helper) {
                helpers.append(helper)
            }
            for chain in table.chains {
                for rule in chain.rules {
                    for case .target(.ct(let ct)) in rule.statements where ct.helper != .empty {
                        if !helpers.contains(ct.helper) { helpers.append(ct.helper) }
                    }
                }
            }
        }
        let compiled = CompiledRuleset(
            LinkedRuleset(ruleset, names: names), balanced: Set((host.virtualServices ?? []).map { $0.version }))
        parts = Parts(
            compiled, host, HostIndex(host, names), helpers: helpers, unreadRules: unreadRules,
            names: names)
        self.names = names
    }

    @inlinable public var compiled: CompiledRuleset { _read { yield parts.compiled } }

    @inlinable public var linked: LinkedRuleset { _read { yield parts.compiled.linked } }

    @inlinable public var host: HostState { _read { yield parts.host } }

    @inlinable public var routesV4: RoutingTables { _read { yield parts.routesV4 } }

    @inlinable public var routesV6: RoutingTables { _read { yield parts.routesV6 } }

    @inlinable public var sets: SetIndex { _read { yield parts.sets } }

    /// Entries of the connection table by either direction's tuple; NAT makes the two differ.
    @inlinable public var connections: ConnectionIndex { _read { yield parts.connections } }

    /// The helpers that rules give connections (`CT --helper`).
    public var helpers: [Symbol] { parts.helpers }

    /// Rules that decide and are not known: those that the input has but that could not be read at all, and those that it
    /// may lack as it is cut off. No outcome is surer than these allow.
    public var unreadRules: [UnfollowedDecider] { parts.unreadRules }

    public func routes(_ version: IPVersion) -> RoutingTables { version == .v4 ? routesV4 : routesV6 }

    /// The symbol of a name that a question brings along, such as an interface that no input speaks of.
    public mutating func intern(_ name: String) -> Symbol { names.find(name) ?? names.intern(name) }

    /// The interface `name`, where the input speaks of it.
    public func interface(_ name: Symbol) -> NetworkInterface? {
        parts.index.place(of: name).map { parts.host.interfaces[$0] }
    }

    /// Whether the interface is up and has a carrier, where the input speaks of it.
    public func linkState(_ name: Symbol) -> (isUp: Bool, hasCarrier: Bool)? {
        guard let place = parts.index.place(of: name) else { return nil }
        return (parts.host.interfaces[place].isUp, parts.host.interfaces[place].hasCarrier)
    }

    /// The longest packet that the interface takes, where the input tells.
    public func mtu(_ name: Symbol) -> UInt32? {
        guard let place = parts.index.place(of: name) else { return nil }
        return parts.host.interfaces[place].mtu
    }

    /// The longest packet of `version` that is sent by the interface: IPv6 has a limit of its own, which is no larger.
    /// Source: net/ipv6/addrconf.c `addrconf_sysctl_mtu`, net/ipv6/route.c `ip6_mtu`, Linux 6.18; observed there.
    public func mtu(_ name: Symbol, _ version: IPVersion) -> UInt32? {
        let own = mtu(name)
        guard version == .v6, let limit = interfaceSetting(.v6, name, "mtu"), limit >= 1280 else { return own }
        return min(own ?? .max, UInt32(truncatingIfNeeded: limit))
    }

    /// Whether the interface is a loopback one, where the input speaks of it.
    public func isLoopback(_ name: Symbol) -> Bool? {
        guard let place = parts.index.place(of: name) else { return nil }
        return parts.host.interfaces[place].isLoopback
    }

    /// Whether the input tells the host's addresses of `version`.
    public func knowsAddresses(_ version: IPVersion) -> Bool { parts.host.knowsAddresses(version) }

    /// Whether `address` is one of the host's own.
    public func isOwnAddress(_ address: IPAddress) -> Bool { parts.index.addresses.contains(address) }

    /// The VRF that `interface` is or belongs to.
    public func vrf(of interface: Symbol) -> NetworkInterface? {
        guard parts.index.hasVRFs, let own = self.interface(interface) else { return nil }
        if own.kind == .vrf { return own }
        guard let master = own.master.flatMap({ self.interface($0) }), master.kind == .vrf else { return nil }
        return master
    }

    /// Whether a port of a bridge is not sent all that the bridge does not know.
    public var limitsFlooding: Bool { parts.index.limitsFlooding }

    /// The other end of a veth pair, where both are on this host: what leaves by one comes in by the other.
    public func pairedEnd(of interface: Symbol) -> Symbol? {
        guard let own = self.interface(interface), let link = own.link, self.interface(link)?.link == interface else {
            return nil
        }
        return link
    }

    /// Whether `interface` is a bridge, or has ports and so is one.
    public func isBridge(_ interface: Symbol) -> Bool { parts.index.isBridge(interface) }

    /// Whether the host's kernel is older than Linux `major`.`minor`; one that the input does not tell of is not.
    public func isKernelBefore(_ major: Int, _ minor: Int) -> Bool {
        guard let own = kernelVersion else { return false }
        return (own.major, own.minor) < (major, minor)
    }

    /// What the release of the host's kernel begins with (`6.1.0-18-amd64`); `nil` where the input does not tell.
    public var kernelVersion: (major: Int, minor: Int)? {
        var numbers: [Int] = []
        for part in parts.host.kernelRelease.utf8.split(separator: UInt8(ascii: "."), maxSplits: 2).prefix(2) {
            var number = 0
            for byte in part {
                guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), number < 1000 else { break }
                number = number * 10 + Int(byte - UInt8(ascii: "0"))
            }
            numbers.append(number)
        }
        return numbers.count == 2 && numbers[0] > 0 ? (numbers[0], numbers[1]) : nil
    }

    /// The number set by a sysctl, or `nil` where the input does not tell.
    public func sysctl(_ name: String) -> Int? { parts.index.numbers[name] }

    /// The number that `net.ipv4.conf.INTERFACE.key` or its like of IPv6 has.
    public func interfaceSetting(_ version: IPVersion, _ interface: Symbol, _ key: String) -> Int? {
        parts.index.number(version, interface, key, names)
    }

    /// The number that `net.ipv4.conf.all.key` or its like of IPv6 has.
    public func commonSetting(_ version: IPVersion, _ key: String) -> Int? { parts.index.ofAll(version, key) }

    /// Whether IPv4 is forwarded, 0 or 1, where no interface says otherwise: one setting with two names.
    /// Source: net/ipv4/devinet.c `ctl_forward_entry`, Linux 6.18.
    public var forwardsV4: Int? { sysctl("net.ipv4.ip_forward") ?? commonSetting(.v4, "forwarding") }

    /// How many connections are tracked at most; `nil`: the input does not tell, or there is no limit.
    public var connectionLimit: Int? {
        let limit = sysctl("net.netfilter.nf_conntrack_max") ?? sysctl("net.nf_conntrack_max")
        return limit.flatMap { $0 > 0 ? $0 : nil }
    }

    /// Whether what came in by `interface` for all hosts of a subnet is passed on.
    public func forwardsBroadcasts(_ interface: Symbol) -> Bool {
        commonSetting(.v4, "bc_forwarding") ?? 0 != 0 && interfaceSetting(.v4, interface, "bc_forwarding") ?? 0 != 0
    }

    /// What an echo request is to who gets it.
    public enum EchoKind: Hashable, Sendable {
        case plain, toMany, anycast
    }

    /// The sysctl by which the host leaves an echo request unanswered; `nil` where it answers.
    /// Source: net/ipv4/icmp.c `icmp_echo`, `icmp_rcv`, net/ipv6/icmp.c `icmpv6_rcv`, `icmpv6_echo_reply`, Linux 6.18;
    /// observed there. Only what IPv4 sends to many is left unanswered unasked.
    public func settingAgainstEcho(_ version: IPVersion, _ kind: EchoKind) -> String? {
        let start = version == .v4 ? "net.ipv4.icmp_" : "net.ipv6.icmp."
        var names = [(start + "echo_ignore_all", 0)]
        switch (version, kind) {
        case (.v4, .toMany): names.append((start + "echo_ignore_broadcasts", 1))
        case (.v6, .toMany): names.append((start + "echo_ignore_multicast", 0))
        case (.v6, .anycast): names.append((start + "echo_ignore_anycast", 0))
        case (.v4, .anycast), (_, .plain): break
        }
        return names.first { (sysctl($0.0) ?? $0.1) != 0 }?.0
    }
}
