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
    /// Whether its peers, and what its packets are marked with, are its own to know.
    var isWireGuard = false
    /// Whether the other end hangs on the next hop's hardware address.
    var hasForwardingEntries = false
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
        case .vxlan:
            return TunnelShape(protocol: .udp, parameters: parameters, overhead: 50, hasForwardingEntries: true)
        case .geneve: return TunnelShape(protocol: .udp, parameters: parameters, overhead: 50)
        case .wireguard:
            return TunnelShape(protocol: .udp, parameters: parameters, overhead: 60, isWireGuard: true)
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
            return TunnelShape(protocol: .udp, parameters: guess, overhead: 60, isWireGuard: true, isGuess: true)
        } else {
            return nil
        }
        return TunnelShape(
            protocol: .udp, parameters: guess, overhead: 50, hasForwardingEntries: true, isGuess: true)
    }

    /// The packet goes on inside another one, made here: OUTPUT and POSTROUTING with the outer addresses. Its mark goes
    /// with it, its connection does not. Observed on Linux 6.18 for VXLAN.
    func encapsulate(_ interface: Symbol, _ shape: TunnelShape, _ entering: WalkState) -> WalkState {
        var state = entering
        if isInside(interface, state) { return ended(state, .filtered, .tunnelLoop) }
        let parameters = shape.parameters
        var remote: IPAddress?
        var isUnknown: String?
        var header = TunnelHeader(identifier: shape.protocol == .udp ? parameters.identifier : nil)
        switch otherEnd(of: interface, shape, entering) {
        case .known(let address, let identifier):
            remote = address
            header.identifier = identifier ?? header.identifier
        case .unknown(let reason): isUnknown = reason
        case .none: break
        }
        if let text = request.assumptions["tunnel-remote"], let given = IPAddress(text) { remote = given }
        if remote == nil, isUnknown == nil { return ended(state, .filtered, .noTunnelEnd) }
        state.record(.encapsulation(interface: interface))
        let version = remote?.version ?? parameters.local?.version ?? .v4
        let zero = IPAddress.zero(version)
        var outer = Packet(source: parameters.local ?? zero, destination: remote ?? zero, protocol: shape.protocol)
        outer.mark = shape.isWireGuard ? 0 : entering.packet.mark | parameters.mark
        outer.length = entering.packet.length + shape.overhead
        outer.isSegmented = entering.packet.isSegmented
        outer.tos = 0
        // Source: drivers/net/vxlan/vxlan_core.c `vxlan_xmit_one`, Linux 6.18; observed there.
        if version == .v4 {
            outer.dontFragment =
                switch parameters.fragmenting {
                case .allowed: false
                case .forbidden: true
                case .inherited: entering.packet.version == .v6 || entering.packet.dontFragment
                }
        }
        if shape.protocol == .udp {
            outer.destinationPort = parameters.port ?? 4789
            outer.sourcePort = 0
            outer.sourcePortChoices = PortRange(1, 65535)
        }
        // `wg show` tells the peer's port, and the mark that all its packets get. Source: drivers/net/wireguard/send.c,
        // Linux 6.18.
        if shape.isWireGuard { outer.unknown.formUnion([.destinationPort, .mark]) }
        if remote == nil, let isUnknown {
            outer.unknown.insert(.destination)
            state.history.assumptions.append(
                Assumption(
                    name: "tunnel-remote", value: "unknown",
                    text: "the other end of \(names.text(interface)) is not known: \(isUnknown)",
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
        if shape.hasForwardingEntries {
            header.destinationMAC = hardwareAddress(of: nextHop(of: entering), by: neighbourDevice(interface), entering)
        }
        state.tunnelHeader = header
        state.packet = outer
        state.isBridged = false
        (state.inPort, state.outPort) = (nil, nil)
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

    /// Whether the packet is one that `interface` itself has wrapped: such go nowhere.
    /// Source: net/ipv4/ip_tunnel.c `ip_tunnel_xmit`, drivers/net/vxlan/vxlan_core.c `vxlan_xmit_one`,
    /// drivers/net/wireguard/socket.c `send4`, Linux 6.18.
    private func isInside(_ interface: Symbol, _ state: WalkState) -> Bool {
        guard state.layer > 0, state.isLocal else { return false }
        for step in state.history.steps.reversed() {
            if case .encapsulation(let last) = step.kind { return last == interface }
        }
        return false
    }

    /// Where a tunnel sends a packet.
    private enum OtherEnd {
        /// And the number that a forwarding entry has for it.
        case known(IPAddress, identifier: UInt32? = nil)
        /// The input does not tell, and why.
        case unknown(String)
        /// Nowhere: the device drops it.
        case none
    }

    private func otherEnd(of interface: Symbol, _ shape: TunnelShape, _ state: WalkState) -> OtherEnd {
        let parameters = shape.parameters
        if parameters.isExternal { return .unknown("a route or a program chooses it for each packet (`external`)") }
        if shape.hasForwardingEntries { return forwardingEnd(of: interface, parameters, state) }
        if let remote = parameters.remote { return .known(remote) }
        switch shape.protocol {
        // Without a remote of its own an IPIP device sends to the route's next hop.
        case .ipip, .gre, .ipv6:
            return state.route?.nextHop.map { .known($0) } ?? .unknown("neither `ip -d link` nor the route tells it")
        default: return .unknown("the snapshot does not tell it")
        }
    }

    /// A VXLAN device asks its forwarding entries for the hardware address of the next hop, and sends what they do not know to
    /// where they send all others: its own remote, or nowhere. Source: drivers/net/vxlan/vxlan_core.c `vxlan_xmit`,
    /// Linux 6.18; observed there.
    private func forwardingEnd(of interface: Symbol, _ parameters: TunnelParameters, _ state: WalkState) -> OtherEnd {
        guard model.host.knowsForwardingEntries else {
            return parameters.remote.map { .known($0) } ?? .unknown("`bridge fdb` is not in the input")
        }
        let hop = nextHop(of: state)
        let entries = model.host.forwardingEntries.filter {
            $0.interface == interface && ($0.destination != nil || $0.isByNexthops)
        }
        let others = entries.filter { $0.mac.bits == 0 }
        let link = neighbourDevice(interface)
        if let mac = hardwareAddress(of: hop, by: link, state) {
            if let entry = entries.first(where: { $0.mac == mac }) { return end(by: [entry]) }
        } else if entries.count > others.count,
            link != interface || !model.host.knowsNeighbours || !others.isEmpty || parameters.remote != nil
        {
            return .unknown("`ip neigh` tells no hardware address of \(hop)")
        }
        if !others.isEmpty { return end(by: others) }
        return parameters.remote.map { .known($0) } ?? .none
    }

    private func nextHop(of state: WalkState) -> IPAddress { state.route?.nextHop ?? state.packet.destination }

    /// The interface that has the neighbours behind a tunnel's: its bridge, or itself.
    private func neighbourDevice(_ interface: Symbol) -> Symbol {
        model.interface(interface)?.master.flatMap { isBridge($0) ? $0 : nil } ?? interface
    }

    /// That of a neighbour, of a group, or of all on the link. Source: include/net/ip.h `ip_eth_mc_map`, include/net/if_inet6.h
    /// `ipv6_eth_mc_map`, Linux 6.18.
    private func hardwareAddress(of hop: IPAddress, by interface: Symbol, _ state: WalkState) -> MACAddress? {
        if let mac = request.destinationMAC, state.layer == 0, hop == request.packet.destination { return mac }
        if state.route?.type == .broadcast { return MACAddress(bits: 0xffff_ffff_ffff) }
        if hop.isMulticast {
            return MACAddress(
                bits: hop.version == .v4
                    ? 0x0100_5e00_0000 | UInt64(hop.v4Bits & 0x7f_ffff) : 0x3333_0000_0000 | hop.low & 0xffff_ffff)
        }
        return model.host.neighbours.first { $0.interface == interface && $0.address == hop }?.mac
    }

    private func end(by entries: [ForwardingEntry]) -> OtherEnd {
        if entries.count > 1 { return .unknown("it sends the packet to \(entries.count) of them") }
        return entries.first.flatMap { entry in
            entry.destination.map { .known($0, identifier: entry.identifier) }
        } ?? .unknown("a group of nexthops stands for it")
    }

    /// The packet goes on in another layer, without its entry, which stays in the table.
    func leaveConnection(_ state: inout WalkState) {
        if case .entry(let tracked) = state.connection { state.history.entries.append(tracked.entry) }
        state.connection = .none
    }

    /// The tunnel interface that takes a packet of which nobody said what is inside; it goes on from there.
    func openTunnel(of state: WalkState) -> Symbol? {
        switch state.packet.protocol {
        case .udp, .ipip, .gre, .ipv6: break
        default: return nil
        }
        guard state.inner.isEmpty, !state.packet.isFragment, !state.packet.unknown.contains(.destination) else {
            return nil
        }
        for interface in model.host.interfaces where interface.isUp {
            guard let shape = tunnel(of: interface.name), takes(state.packet, shape) else { continue }
            if shape.isWireGuard, shape.parameters.port == nil { continue }
            if shape.protocol != .udp, let remote = shape.parameters.remote, remote != state.packet.source { continue }
            return interface.name
        }
        return nil
    }

    /// Whether a packet is one of the tunnel's by its protocol, port and destination.
    private func takes(_ packet: Packet, _ shape: TunnelShape) -> Bool {
        if shape.protocol != packet.protocol { return false }
        if shape.protocol == .udp, (shape.parameters.port ?? 4789) != packet.destinationPort { return false }
        return shape.parameters.local.map { $0 == packet.destination } ?? true
    }

    /// Which of the host's tunnels takes a packet.
    enum TakingTunnel {
        /// This interface, and what is inside.
        case device(Symbol, Packet)
        /// None: those of its port have other numbers, and the packet is dropped.
        case otherNumbers
        /// None: it is for a socket.
        case none
    }

    /// The tunnel interface that takes a packet which came to this host. Source: drivers/net/vxlan/vxlan_core.c `vxlan_rcv`,
    /// Linux 6.18; observed there.
    func takingTunnel(_ state: WalkState) -> TakingTunnel {
        guard let inner = state.inner.last, !state.isLocal else { return .none }
        var hasOtherNumber = false
        for interface in model.host.interfaces {
            guard let shape = tunnel(of: interface.name), takes(state.packet, shape) else { continue }
            if let identifier = state.tunnelHeader?.identifier, let own = shape.parameters.identifier,
                identifier != own,
                !shape.parameters.isExternal
            {
                hasOtherNumber = true
                continue
            }
            return .device(interface.name, inner)
        }
        return hasOtherNumber ? .otherNumbers : .none
    }
}
