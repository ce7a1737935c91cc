internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

/// How a tunnel interface wraps packets.
struct TunnelShape: Hashable, Sendable {
    var `protocol`: IPProtocol
    var parameters: TunnelParameters
    /// Bytes that the outer headers add, IPv4 outside.
    var overhead: UInt32
    /// The kind is read off the interface's name, not off `ip -d link`.
    var isGuess = false
}

extension Evaluator {
    /// The tunnel that `interface` is, or `nil`.
    func tunnel(of interface: Symbol) -> TunnelShape? {
        let name = names.text(interface)
        let own = model.interface(interface)
        let parameters = own?.tunnel ?? TunnelParameters()
        switch own?.kind ?? .other {
        case .vxlan, .geneve: return TunnelShape(protocol: .udp, parameters: parameters, overhead: 50)
        case .wireguard: return TunnelShape(protocol: .udp, parameters: parameters, overhead: 60)
        case .ipip: return TunnelShape(protocol: .ipip, parameters: parameters, overhead: 20)
        case .gre: return TunnelShape(protocol: .gre, parameters: parameters, overhead: 24)
        case .sit: return TunnelShape(protocol: .ipv6, parameters: parameters, overhead: 20)
        case .other, .loopback, .ethernet, .bridge, .veth, .vlan, .vrf, .tun, .dummy, .bond: break
        }
        // `ip addr` does not tell kinds: the names that Calico and flannel give are well known.
        var guess = parameters
        if name == "vxlan.calico" || name == "vxlan-v6.calico" {
            guess.port = guess.port ?? 4789
        } else if name.utf8.starts(with: "flannel.".utf8) {
            guess.port = guess.port ?? 8472
        } else if name == "tunl0" {
            return TunnelShape(protocol: .ipip, parameters: parameters, overhead: 20, isGuess: true)
        } else if name == "wireguard.cali" {
            guess.port = guess.port ?? 51820
            return TunnelShape(protocol: .udp, parameters: guess, overhead: 60, isGuess: true)
        } else {
            return nil
        }
        return TunnelShape(protocol: .udp, parameters: guess, overhead: 50, isGuess: true)
    }

    /// The packet goes on inside another one, made here: OUTPUT and POSTROUTING with the outer addresses. Its mark goes
    /// with it, its connection does not. Observed on Linux 6.18 for VXLAN.
    func encapsulate(_ interface: Symbol, _ shape: TunnelShape, _ entering: WalkState) -> WalkState {
        var state = entering
        state.record(.encapsulation(interface: interface))
        let parameters = shape.parameters
        var remote = parameters.remote
        // Without a remote of its own an IPIP device sends to the route's next hop.
        if remote == nil, shape.protocol == .ipip || shape.protocol == .gre || shape.protocol == .ipv6 {
            remote = entering.route?.nextHop
        }
        if remote == nil, shape.protocol == .udp { remote = forwardingRemote(interface, entering) }
        if let text = request.assumptions["tunnel-remote"], let given = IPAddress(text) { remote = given }
        let version = remote?.version ?? parameters.local?.version ?? .v4
        let zero = IPAddress.zero(version)
        var outer = Packet(source: parameters.local ?? zero, destination: remote ?? zero, protocol: shape.protocol)
        outer.mark = entering.packet.mark | parameters.mark
        outer.length = entering.packet.length + shape.overhead
        outer.isSegmented = entering.packet.isSegmented
        outer.tos = 0
        if shape.protocol == .udp {
            outer.destinationPort = parameters.port ?? 4789
            outer.sourcePort = 0
            outer.sourcePortChoices = PortRange(1, 65535)
        }
        if remote == nil {
            outer.unknown.insert(.destination)
            state.history.assumptions.append(
                Assumption(
                    name: "tunnel-remote", value: "unknown",
                    text: "the other end of \(names.text(interface)) is not in the input (`bridge fdb` tells it)",
                    step: state.history.steps.count - 1))
        }
        if shape.isGuess {
            state.history.assumptions.append(
                Assumption(
                    name: "tunnel", value: names.text(interface),
                    text: "\(names.text(interface)) is taken for a tunnel by its name (`ip -d link` tells its kind)",
                    step: state.history.steps.count - 1))
        }
        state.inner.append(entering.packet)
        state.packet = outer
        leaveConnection(&state)
        state.isLocal = true
        state.isLoopedBack = false
        state.arrival = .none
        state.route = nil
        state.layer += 1
        state.round += 1
        state.hasVerifiedChecksum = false
        state.position = .localRouting
        return state
    }

    /// The other end that a VXLAN device sends this packet to: its next hop's neighbour entry gives an address on the
    /// link, and the forwarding database that address's place. Source: drivers/net/vxlan/vxlan_core.c `vxlan_xmit`.
    private func forwardingRemote(_ interface: Symbol, _ state: WalkState) -> IPAddress? {
        let hop = state.route?.nextHop ?? state.packet.destination
        let neighbour = model.host.neighbours.first { $0.interface == interface && $0.address == hop }
        let entries = model.host.forwardingEntries.filter { $0.interface == interface && $0.destination != nil }
        if let mac = neighbour?.mac, let entry = entries.first(where: { $0.mac == mac }) { return entry.destination }
        let others = entries.filter { $0.mac == MACAddress(bits: 0) }
        return others.count == 1 ? others[0].destination : nil
    }

    /// The packet goes on in another layer, without its entry, which stays in the table.
    func leaveConnection(_ state: inout WalkState) {
        if case .entry(let tracked) = state.connection { state.history.entries.append(tracked.entry) }
        state.connection = .none
    }

    /// The tunnel interface that takes a packet which came to this host, and what is inside it.
    func decapsulated(_ state: WalkState) -> (interface: Symbol, inner: Packet)? {
        guard let inner = state.inner.last, !state.isLocal else { return nil }
        for interface in model.host.interfaces {
            guard let shape = tunnel(of: interface.name), shape.protocol == state.packet.protocol else { continue }
            if shape.protocol == .udp, (shape.parameters.port ?? 4789) != state.packet.destinationPort { continue }
            if let local = shape.parameters.local, local != state.packet.destination { continue }
            return (interface.name, inner)
        }
        return nil
    }
}
