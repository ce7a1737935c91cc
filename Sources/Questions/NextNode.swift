public import NetTypes
public import PacketPath
public import PathModel
internal import RuleModel
internal import SourceText

/// Which of several nodes an address is at home on: its own, a pod's behind a link of its own, or a container's on a
/// bridge. `nil`: none, or more than one.
public func home(of address: IPAddress, among nodes: [HostModel]) -> Int? {
    for isHome in [hasAddress, hasPod, hasBridge] {
        let found = nodes.indices.filter { isHome(nodes[$0], address) }
        if found.count == 1 { return found[0] }
        if found.count > 1 { return nil }
    }
    return nil
}

private func hasAddress(_ model: HostModel, _ address: IPAddress) -> Bool { owner(of: address, on: model) != nil }

/// A route of the address alone that leads to a link directly.
private func hasPod(_ model: HostModel, _ address: IPAddress) -> Bool {
    model.host.routes.contains { route in
        route.destination == IPPrefix(host: address) && route.type == .unicast && route.interface != nil
            && route.nextHops.first?.gateway == nil
    }
}

private func hasBridge(_ model: HostModel, _ address: IPAddress) -> Bool {
    model.host.interfaces.contains { interface in
        interface.kind == .bridge && interface.addresses.contains { $0.prefix.contains(address) }
    }
}

/// A packet that left one node and comes to another.
public struct ArrivingPacket: Hashable, Sendable {
    /// Index into the nodes.
    public var node: Int
    public var request: TraceRequest
}

/// Where a packet goes on that has left node `index`: to the node that has the address it was sent to on the wire, with
/// the interface that has it. `nil` where that is none of the nodes.
///
/// - Parameter end: a trace without branches.
public func arrival(of end: Trace, from index: Int, among nodes: [HostModel]) -> ArrivingPacket? {
    guard end.branches.isEmpty, end.outcome == .forwarded || end.outcome == .sent, let last = end.last else {
        return nil
    }
    // A tunnel's outer packet may go by routers that are no nodes.
    let destination = last.packet.unknown.contains(.destination) ? nil : last.packet.destination
    for target in [end.nextHop, destination].compactMap({ $0 }) {
        let found = nodes.indices.filter { $0 != index && hasAddress(nodes[$0], target) }
        guard found.count == 1, let interface = owner(of: target, on: nodes[found[0]]) else { continue }
        var packet = last.packet
        // What a host knows of a packet does not leave it.
        packet.mark = 0
        packet.priority = 0
        (packet.userID, packet.groupID, packet.hasSocket) = (nil, nil, false)
        packet.sourceMAC = nil
        packet.packetType = .unicast
        packet.defaulted.remove(.mark)
        packet.unknown.remove(.mark)
        packet.unknown.formUnion([.mac, .owner])
        var request = TraceRequest(packet: packet, origin: .interface(interface.name))
        request.inner = end.inner
        request.tunnelHeader = end.inner.isEmpty ? nil : end.tunnelHeader
        return ArrivingPacket(node: found[0], request: request)
    }
    return nil
}
