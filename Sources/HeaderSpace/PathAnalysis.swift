internal import ChainGraph
public import NetTypes
internal import PacketPath
public import PathModel
internal import RuleModel
public import SourceText

/// Where packets come from that are followed.
public enum PacketOrigin: Hashable, Sendable, CaseIterable {
    /// By an interface, from the wire.
    case wire
    /// Made on this host.
    case host
}

/// Packets that end alike: by one rule or policy, with one translation.
public struct PacketClass {
    let deferred: DeferredSet
    /// As they arrived.
    public var packets: PacketSet { deferred.packets }
    public let kind: Kind

    /// What packets of a class have in common.
    public struct Kind: Hashable, Sendable {
        public var end: PathEnd
        /// The addresses and ports that they have at the end, where NAT gave them one.
        public var source: NewValue<IPAddress>
        public var destination: NewValue<IPAddress>
        public var sourcePort: NewValue<UInt16>
        public var destinationPort: NewValue<UInt16>
    }

    public var end: PathEnd { kind.end }
    public var source: NewValue<IPAddress> { kind.source }
    public var destination: NewValue<IPAddress> { kind.destination }
    public var sourcePort: NewValue<UInt16> { kind.sourcePort }
    public var destinationPort: NewValue<UInt16> { kind.destinationPort }

    /// What a field is at the end of the way.
    public enum NewValue<Value: Hashable & Sendable>: Hashable, Sendable {
        case unchanged
        case given(Value)
        /// Some bits of it are as they arrived (NETMAP).
        case partly
        /// A value that the kernel chooses.
        case unknown
        /// One of several that NAT gives, of packets that a rule behind it ended together.
        case various
    }

    public var isTranslated: Bool {
        source != .unchanged || destination != .unchanged || sourcePort != .unchanged || destinationPort != .unchanged
    }
}

/// All packets of one version through one host: what becomes of each.
public struct PathAnalysis {
    public let space: PacketSpace
    /// Whose rules they are; symbols in the answer are its.
    public let model: HostModel
    /// What was followed: well-formed plain packets.
    public let domain: PacketSet
    public let classes: [PacketClass]
    /// Packets, as they arrived, for which all matches of a rule held; of rules that none did there is no entry.
    public let hits: RuleSets
    /// Packets that came to a rule.
    public let reached: RuleSets
    /// What is taken for granted, as sentences, by name.
    public let granted: [(name: String, text: String)]

    /// Packets of all classes that meet a condition.
    public func packets(where isWanted: (PacketClass) -> Bool) -> PacketSet {
        space.union(of: classes.filter(isWanted).map { $0.deferred })
    }
}

extension PacketSpace {
    /// A space for packets of `version` to and from all of `models`, so that their answers can be compared: the fields that
    /// a rule of one of them looks at are free.
    ///
    /// - Parameters:
    ///   - free: fields that may differ although no rule asks.
    ///   - strangers: interfaces that packets may come by although no input names them.
    public convenience init(
        _ version: IPVersion, for models: [HostModel], free: Set<PacketField> = [], strangers: [Symbol] = []
    ) {
        var fields = free
        var names: [String?] = [nil]
        var seen: Set<String> = []
        for model in models {
            fields.formUnion(askedFields(model, version))
            for name in arrivals(model).map({ model.names.text($0) }) where seen.insert(name).inserted {
                names.append(name)
            }
        }
        for name in strangers.compactMap({ models.first?.names.text($0) }) where seen.insert(name).inserted {
            names.append(name)
        }
        let symbols = names.map { name in name.map { models.first?.names.find($0) ?? .empty } }
        self.init(version, interfaces: symbols, names: names, strangers: Set(strangers), free: fields)
        strangerNames = strangers.compactMap { models.first?.names.text($0) }
    }

    /// The symbols that `model` has of the interfaces; `.empty` for one that it has not.
    package func symbols(of model: HostModel) -> [Symbol?] {
        if interfaceNames.isEmpty { return interfaces }
        return interfaceNames.map { name in name.map { model.names.find($0) ?? .empty } }
    }

    /// Well-formed plain packets from `origin`: whole, without IP options and extension headers.
    public func domain(_ origin: PacketOrigin, on model: HostModel) -> PacketSet {
        var result = wellFormed
        if free.contains(.state) {
            result = and(result, packets(.state, from: 0, through: UInt128(ArrivalState.allCases.count - 1)))
        }
        var own = Set(arrivals(model)).union(interfaceNames.isEmpty ? strangers : [])
        own.formUnion(strangerNames.compactMap { model.names.find($0) })
        let numbers = symbols(of: model).enumerated().filter { _, name in
            switch origin {
            case .host: name == nil
            case .wire: name.map { own.contains($0) } ?? false
            }
        }.map { $0.offset }
        result = and(result, union(numbers.map { packets(.inInterface, UInt128($0)) }))
        guard origin == .host else { return result }
        var addresses: [PacketSet] = []
        for interface in model.host.interfaces {
            for address in interface.addresses where address.address.version == version {
                addresses.append(packets(.source, number(address.address)))
            }
        }
        if addresses.isEmpty { return subtract(result, packets(.source, 0)) }
        return and(result, union(addresses))
    }

    /// For `wellFormed`, which keeps it.
    func findWellFormed() -> PacketSet { and(protocols, transport) }

    private var protocols: PacketSet {
        // 0 stands for every protocol in rules; of IPv6 those that are headers of its own.
        let without: [UInt8] = version == .v4 ? [0, 58] : [0, 1, 43, 44, 51, 59, 60, 135, 139, 140]
        return complement(union(without.map { packets(.protocol, UInt128($0)) }))
    }

    /// Ports only where the protocol has some, flags only for TCP, lengths that hold the headers.
    private var transport: PacketSet {
        func of(_ proto: IPProtocol) -> PacketSet { packets(.protocol, UInt128(proto.rawValue)) }
        let hasPorts = protocolsWithPorts
        let noSource = packets(.sourcePort, 0)
        let noPorts = and(noSource, packets(.destinationPort, 0))
        let icmp = of(version == .v4 ? .icmp : .icmpv6)
        var result = union([hasPorts, and(icmp, noSource), noPorts])
        if free.contains(.tcpFlags) { result = and(result, or(of(.tcp), packets(.tcpFlags, 0))) }
        if free.contains(.length) {
            let sizes: [IPProtocol] = IPProtocol.withPorts + [version == .v4 ? .icmp : .icmpv6]
            var fits = packets(.length, from: UInt128(version == .v4 ? 20 : 40), through: 65535)
            for proto in sizes {
                let least = UInt128(PacketSpace.headers(proto, version))
                fits = and(fits, or(complement(of(proto)), packets(.length, from: least, through: 65535)))
            }
            result = and(result, fits)
        }
        return result
    }
}

/// Fields that rules of `model` look at, of those that have one value where none does.
private func askedFields(_ model: HostModel, _ version: IPVersion) -> Set<PacketField> {
    let stages = Stages(model)
    let hasMACs = model.host.sets.contains { [.bitmapIPMAC, .hashMAC, .hashIPMAC].contains($0.type) }
    var asked: PacketFields = []
    for table in model.linked.ruleset.tables where table.family.sees(version) {
        for chain in table.chains {
            for rule in chain.rules {
                for statement in rule.statements {
                    switch statement {
                    case .match(.set) where hasMACs: asked.insert(.mac)
                    case .match(let match): asked.formUnion(stages.fields(of: match, in: version))
                    case .target(.native(let statement)):
                        for expression in statement.expressions { asked.formUnion(stages.fields(of: expression)) }
                    case .target: continue
                    }
                }
            }
        }
    }
    var result: Set<PacketField> = []
    for field in [PacketField.tcpFlags, .ttl, .tos, .length, .mac, .user] where !asked.isDisjoint(with: field.fields) {
        result.insert(field)
    }
    if result.contains(.user) { result.insert(.group) }
    if model.compiled.tracks(version) { result.insert(.state) }
    return result
}

/// Interfaces that packets may come by: the host's own but lo and the ports of its bridges, or those that rules name.
private func arrivals(_ model: HostModel) -> [Symbol] {
    let stages = Stages(model)
    let bridges = Set(model.host.interfaces.map { $0.name }.filter { stages.isBridge($0) })
    let own = model.host.interfaces.filter { interface in
        !interface.isLoopback && model.names.text(interface.name) != "lo"
            && !(interface.master.map { bridges.contains($0) } ?? false)
    }
    if !own.isEmpty { return own.map { $0.name } }
    return model.interfaceMentions.filter { $0.isIn && !$0.isPrefix }.compactMap { model.names.find($0.name) }
}

/// Follows all packets of `space` from `origin` through `model`.
///
/// - Parameters:
///   - packets: only those are followed.
///   - destination: of what is not for this address once NAT has had it, no more than some is followed.
public func analyze(
    _ model: HostModel, _ origin: PacketOrigin, in space: PacketSpace, only packets: PacketSet = .all,
    goingTo destination: IPAddress? = nil, recordsRules: Bool = false
) -> PathAnalysis {
    let domain = space.and(space.domain(origin, on: model), packets)
    let evaluator = SetEvaluator(space, model, recordsRules: recordsRules)
    if !writesDestinations(model, space.version) { evaluator.goal = destination }
    switch origin {
    case .wire: evaluator.runArriving(domain)
    case .host: evaluator.runLocal(domain)
    }
    evaluator.concludeSummaries()
    var places: [PacketClass.Kind: Int] = [:]
    var classes: [PacketClass] = []
    for ending in evaluator.record.endings {
        let kind = PacketClass.Kind(ending, space)
        let place = places[kind] ?? classes.count
        if place == classes.count {
            places[kind] = place
            classes.append(PacketClass(deferred: DeferredSet(space), kind: kind))
        }
        classes[place].deferred.add(ending.packets, within: ending.within)
    }
    return PathAnalysis(
        space: space, model: model, domain: domain, classes: classes, hits: evaluator.record.hits,
        reached: evaluator.record.reached,
        granted: evaluator.record.granted.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
}

/// Whether a rule of `model` may write a destination without NAT, at whatever hook.
private func writesDestinations(_ model: HostModel, _ version: IPVersion) -> Bool {
    model.linked.ruleset.tables.contains { table in
        table.family.sees(version)
            && table.chains.contains { chain in
                chain.rules.contains { rule in
                    rule.statements.contains { statement in
                        guard case .target(.native(.assign(let target, _))) = statement else { return false }
                        switch target {
                        case .field, .payload, .extensionHeader: return true
                        case .meta, .connection: return false
                        }
                    }
                }
            }
    }
}

extension PacketClass.Kind {
    fileprivate init(_ ending: SetEnding, _ space: PacketSpace) {
        func value<Value>(_ field: PacketField, _ make: (UInt128) -> Value) -> PacketClass.NewValue<Value> {
            switch ending.flow[field] {
            case .arriving: .unchanged
            case .constant(let value): .given(make(value))
            case .bits, .lowered: .partly
            case .unknown: .unknown
            case .various: .various
            }
        }
        end = ending.end
        source = value(.source) { space.address($0) }
        destination = value(.destination) { space.address($0) }
        sourcePort = value(.sourcePort) { UInt16(truncatingIfNeeded: $0) }
        destinationPort = value(.destinationPort) { UInt16(truncatingIfNeeded: $0) }
    }
}
