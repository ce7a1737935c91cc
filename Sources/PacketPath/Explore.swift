internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Explores every way the packet may take, then tells them as one tree.
    func run() -> Trace { tree(of: explore(start())) }

    /// Takes ways forward side by side, those behind first, and joins those that meet. At most
    /// `request.maximumLeaves` are followed; what is beyond ends as `too-many-branches`.
    func explore(_ starts: [WalkState]) -> [WalkState] {
        var open = starts
        var leaves: [WalkState] = []
        while let behind = open.indices.min(by: { order(open[$0]) < order(open[$1]) }) {
            let state = open.remove(at: behind)
            if state.position == .ended {
                leaves.append(state)
                continue
            }
            for next in advance(consume state) {
                var way = next
                if way.outcome != nil, way.position != .ended { way.position = .ended }
                if way.position == .ended { way = follower(of: way) ?? withLostFragment(way) }
                if open.count + leaves.count >= request.maximumLeaves, way.position != .ended {
                    leaveUnfollowed(&way)
                    leaves.append(ended(way, .undecided, .tooManyBranches))
                } else {
                    open.append(way)
                }
            }
            if mayJoin(open) { open = joined(open) }
        }
        return leaves.count > 1 ? joined(leaves) : leaves
    }

    private func order(_ state: WalkState) -> Int { state.round * 100_000 + state.position.rank }

    /// Where the packet begins.
    private func start() -> [WalkState] {
        var state = WalkState(position: .hook(.prerouting, step: 0), packet: request.packet)
        state.setChanges = setChanges
        state.inner = request.inner
        state.tunnelHeader = request.tunnelHeader
        state.layer = UInt8(truncatingIfNeeded: request.inner.count)
        switch request.origin {
        case .host:
            state.isLocal = true
            state.startedHere = true
            state.position = .localRouting
            return [state]
        case .interface(let name):
            state.arrival = .known(name)
            // Rules see the bridge, not its port.
            if let master = model.interface(name)?.master, isBridge(master) {
                state.arrival = .known(master)
                state.inPort = name
            }
        case .anyInterface: arriveSomewhere(&state)
        }
        if let port = request.inPort { state.inPort = port }
        state.outPort = request.outPort
        // The port's own chains come before the bridge.
        if let port = state.inPort, let way = atIngress(state, of: .known(port)) { return [way] }
        return receive(state)
    }

    /// The interface that packets from this source come in by, as the way back to it tells.
    private func arriveSomewhere(_ state: inout WalkState) {
        state.arrival = .unknown
        let query = RouteQuery(destination: state.packet.source)
        guard case .found(let decision) = routeLookup(query, state.packet.version), decision.type == .unicast,
            let interface = decision.nextHop?.interface
        else { return }
        state.arrival = .known(interface)
        let name = names.text(interface)
        state.history.assumptions.append(
            Assumption(
                name: "in", value: name, text: "the packet comes in by \(name), as the route back to its source says",
                step: nil))
    }
}
