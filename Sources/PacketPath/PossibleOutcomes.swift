internal import ChainGraph
internal import NetTypes
public import PathModel
internal import RuleModel
internal import SourceText

extension SetChanges {
    /// Nothing is sure any more of what rules may change: more packets have met them than are followed.
    public mutating func doubtAll(changedBy model: HostModel) {
        for name in model.compiled.changedSets {
            let members = model.sets.entries[name]?.set.elements.compactMap { $0.member } ?? []
            for set in [name] + members { change(set) { $0.doubt() } }
        }
        for name in model.compiled.changedNativeSets { change(name) { $0.doubt() } }
    }
}

extension Evaluator {
    /// Notes what may become of a way that is followed no further, and of the sets that rules may still change on it.
    func leaveUnfollowed(_ state: inout WalkState) {
        state.possibleOutcomes = possibleOutcomes(of: state)
        state.setChanges.doubtAll(changedBy: model)
    }

    /// How a way that is followed no further may end: what routing and the rules of all hooks before it can come to,
    /// whatever they ask. Nothing else is possible; some of these may not be.
    func possibleOutcomes(of state: WalkState) -> [Outcome] {
        var hooks = hooks(after: state)
        var possible: Set<Outcome> = []
        // The end of one layer may be the beginning of another.
        let isTunnelled = !state.inner.isEmpty || model.host.interfaces.contains { tunnel(of: $0.name) != nil }
        if isTunnelled { hooks = Hook.allCases }
        if hooks.contains(.postrouting) {
            possible.insert(state.startedHere ? .sent : .forwarded)
        } else if state.position == .transmit || state.position == .departure || hooks.contains(.egress) {
            possible.insert(state.startedHere ? .sent : .forwarded)
        }
        if hooks.contains(.input) { possible.insert(.delivered) }
        if case .deliver = state.position { possible.insert(.delivered) }
        // Routing decides after PREROUTING, and again after OUTPUT.
        let routes: Bool
        switch state.position {
        case .routing, .localRouting: routes = true
        case .hook, .reception, .bridging, .transmit, .departure, .deliver, .ended:
            routes = hooks.contains(.prerouting)
        }
        if routes || hooks.contains(.output) { possible.formUnion([.unroutable, .filtered]) }
        var versions: Set<IPVersion> = [state.packet.version]
        if isTunnelled { versions = [.v4, .v6] }
        for version in versions {
            for hook in hooks { possible.formUnion(outcomes(at: hook, version)) }
        }
        return Outcome.allCases.filter { possible.contains($0) }
    }

    /// The hooks that the packet may still pass, the one that it is in among them.
    private func hooks(after state: WalkState) -> [Hook] {
        let local: [Hook] = [.ingress, .prerouting, .input, .output, .postrouting, .egress]
        // IPVS sends on what comes to INPUT.
        let input: [Hook] = model.host.virtualServices?.isEmpty == false ? local : [.input]
        let onward: [Hook] = [.forward, .postrouting, .egress]
        let back: [Hook] = [.egress, .ingress, .prerouting, .input]
        let received = [.ingress, .prerouting] + (state.isLoopedBack && !state.isCircling ? input : onward + input)
        switch state.position {
        case .hook(let hook, _):
            switch hook {
            case .ingress, .prerouting: return received
            case .input: return input
            case .forward: return onward
            // Over lo the packet comes back.
            case .output: return local
            case .postrouting: return [.postrouting] + (state.isLocal ? back : [.egress])
            case .egress: return state.isLocal ? back : [.egress]
            }
        case .reception: return received
        case .routing, .bridging: return onward + input
        case .localRouting: return local
        case .transmit, .departure: return state.isLocal ? back : [.egress]
        case .deliver, .ended: return []
        }
    }

    /// How the rules of a hook may end a packet, jumps followed, conditions left out.
    private func outcomes(at hook: Hook, _ version: IPVersion) -> [Outcome] {
        let endings = model.compiled.endings(version, hook)
        let named: [(RuleEndings, Outcome)] = [(.dropped, .dropped), (.rejected, .rejected), (.queued, .queued)]
        return named.filter { endings.contains($0.0) }.map { $0.1 }
    }
}
