internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// After INPUT: to a socket, or out of a tunnel.
    func deliver(_ entering: WalkState) -> [WalkState] {
        var state = entering
        // IPv6 puts together behind INPUT what came in fragments.
        if let next = follower(of: state, keptBy: .host) { return [next] }
        if let end = apart(state, keptBy: .host) { return [end] }
        if let whole = state.fragments?.whole, state.packet.isFragment {
            state.record(.defragmentation)
            return [given(to: listener(for: whole, state), state)]
        }
        switch destinationHeaders(state) {
        case .taken: break
        case .refused, .answered: return [ended(state, .filtered, .badHeader)]
        case .sentOn:
            state.history.assumptions.append(
                Assumption(
                    name: "segment-routing", value: "unknown",
                    text: "the packet's routing header sends it on to its next segment, which is not followed",
                    step: state.history.steps.count))
            return [ended(state, .undecided, .unknownRule)]
        }
        switch takingTunnel(state) {
        case .device(let interface, let inner): return unpacked(inner, by: interface, state)
        case .otherNumbers: return [ended(state, .filtered, .otherTunnel)]
        case .none: break
        }
        if let tunnel = openTunnel(of: state) {
            let name = names.text(tunnel)
            state.history.assumptions.append(
                Assumption(
                    name: "inside", value: "unknown",
                    text:
                        "the tunnel \(name) takes the packet: what is inside it goes on from there and is not followed",
                    step: state.history.steps.count))
        }
        return [given(to: listener(for: state.packet, state), state)]
    }

    private func given(to listener: Int?, _ entering: WalkState) -> WalkState {
        var state = entering
        state.record(.delivery(listener: listener))
        state.outcome = .delivered
        state.position = .ended
        return state
    }

    /// The packet that was inside, as it comes in by the tunnel.
    private func unpacked(_ inner: Packet, by interface: Symbol, _ entering: WalkState) -> [WalkState] {
        var state = entering
        state.record(.decapsulation(interface: interface))
        state.packet = inner
        state.packet.mark = entering.packet.mark
        state.isGivenToSocket = false
        state.inner.removeLast()
        leaveConnection(&state)
        state.arrival = .known(interface)
        state.layer = state.layer > 0 ? state.layer - 1 : 0
        state.round += 1
        state.hasVerifiedChecksum = false
        state.route = nil
        state.isLoopedBack = false
        state.position = .hook(.prerouting, step: 0)
        // Whom the frame inside is to. Source: drivers/net/vxlan/vxlan_core.c `vxlan_set_mac`, net/ipv4/ip_input.c
        // `ip_rcv_core`, Linux 6.18; observed there.
        if let frame = state.tunnelHeader?.destinationMAC, let device = model.interface(interface),
            device.master == nil,
            let own = device.mac, frame != own, frame.bits >> 40 & 1 == 0
        {
            state.packet.packetType = .otherHost
            return [ended(state, .filtered, .notAddressed)]
        }
        state.tunnelHeader = nil
        // A bridge's port hands it to the bridge, which keeps what is from and to hosts of its own subnet.
        if let bridge = model.interface(interface)?.master, isBridge(bridge), let own = model.interface(bridge) {
            state.arrival = .known(bridge)
            if isBetweenNeighbours(inner, of: own) { return enterBridge(state) }
        }
        if let way = atIngress(state, of: state.arrival) { return [way] }
        return [state]
    }

    /// The index of the socket that takes `packet`: one bound to its address before one bound to any, and among those one
    /// of its device. Source: net/ipv4/inet_hashtables.c `__inet_lookup_listener`, `compute_score`, net/ipv4/udp.c
    /// `__udp4_lib_lookup`, Linux 6.18; observed there.
    private func listener(for packet: Packet, _ state: WalkState) -> Int? {
        var wildcard: Int?
        var isOfDevice = false
        for (index, socket) in (model.host.listeners ?? []).enumerated()
        where fits(socket, packet.protocol, state, packet.destination, packet.destinationPort) {
            if socket.address != nil { return index }
            if wildcard == nil || socket.interface != nil && !isOfDevice {
                wildcard = index
                isOfDevice = socket.interface != nil
            }
        }
        return wildcard
    }
}
