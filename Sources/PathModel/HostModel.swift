public import ChainGraph
public import NetTypes
public import RuleModel
public import SourceText

/// Everything that decides a packet's way on one host, as data: rules, routes, sets, connections, settings.
public struct HostModel: Sendable {
    public private(set) var compiled: CompiledRuleset
    public let host: HostState
    public let routesV4: RoutingTables
    public let routesV6: RoutingTables
    public let sets: SetIndex
    private let index: HostIndex
    /// Entries of the connection table by either direction's tuple; NAT makes the two differ.
    public let connections: ConnectionIndex
    /// The helpers that rules give connections (`CT --helper`).
    public let helpers: [Symbol]
    /// Rules that the input has but that could not be read at all, such as a native nft dump: no outcome is surer than
    /// these allow.
    public let unreadRules: [String]

    public init(_ ruleset: Ruleset, _ host: HostState, names: NameTable, unreadRules: [String] = []) {
        // Native rules have names of interfaces as bytes; who asks what comes in by them needs symbols.
        var names = names
        var native = Ruleset()
        native.tables = ruleset.tables.filter { $0.isNative }
        for mention in PathModel.interfaceMentions(native, names) { _ = names.intern(mention.name) }
        compiled = CompiledRuleset(
            LinkedRuleset(ruleset, names: names), balanced: Set((host.virtualServices ?? []).map { $0.version }))
        self.host = host
        routesV4 = RoutingTables(host, .v4)
        routesV6 = RoutingTables(host, .v6)
        sets = SetIndex(host)
        index = HostIndex(host)
        connections = ConnectionIndex(host.connections ?? [])
        self.unreadRules = unreadRules
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
        self.helpers = helpers
    }

    public var linked: LinkedRuleset { compiled.linked }

    public var names: NameTable { compiled.linked.names }

    public func routes(_ version: IPVersion) -> RoutingTables { version == .v4 ? routesV4 : routesV6 }

    /// The symbol of a name that a question brings along, such as an interface that no input speaks of.
    public mutating func intern(_ name: String) -> Symbol { compiled.intern(name) }

    /// The interface `name`, where the input speaks of it.
    public func interface(_ name: Symbol) -> NetworkInterface? { index.interfaces[name].map { host.interfaces[$0] } }

    /// Whether `address` is one of the host's own.
    public func isOwnAddress(_ address: IPAddress) -> Bool { index.addresses.contains(address) }

    /// Whether `interface` is a bridge, or has ports and so is one.
    public func isBridge(_ interface: Symbol) -> Bool { index.bridges.contains(interface) }

    /// The number set by a sysctl, or `nil` where the input does not tell.
    public func sysctl(_ name: String) -> Int? { index.numbers[name] }

    /// The number that `net.ipv4.conf.INTERFACE.key` or its like of IPv6 has.
    public func interfaceSetting(_ version: IPVersion, _ interface: Symbol, _ key: String) -> Int? {
        index.number(version, interface, key, names)
    }

    /// The number that `net.ipv4.conf.all.key` or its like of IPv6 has.
    public func commonSetting(_ version: IPVersion, _ key: String) -> Int? { index.ofAll(version, key) }
}
