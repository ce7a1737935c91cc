internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Whether frames that a bridge passes on go through iptables' chains. Where br_netfilter is not loaded the sysctl
    /// is absent, which counts as 0 once any sysctl is known.
    func bridgeCallsIptables(_ version: IPVersion) -> Bool? {
        let name = version == .v4 ? "net.bridge.bridge-nf-call-iptables" : "net.bridge.bridge-nf-call-ip6tables"
        if let value = model.sysctl(name) { return value != 0 }
        return model.host.sysctls.isEmpty ? nil : false
    }

    func isBridge(_ interface: Symbol) -> Bool {
        for other in model.host.interfaces {
            if other.name == interface, other.kind == .bridge { return true }
            if let master = other.master, master == interface { return true }
        }
        return false
    }

    /// Whether the frame goes from one port of a bridge to another: the user says so (`--out-port`), or both ends are
    /// neighbours on the bridge's own subnet, so that the frame is addressed to the neighbour and not to the host.
    func staysOnBridge(_ state: WalkState) -> Bool {
        guard case .known(let interface) = state.arrival else { return false }
        if state.outPort != nil { return true }
        guard isBridge(interface), let own = model.host.interface(interface) else { return false }
        return own.addresses.contains {
            $0.prefix.contains(state.packet.destination) && $0.prefix.contains(state.packet.source)
        } && !isOwnAddress(state.packet.destination)
    }

    /// How a frame that stays on its bridge begins: through iptables' chains, or past all of them.
    func enterBridge(_ entering: WalkState) -> [WalkState] {
        func passes(_ state: WalkState) -> WalkState {
            var state = state
            state.isBridged = true
            state.outcome = .forwarded
            state.position = .ended
            return state
        }
        func enters(_ state: WalkState) -> WalkState {
            var state = state
            state.isBridged = true
            return state
        }
        let version = entering.packet.version
        if let calls = bridgeCallsIptables(version) { return [calls ? enters(entering) : passes(entering)] }
        return decide(bridgeSetting, entering).map { calls, way in calls ? enters(way) : passes(way) }
    }

    /// From PREROUTING to FORWARD without routing. A frame whose destination the rules changed is routed after all.
    func bridge(_ entering: WalkState) -> [WalkState] {
        var state = entering
        if state.packet.destination != request.packet.destination {
            state.isBridged = false
            state.position = .routing
            return [state]
        }
        return bridged(state)
    }

    /// On to FORWARD as a frame: `-i` and `-o` are the bridge, the time to live stays. Observed on Linux 6.18.
    func bridged(_ entering: WalkState) -> [WalkState] {
        var state = entering
        state.isBridged = true
        if case .known(let interface) = state.arrival {
            state.route = RoutingStep(interface: interface, type: .unicast, table: 0)
            if state.outPort == nil { state.outPort = port(of: interface, toward: state) }
        }
        state.position = .hook(.forward, step: 0)
        return [state]
    }

    /// Whether a packet that was translated to a neighbour on the bridge it came by stays a frame: where bridged frames
    /// pass iptables, PREROUTING ran inside the bridge, and the frame never leaves it.
    /// Source: net/bridge/br_netfilter_hooks.c `br_nf_pre_routing_finish`; observed on Linux 6.18.
    func turnsRoundOnBridge(_ state: WalkState) -> [(Bool, WalkState)] {
        guard state.round == 0, state.layer == 0, case .known(let interface) = state.arrival,
            state.route?.interface == interface, state.packet.destination != request.packet.destination,
            isBridge(interface)
        else { return [(false, state)] }
        if let calls = bridgeCallsIptables(state.packet.version) { return [(calls, state)] }
        return decide(bridgeSetting, state)
    }

    /// The port behind which the destination is: its neighbour entry gives an address on the link, and the forwarding
    /// database that address's port. A bridge of two ports leaves no choice. `nil` where the input does not tell.
    private func port(of bridge: Symbol, toward state: WalkState) -> Symbol? {
        let neighbour = model.host.neighbours.first {
            $0.interface == bridge && $0.address == state.packet.destination
        }
        let ports = model.host.interfaces.filter { $0.master == bridge }.map { $0.name }
        if let mac = neighbour?.mac,
            let entry = model.host.forwardingEntries.first(where: { $0.mac == mac && ports.contains($0.interface) })
        {
            return entry.interface
        }
        let others = ports.filter { $0 != state.inPort }
        return others.count == 1 ? others[0] : nil
    }

    private var bridgeSetting: Unknown {
        Unknown(
            "bridge-nf-call-iptables", yes: "1", no: "0",
            whenYes: "bridged frames pass iptables (net.bridge.bridge-nf-call-iptables is 1)",
            whenNo: "bridged frames do not pass iptables (net.bridge.bridge-nf-call-iptables is 0 or absent)")
    }
}
