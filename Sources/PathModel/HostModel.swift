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
    /// Entries of the connection table by either direction's tuple; NAT makes the two differ.
    public let connections: ConnectionIndex
    /// The helpers that rules give connections (`CT --helper`).
    public let helpers: [Symbol]
    /// Rules that the input has but that could not be read at all, such as a native nft dump: no outcome is surer than
    /// these allow.
    public let unreadRules: [String]

    public init(_ ruleset: Ruleset, _ host: HostState, names: NameTable, unreadRules: [String] = []) {
        compiled = CompiledRuleset(LinkedRuleset(ruleset, names: names))
        self.host = host
        routesV4 = RoutingTables(host, .v4)
        routesV6 = RoutingTables(host, .v6)
        sets = SetIndex(host)
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

    /// The number set by a sysctl, or `nil` where the input does not tell.
    public func sysctl(_ name: String) -> Int? {
        guard let text = host.sysctls[name] else { return nil }
        return Int(text)
    }

    /// The number that `net.ipv4.conf.INTERFACE.key` or its like of IPv6 has; a dot of the interface's name is a slash
    /// there, as `sysctl -a` has it, or a dot all the same, as people write it.
    public func interfaceSetting(_ version: IPVersion, _ interface: Symbol, _ key: String) -> Int? {
        var name = ""
        for character in names.text(interface).unicodeScalars {
            name.unicodeScalars.append(character == "." ? "/" : character)
        }
        return sysctl("net.ipv\(version.rawValue).conf.\(name).\(key)")
            ?? sysctl("net.ipv\(version.rawValue).conf.\(names.text(interface)).\(key)")
    }

    /// The number that `net.ipv4.conf.all.key` or its like of IPv6 has.
    public func commonSetting(_ version: IPVersion, _ key: String) -> Int? {
        sysctl("net.ipv\(version.rawValue).conf.all.\(key)")
    }
}

/// Connection entries found by the tuple of either direction.
public struct ConnectionIndex: Sendable {
    public private(set) var entries: [ConnectionEntry] = []
    private var byTuple: [ConnectionTuple: [Int]] = [:]

    public init(_ entries: [ConnectionEntry]) {
        for entry in entries { insert(entry) }
    }

    public mutating func insert(_ entry: ConnectionEntry) {
        let index = entries.count
        entries.append(entry)
        byTuple[ConnectionIndex.key(entry.original), default: []].append(index)
        byTuple[ConnectionIndex.key(entry.reply), default: []].append(index)
        if entry.translatedPorts != nil { byTuple[ConnectionIndex.anyPort(entry.reply), default: []].append(index) }
        if entry.translatedDestinationPorts != nil {
            byTuple[ConnectionIndex.fromAnyPort(entry.reply), default: []].append(index)
        }
    }

    /// The entry that a packet with this tuple belongs to, and in which direction.
    ///
    /// Each direction of an entry has the zone that it has there, and so has the packet, whose direction is not known
    /// before. Source: net/netfilter/nf_conntrack_core.c `resolve_normal_ct`, `nf_ct_key_equal`; observed on Linux 6.18.
    public func find(
        _ tuple: ConnectionTuple, zone: ConnectionZone
    ) -> (entry: ConnectionEntry, direction: ConnectionDirection)? {
        let wanted = ConnectionIndex.key(tuple)
        func isIn(_ index: Int, _ direction: ConnectionDirection) -> Bool {
            entries[index].fullZone.id(in: direction) == zone.id(in: direction)
        }
        for index in byTuple[wanted] ?? [] {
            // Where the answers look like the questions, the reply is found first. Observed on Linux 6.18.
            if ConnectionIndex.key(entries[index].reply) == wanted, isIn(index, .reply) {
                return (entries[index], .reply)
            }
            if ConnectionIndex.key(entries[index].original) == wanted, isIn(index, .original) {
                return (entries[index], .original)
            }
        }
        // The answer to a port that NAT chose and that is not known: any of those it chose from.
        for index in byTuple[ConnectionIndex.anyPort(tuple)] ?? [] where isIn(index, .reply) {
            let port = tuple.protocol.isICMP ? tuple.sourcePort : tuple.destinationPort
            if entries[index].translatedPorts?.contains(port) == true {
                return (entries[index], .reply)
            }
        }
        for index in byTuple[ConnectionIndex.fromAnyPort(tuple)] ?? [] where isIn(index, .reply) {
            if entries[index].translatedDestinationPorts?.contains(tuple.sourcePort) == true {
                return (entries[index], .reply)
            }
        }
        return nil
    }

    /// Puts in `entry`, or puts it in the place of the one with the same original tuple (`--flows`); takes out one that
    /// is gone.
    public mutating func update(_ entry: ConnectionEntry) {
        if entry.isGone { return remove(entry) }
        let wanted = ConnectionIndex.key(entry.original)
        for index in byTuple[wanted] ?? [] where entries[index].fullZone == entry.fullZone {
            guard ConnectionIndex.key(entries[index].original) == wanted else { continue }
            guard ConnectionIndex.key(entries[index].reply) == ConnectionIndex.key(entry.reply) else { continue }
            entries[index] = entry
            return
        }
        insert(entry)
    }

    private mutating func remove(_ gone: ConnectionEntry) {
        let kept = entries.filter {
            $0.original != gone.original || $0.reply != gone.reply || $0.fullZone != gone.fullZone
        }
        if kept.count < entries.count { self = ConnectionIndex(kept) }
    }

    /// Whether a reply tuple is taken by another flow: NAT then chooses another port.
    ///
    /// Looked for among tuples of the zone that the reply has. Source: net/netfilter/nf_conntrack_core.c
    /// `nf_conntrack_tuple_taken`.
    public func isTaken(_ tuple: ConnectionTuple, zone: ConnectionZone) -> Bool {
        guard let found = find(tuple, zone: zone) else { return false }
        if found.direction == .original, zone.id(in: .original) != zone.id(in: .reply) { return false }
        return found.direction == .original
            || found.entry.translatedPorts == nil && found.entry.translatedDestinationPorts == nil
    }

    private static func fromAnyPort(_ tuple: ConnectionTuple) -> ConnectionTuple {
        var key = key(tuple)
        key.sourcePort = 0
        return key
    }

    private static func anyPort(_ tuple: ConnectionTuple) -> ConnectionTuple {
        var key = key(tuple)
        key.destinationPort = 0
        // An identifier stands in its place.
        if tuple.protocol.isICMP { key.sourcePort = 0 }
        return key
    }

    /// ICMP echo has one identifier where others have two ports; types 0 and 8 belong to one flow.
    private static func key(_ tuple: ConnectionTuple) -> ConnectionTuple {
        var key = tuple
        if tuple.protocol.isICMP { key.destinationPort = 0 }
        return key
    }
}
