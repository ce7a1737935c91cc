internal import NetTypes
internal import PathModel
public import RuleModel
public import SourceText

/// What of a link is compared. Each may be told of one node and not of another: `ip link` tells no tunnel.
public enum LinkAspect: UInt8, Hashable, Sendable, CaseIterable {
    /// Whether it is there and up, what it carries, and what it is a port of.
    case state
    case hardwareAddress
    case tunnel
    case addressesV4
    case addressesV6
}

/// One thing that is so of a link: `mtu` is `1450`.
public struct LinkFact: Hashable, Sendable {
    public var name: String
    public var value: String
    /// Whether each node has its own: compared where both are one node.
    public var isOwn: Bool
}

/// What is so of a link, in an order that is the same for all; nothing where the input does not tell.
public func linkFacts(
    _ link: NetworkInterface, _ aspect: LinkAspect, of host: HostState, _ names: NameTable
) -> [LinkFact] {
    var facts: [LinkFact] = []
    func add(_ name: String, _ value: String?, isOwn: Bool) {
        facts.append(LinkFact(name: name, value: value ?? "none", isOwn: isOwn))
    }
    switch aspect {
    case .state:
        add("state", link.isUp ? "up" : "down", isOwn: false)
        add("carrier", link.hasCarrier ? "yes" : "no", isOwn: true)
        add("mtu", "\(link.mtu)", isOwn: false)
        add("master", link.master.map { names.text($0) }, isOwn: true)
    case .hardwareAddress:
        guard let mac = link.mac else { return [] }
        add("link address", "\(mac)", isOwn: true)
    case .tunnel:
        guard let tunnel = link.tunnel else { return [] }
        add("id", tunnel.identifier.map { "\($0)" }, isOwn: false)
        add("port", tunnel.port.map { "\($0)" }, isOwn: false)
        add("local", tunnel.local.map { "\($0)" }, isOwn: true)
        add("remote", tunnel.remote.map { "\($0)" }, isOwn: true)
        add("dev", tunnel.device.map { names.text($0) }, isOwn: true)
        add("external", tunnel.isExternal ? "yes" : "no", isOwn: false)
    case .addressesV4, .addressesV6:
        let version: IPVersion = aspect == .addressesV4 ? .v4 : .v6
        guard host.knowsAddresses(version), !link.isLoopback else { return [] }
        // A link-local address follows from the hardware's, or from nothing.
        let own = link.addresses.filter { $0.address.version == version && !$0.address.isLinkLocal }
        let texts = own.map { "\($0.address)/\($0.prefixLength)" }.sorted()
        add(version == .v4 ? "IPv4" : "IPv6", texts.isEmpty ? nil : texts.joined(separator: " "), isOwn: true)
    }
    return facts
}

extension NodeForm {
    mutating func readLinks(_ node: DiffNode, _ reader: inout StatementReader, _ settings: DiffSettings) {
        let host = node.model.host
        guard host.knowsInterfaces else { return }
        for (index, link) in host.interfaces.enumerated() {
            let name = reader.name(link.name)
            let tag = settings.isExact ? nil : reader.local.tag(ofInterface: node.model.names.text(link.name))
            // Of pods' links a node has as many as it has pods.
            let label = tag == LocalNames.podInterface ? nil : tag
            for aspect in LinkAspect.allCases {
                let facts = linkFacts(link, aspect, of: host, node.model.names)
                guard !facts.isEmpty else { continue }
                var part = Part(
                    source: .link(index, aspect), key: Part.Key(kind: 44 + aspect.rawValue, table: .empty, name: name),
                    label: label.map { reader.table.names.intern($0) } ?? name,
                    need: aspect == .state ? .whereOneNode : .whereKnown)
                for isOwn in [false, true] {
                    let text = facts.filter { $0.isOwn == isOwn }.map { $0.name + " " + $0.value }
                        .joined(separator: "\n")
                    let number = Int32(bitPattern: reader.table.names.intern(text).index)
                    if isOwn { part.ownHeader = number } else { part.header = number }
                }
                parts.append(part)
            }
        }
    }

    /// Of neighbours those that routes or tunnels send by, which stay; the others come and go.
    mutating func readNeighbours(_ node: DiffNode, _ reader: inout StatementReader) {
        let host = node.model.host
        guard host.knowsNeighbours else { return }
        var gateways: Set<IPAddress> = []
        for route in host.routes {
            for hop in route.nextHops { if let gateway = hop.gateway { gateways.insert(gateway) } }
        }
        let name = reader.table.names.intern("ip neigh")
        var part = Part(
            source: .neighbours, key: Part.Key(kind: 50, table: .empty, name: name), label: name, need: .whereKnown)
        part.isOrdered = false
        for neighbour in host.neighbours {
            guard gateways.contains(neighbour.address) else {
                part.items.append(Part.Item.uncompared)
                continue
            }
            let text =
                "\(neighbour.address) \(node.model.names.text(neighbour.interface)) "
                + (neighbour.mac.map { "\($0)" } ?? "") + (neighbour.isUnreachable ? " unreachable" : "")
            part.items.append(reader.item(text))
        }
        parts.append(part)
    }

    /// Of forwarding entries those that say where a tunnel sends to; bridges learn the others.
    mutating func readForwardingEntries(_ node: DiffNode, _ reader: inout StatementReader) {
        let host = node.model.host
        guard host.knowsForwardingEntries else { return }
        let name = reader.table.names.intern("bridge fdb")
        var part = Part(
            source: .forwardingEntries, key: Part.Key(kind: 51, table: .empty, name: name), label: name,
            need: .whereKnown)
        part.isOrdered = false
        for entry in host.forwardingEntries {
            guard entry.destination != nil || entry.isByNexthops else {
                part.items.append(Part.Item.uncompared)
                continue
            }
            let text =
                "\(entry.mac) \(node.model.names.text(entry.interface)) "
                + (entry.destination.map { "\($0)" } ?? "by nexthops") + " \(entry.port ?? 0) \(entry.identifier ?? 0)"
            part.items.append(reader.item(text))
        }
        parts.append(part)
    }
}

extension StatementReader {
    /// Something that is said word for word.
    fileprivate mutating func item(_ text: String) -> Part.Item {
        let number = Int32(bitPattern: table.names.intern(text).index)
        return Part.Item(exact: number, local: number)
    }
}
