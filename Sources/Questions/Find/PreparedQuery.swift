internal import HeaderSpace
public import NetTypes
public import PathModel
public import RuleModel
internal import SourceText

/// A query whose names stand for addresses: sets of packets in any space of the host.
public struct PreparedQuery: Hashable, Sendable {
    /// One of the ends that a query allows or leaves out.
    struct End: Hashable, Sendable {
        var isNegated: Bool
        var choices: [Choice]
    }

    /// What an end stands for: one of these.
    struct Choice: Hashable, Sendable {
        enum Addresses: Hashable, Sendable {
            case all
            case ranges([AddressRange])
            case allBut([IPPrefix])
            /// Made on this host.
            case madeHere
        }

        var addresses: Addresses
        var ports: [PortRange] = []
        var `protocol`: IPProtocol?
    }

    public let query: PacketQuery
    var from: [End]
    var to: [End]
    /// IP versions that packets of it may have.
    public internal(set) var versions: [IPVersion]
    /// What names stand for; sentences without a final stop.
    public internal(set) var notes: [String]
}

/// Looks up what the names in `query` stand for.
public func prepare(
    _ query: PacketQuery, _ cluster: ClusterObjects, on model: HostModel
) throws(PacketFailure) -> PreparedQuery {
    var notes: [String] = []
    var from: [PreparedQuery.End] = []
    var to: [PreparedQuery.End] = []
    for end in query.from { from.append(try resolve(end, isSource: true, cluster, model, &notes)) }
    for end in query.to { to.append(try resolve(end, isSource: false, cluster, model, &notes)) }
    for name in query.inInterfaces { try checkInterface(name.value, model) }
    for name in query.outInterfaces { try checkInterface(name.value, model) }
    var versions = IPVersion.allCases.filter { query.version == nil || query.version == $0 }
    for (ends, _) in [(from, "from"), (to, "to")] {
        let positive = ends.filter { !$0.isNegated }
        if positive.isEmpty { continue }
        let own = Set(positive.flatMap { $0.versions })
        if Set(versions).isDisjoint(with: own) {
            throw PacketFailure(
                query.version.map { "the addresses are not of IPv\($0.rawValue)" }
                    ?? "the source and the destination are not of one IP version")
        }
        versions.removeAll { !own.contains($0) }
    }
    let protocols = query.tests[.protocol]?.filter { !$0.isNegated } ?? []
    let isOnly = { (number: UInt64) in
        !protocols.isEmpty && protocols.allSatisfy { $0.value == .range(NumberRange(number)) }
    }
    if isOnly(UInt64(IPProtocol.icmp.rawValue)) { versions.removeAll { $0 == .v6 } }
    if isOnly(UInt64(IPProtocol.icmpv6.rawValue)) { versions.removeAll { $0 == .v4 } }
    if versions.isEmpty { throw PacketFailure("icmp goes with IPv4 addresses and icmpv6 with IPv6 ones") }
    for type in query.icmpTypes {
        // A name that only one version has leaves the other out.
        versions.removeAll { version in (try? type.value.resolve(version)) == nil }
    }
    if versions.isEmpty { throw PacketFailure("no IP version has all of these ICMP types") }
    return PreparedQuery(query: query, from: from, to: to, versions: versions, notes: notes)
}

/// `end` as ends that need no looking up: a name as the addresses that it stands for.
public func addresses(
    of end: QueryEnd, _ cluster: ClusterObjects, on model: HostModel, _ notes: inout [String]
) throws(PacketFailure) -> [QueryEnd] {
    let found = try resolve(.is(end), isSource: false, cluster, model, &notes)
    var result: [QueryEnd] = []
    for choice in found.choices {
        switch choice.addresses {
        case .all: result.append(QueryEnd(place: .anywhere, ports: choice.ports, protocol: choice.protocol))
        case .ranges(let ranges):
            result += ranges.map { QueryEnd(place: .addresses($0), ports: choice.ports, protocol: choice.protocol) }
        case .allBut, .madeHere: throw PacketFailure("an address is asked for: ADDRESS, PREFIX, host or a name")
        }
    }
    return result
}

extension PreparedQuery.End {
    fileprivate var versions: [IPVersion] {
        choices.flatMap { choice -> [IPVersion] in
            switch choice.addresses {
            case .all, .madeHere, .allBut: IPVersion.allCases
            case .ranges(let ranges): ranges.map { $0.first.version }
            }
        }
    }
}

private func checkInterface(_ name: String, _ model: HostModel) throws(PacketFailure) {
    guard model.host.knowsInterfaces, !isPattern(name) else { return }
    if let symbol = model.names.find(name), model.interface(symbol) != nil { return }
    let known = model.host.interfaces.map { model.names.text($0.name) }
    throw PacketFailure("there is no interface '\(name)'; \(nearNames(name, among: known, of: "interfaces"))")
}

func isPattern(_ name: String) -> Bool { name.hasSuffix("+") || name.hasSuffix("*") }

/// Whether an interface is the one that was asked for, or of its kind: `cali+`.
func matches(_ name: String, _ pattern: String) -> Bool {
    isPattern(pattern) ? name.hasPrefix(String(pattern.dropLast())) : name == pattern
}

// MARK: Ends

private func resolve(
    _ end: Negatable<QueryEnd>, isSource: Bool, _ cluster: ClusterObjects, _ model: HostModel, _ notes: inout [String]
) throws(PacketFailure) -> PreparedQuery.End {
    let own = end.value
    var choice = PreparedQuery.Choice(addresses: .all, ports: own.ports, protocol: own.protocol)
    switch own.place {
    case .anywhere: break
    case .addresses(let range): choice.addresses = .ranges([range])
    case .host where isSource: choice.addresses = .madeHere
    case .host:
        let addresses = model.host.interfaces.flatMap { $0.addresses.map { $0.address } }
        if addresses.isEmpty {
            throw PacketFailure(
                "'host' needs the host's addresses, and the snapshot has none: add the output of `ip addr`")
        }
        choice.addresses = .ranges(addresses.map { AddressRange($0, $0) })
    case .internet:
        var taken: [IPPrefix] = []
        for version in IPVersion.allCases {
            taken += routedPrefixes(version, on: model)
            taken += notOnTheInternet(version)
        }
        for interface in model.host.interfaces { taken += interface.addresses.map { $0.prefix } }
        choice.addresses = .allBut(taken)
        notes.append("internet: every address that only the default route covers")
    case .named(let kind, let name):
        return try named(NamedEnd(kind: kind, text: name), isSource, end.isNegated, cluster, &notes)
    }
    return PreparedQuery.End(isNegated: end.isNegated, choices: [choice])
}

/// This network, loopback and what is no single host's.
private func notOnTheInternet(_ version: IPVersion) -> [IPPrefix] {
    switch version {
    case .v4:
        [(0, 8), (0x7f00_0000, 8), (0xe000_0000, 3)].map { IPPrefix(IPAddress(v4: $0.0), length: $0.1) }
    case .v6:
        [(0, 8), (0xfe80 << 48, 10), (0xff00 << 48, 8)].map {
            IPPrefix(IPAddress(v6High: $0.0, low: 0), length: $0.1)
        }
    }
}

private func named(
    _ end: NamedEnd, _ isSource: Bool, _ isNegated: Bool, _ cluster: ClusterObjects, _ notes: inout [String]
) throws(PacketFailure) -> PreparedQuery.End {
    let target = try target(end, cluster)
    if isSource, end.kind == .svc {
        throw PacketFailure("a service sends no packets: --from takes one of its pods")
    }
    let ranges = target.addresses.map { AddressRange($0, $0) }
    notes.append("\(target.title) is \(target.addresses.map { $0.description }.joined(separator: ", "))")
    notes += target.notes
    var choices: [PreparedQuery.Choice] = []
    if target.service != nil {
        // A service has the ports that it has, each with its protocol.
        for port in target.ports {
            if let text = end.port, text != port.name, UInt16(text) != port.number { continue }
            if let wanted = end.protocol, wanted != port.protocol { continue }
            choices.append(
                PreparedQuery.Choice(
                    addresses: .ranges(ranges), ports: [PortRange(port.number)], protocol: port.protocol))
        }
        if choices.isEmpty {
            if let text = end.port { throw unknownPort(text, target) }
            throw PacketFailure("\(target.title) has no port of that protocol; it has \(portList(target))")
        }
    } else {
        var choice = PreparedQuery.Choice(addresses: .ranges(ranges), protocol: end.protocol)
        if let text = end.port {
            if let named = target.ports.first(where: { $0.name == text }) {
                choice.ports = [PortRange(named.number)]
                choice.protocol = end.protocol ?? named.protocol
            } else {
                var ranges: [PortRange] = []
                do { ranges = try readPorts(text) } catch { throw unknownPort(text, target) }
                choice.ports = ranges
            }
        }
        choices.append(choice)
    }
    return PreparedQuery.End(isNegated: isNegated, choices: choices)
}
