public import ChainGraph
public import NetTypes
public import RuleModel
public import SourceText

/// Everything that decides a packet's way on one host, as data: rules, routes, sets, connections, settings.
///
/// Copies share one `Body`: a model is passed on for each packet and never changes but by names.
public struct HostModel: Sendable {
    /// One element: an array is what copies share.
    private var cell: [Body]

    private struct Body: Sendable {
        var compiled: CompiledRuleset
        let host: HostState
        let routesV4: RoutingTables
        let routesV6: RoutingTables
        let sets: SetIndex
        let index: HostIndex
        let connections: ConnectionIndex
        let helpers: [Symbol]
        let unreadRules: [String]
    }

    public init(_ ruleset: Ruleset, _ host: HostState, names: NameTable, unreadRules: [String] = []) {
        // Native rules have names of interfaces as bytes; who asks what comes in by them needs symbols.
        var names = names
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
        cell = [
            Body(
                compiled: CompiledRuleset(
                    LinkedRuleset(ruleset, names: names),
                    balanced: Set((host.virtualServices ?? []).map { $0.version })),
                host: host, routesV4: RoutingTables(host, .v4), routesV6: RoutingTables(host, .v6),
                sets: SetIndex(host), index: HostIndex(host), connections: ConnectionIndex(host.connections ?? []),
                helpers: helpers, unreadRules: unreadRules)
        ]
    }

    private var index: HostIndex { _read { yield cell[0].index } }

    public var compiled: CompiledRuleset { _read { yield cell[0].compiled } }

    public var linked: LinkedRuleset { _read { yield cell[0].compiled.linked } }

    public var names: NameTable { _read { yield cell[0].compiled.linked.names } }

    public var host: HostState { _read { yield cell[0].host } }

    public var routesV4: RoutingTables { _read { yield cell[0].routesV4 } }

    public var routesV6: RoutingTables { _read { yield cell[0].routesV6 } }

    public var sets: SetIndex { _read { yield cell[0].sets } }

    /// Entries of the connection table by either direction's tuple; NAT makes the two differ.
    public var connections: ConnectionIndex { _read { yield cell[0].connections } }

    /// The helpers that rules give connections (`CT --helper`).
    public var helpers: [Symbol] { cell[0].helpers }

    /// Rules that the input has but that could not be read at all, such as a native nft dump: no outcome is surer than
    /// these allow.
    public var unreadRules: [String] { cell[0].unreadRules }

    public func routes(_ version: IPVersion) -> RoutingTables { version == .v4 ? routesV4 : routesV6 }

    /// The symbol of a name that a question brings along, such as an interface that no input speaks of.
    public mutating func intern(_ name: String) -> Symbol { names.find(name) ?? cell[0].compiled.intern(name) }

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
