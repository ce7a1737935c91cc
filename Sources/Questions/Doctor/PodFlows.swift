internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel

/// A packet that has to get through on a healthy node, with words for it.
struct SampleFlow {
    var text: String
    var packet: PacketDescription
}

extension Patient {
    /// Addresses of pods or containers on this node with the interface that leads to each: what host routes of one
    /// address lead to, and what is on bridges that have an address.
    var localPods: [(address: IPAddress, interface: NetworkInterface)] {
        var found: [(address: IPAddress, interface: NetworkInterface)] = []
        for route in host.routes where route.destination.isHost {
            guard route.type == .unicast, route.nextHops.first?.gateway == nil, let name = route.interface,
                let interface = host.interface(name), interface.isUp, !interface.isLoopback
            else { continue }
            found.append((route.destination.address, interface))
        }
        for neighbour in host.neighbours where !neighbour.isUnreachable {
            guard let interface = host.interface(neighbour.interface), isBridge(interface), interface.isUp,
                interface.addresses.contains(where: { $0.prefix.contains(neighbour.address) }),
                !found.contains(where: { $0.address == neighbour.address })
            else { continue }
            found.append((neighbour.address, interface))
        }
        // A bridge of containers none of which is known: any address of its subnet stands for them.
        for interface in host.interfaces where isBridge(interface) && interface.isUp {
            for own in interface.addresses where own.address.version == .v4 && (8...29).contains(own.prefixLength) {
                guard !found.contains(where: { $0.interface.name == interface.name }) else { continue }
                let pod = IPAddress(own.address.version, high: own.address.high, low: own.address.low &+ 1)
                if own.prefix.contains(pod) { found.append((pod, interface)) }
            }
        }
        return found
    }

    /// Whether a link is a bridge of containers: by its kind, which only `ip -d` tells, or else by the name that its
    /// program gives it.
    func isBridge(_ link: NetworkInterface) -> Bool {
        link.kind == .bridge || link.kind == .other && LocalNames.isBridgeName(name(link.name))
    }

    /// What pods of this node send to each other and to the outside.
    var podFlows: [SampleFlow] {
        var flows: [SampleFlow] = []
        let pods = localPods.filter { $0.address.version == .v4 }
        guard let first = pods.first else { return [] }
        if let other = pods.dropFirst().first {
            flows.append(
                SampleFlow(
                    text: "what pods of this node send to each other",
                    packet: packet(
                        in: name(first.interface.name), from: .address(first.address),
                        to: .address(other.address))))
        }
        flows.append(
            SampleFlow(
                text: "what pods send to the outside",
                packet: packet(in: name(first.interface.name), from: .address(first.address), to: .internet)))
        return flows
    }

    /// What this host routes from one network to another, where it forwards at all.
    var routedFlows: [SampleFlow] {
        guard model.forwardsV4 == 1 else { return [] }
        return networkFlows.filter { $0.isInOrder }.map { $0.sample }
    }

    /// A packet from one network that this host has an address in to the next.
    struct NetworkFlow {
        var from: NetworkInterface
        var to: NetworkInterface
        /// Whether it goes to the network that is listed behind its own; else it is the other way.
        var isInOrder: Bool
        var sample: SampleFlow
    }

    /// What hosts of neighbouring networks send each other by this one, whether it forwards or not.
    var networkFlows: [NetworkFlow] {
        var networks: [(interface: NetworkInterface, peer: IPAddress)] = []
        for interface in host.interfaces where interface.isUp && !interface.isLoopback && !isBridge(interface) {
            for own in interface.addresses where own.address.version == .v4 && own.prefixLength <= 29 {
                let first = sampleAddress(own.prefix)
                let peer = first == own.address ? IPAddress(.v4, high: 0, low: first.low &+ 1) : first
                if !networks.contains(where: { $0.interface.name == interface.name }) {
                    networks.append((interface, peer))
                }
            }
        }
        return zip(networks, networks.dropFirst()).flatMap { first, second in
            [(first, second, true), (second, first, false)].map { from, to, isInOrder in
                NetworkFlow(
                    from: from.interface, to: to.interface, isInOrder: isInOrder,
                    sample: SampleFlow(
                        text: "what this host routes from \(name(from.interface.name)) to \(name(to.interface.name))",
                        packet: packet(
                            in: name(from.interface.name), from: .address(from.peer), to: .address(to.peer))))
            }
        }
    }

    /// Whether one of `maker`'s chains is here.
    func hasMaker(_ maker: Maker) -> Bool {
        linked.chainIDs.contains { annotations.purpose(of: ChainID($0))?.maker == maker }
    }
}
