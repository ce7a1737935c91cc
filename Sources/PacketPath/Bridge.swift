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
        if request.outPort != nil { return true }
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
        let unknown = Unknown(
            "bridge-nf-call-iptables", yes: "1", no: "0",
            whenYes: "bridged frames pass iptables (net.bridge.bridge-nf-call-iptables is 1)",
            whenNo: "bridged frames do not pass iptables (net.bridge.bridge-nf-call-iptables is 0 or absent)")
        return decide(unknown, entering).map { calls, way in calls ? enters(way) : passes(way) }
    }

    /// From PREROUTING to FORWARD without routing; `-i` and `-o` are the bridge. A frame whose destination the rules
    /// changed is routed after all. Observed on Linux 6.18.
    func bridge(_ entering: WalkState) -> [WalkState] {
        var state = entering
        if state.packet.destination != request.packet.destination {
            state.isBridged = false
            state.position = .routing
            return [state]
        }
        if case .known(let interface) = state.arrival {
            state.route = RoutingStep(interface: interface, type: .unicast, table: 0)
        }
        state.position = .hook(.forward, step: 0)
        return [state]
    }
}
