internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// An address that stands for `host` or `internet`, and how it came about.
struct ChosenAddress: Hashable {
    let address: IPAddress
    /// A sentence without a final stop.
    let note: String
}

/// The interface that has `address`, or `nil`.
func owner(of address: IPAddress, on model: HostModel) -> NetworkInterface? {
    for interface in model.host.interfaces {
        for own in interface.addresses where own.address == address { return interface }
    }
    return nil
}

/// This host as a destination: the first address of the interface that the packet comes in by, else of the one that
/// leads back to its source, else the host's first.
func hostAddress(
    _ version: IPVersion, arrival: PacketDescription.Arrival?, source: IPAddress?, on model: HostModel
) throws(PacketFailure) -> ChosenAddress {
    if arrival == .host {
        let loopback = version == .v4 ? IPAddress(v4: 0x7f00_0001) : IPAddress(v6High: 0, low: 1)
        return ChosenAddress(address: loopback, note: "host: \(loopback)")
    }
    guard model.host.knowsAddresses(version) else {
        throw PacketFailure("'host' needs the host's addresses, and the snapshot has none: add the output of `ip addr`")
    }
    var name: String?
    if case .interface(let given)? = arrival { name = given }
    if name == nil, let source, let found = mainRoute(to: source, on: model)?.interface {
        name = model.names.text(found)
    }
    if let name, let symbol = model.names.find(name), let interface = model.interface(symbol),
        let address = firstAddress(of: interface, version)
    {
        return ChosenAddress(address: address, note: "host: \(address), the address of \(name)")
    }
    for interface in model.host.interfaces where !interface.isLoopback {
        guard let address = firstAddress(of: interface, version) else { continue }
        return ChosenAddress(
            address: address, note: "host: \(address), the address of \(model.names.text(interface.name))")
    }
    throw PacketFailure("the host has no IPv\(version.rawValue) address but on lo")
}

private func firstAddress(of interface: NetworkInterface, _ version: IPVersion) -> IPAddress? {
    let own = interface.addresses.filter { $0.address.version == version }
    return (own.first { $0.scope == .global && !$0.isSecondary } ?? own.first)?.address
}

/// The longest route to `address` in the main table: for choosing an address, not for tracing.
func mainRoute(to address: IPAddress, on model: HostModel) -> Route? {
    let routes = model.routes(address.version)
    guard let table = routes.tables[RoutingRule.mainTable] else { return nil }
    for level in table.levels {
        let masked = IPPrefix(address, length: level.length).address
        if let index = level.routes[masked]?.first { return routes.routes[index] }
    }
    return nil
}

/// An address that no route but a default one covers and that no rule and no set names.
func internetAddress(_ version: IPVersion, on model: HostModel) throws(PacketFailure) -> ChosenAddress {
    var taken = routedPrefixes(version, on: model)
    for interface in model.host.interfaces {
        for own in interface.addresses where own.address.version == version { taken.append(own.prefix) }
    }
    let known = model.host.routesKnown(version) != .none
    let hasDefault = model.routes(version).routes.contains { $0.destination.length == 0 && $0.type == .unicast }
    for isStrict in [true, false] {
        let named = isStrict ? namedAddresses(version, on: model) : []
        for candidate in internetCandidates(version) {
            if taken.contains(where: { $0.contains(candidate) }) { continue }
            if named.contains(where: { $0.contains(candidate) }) { continue }
            let why =
                !known
                ? "taken as on the Internet; the snapshot has no routes"
                : (hasDefault
                    ? "which only the default route covers" : "which no route covers (there is no default route)")
            return ChosenAddress(address: candidate, note: "internet: \(candidate), \(why)")
        }
    }
    throw PacketFailure("no address was found that only the default route covers: give one in place of 'internet'")
}

/// Addresses of the documentation first, then ordinary ones.
private func internetCandidates(_ version: IPVersion) -> [IPAddress] {
    switch version {
    case .v4:
        let first: [UInt32] = [0xcb00_710a, 0xc633_640a, 0xc000_020a]
        let others = (1...223).filter { ![10, 100, 127, 169, 172, 192, 198, 203].contains($0) }
        return (first + others.map { UInt32($0) << 24 | 0x0035_070a }).map { IPAddress(v4: $0) }
    case .v6:
        let high: [UInt64] = [0x2001_0db8_ffff_0000, 0x2a00_0035_0007_0000, 0x2400_0035_0007_0000]
        return high.map { IPAddress(v6High: $0, low: 10) }
    }
}

/// What routes other than default ones cover. Two halves of everything, as VPNs write a default, count as default.
func routedPrefixes(_ version: IPVersion, on model: HostModel) -> [IPPrefix] {
    model.routes(version).routes.filter { $0.destination.length > 1 }.map { $0.destination }
}

/// Prefixes that rules or sets name, so that an example address is not one that was meant.
private func namedAddresses(_ version: IPVersion, on model: HostModel) -> [AddressMask] {
    var named: [AddressMask] = []
    for table in model.linked.ruleset.tables where table.family.sees(version) {
        for chain in table.chains {
            for rule in chain.rules {
                for statement in rule.statements {
                    guard case .match(let match) = statement else { continue }
                    switch match {
                    case .sourceV4(let test), .destinationV4(let test):
                        named.append(AddressMask(IPAddress(v4: test.address), mask: IPAddress(v4: test.mask)))
                    case .source(let test), .destination(let test): named.append(test.value)
                    default: break
                    }
                }
            }
        }
    }
    for set in model.host.sets where set.version == version {
        for element in set.elements {
            if let address = element.address { named.append(AddressMask(address)) }
            if let address = element.second { named.append(AddressMask(address)) }
        }
    }
    // Everything, and the halves of everything, name no one.
    return named.filter { $0.mask.high | $0.mask.low != 0 && ($0.prefixLength ?? 2) > 1 }
}
