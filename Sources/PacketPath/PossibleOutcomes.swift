internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// Notes what may become of a way that is followed no further, and of the sets that rules may still change on it.
    func leaveUnfollowed(_ state: inout WalkState) {
        state.possibleOutcomes = possibleOutcomes(of: state)
        for table in model.linked.ruleset.tables {
            for chain in table.chains {
                for rule in chain.rules {
                    guard case .set(let target)? = rule.target else { continue }
                    for name in [target.add?.set, target.delete?.set].compactMap({ $0 }) {
                        let members = model.sets.entries[name]?.set.elements.compactMap { $0.member } ?? []
                        for set in [name] + members { state.setChanges.change(set) { $0.doubt() } }
                    }
                }
            }
        }
    }

    /// How a way that is followed no further may end: what routing and the rules of all hooks before it can come to,
    /// whatever they ask. Nothing else is possible; some of these may not be.
    func possibleOutcomes(of state: WalkState) -> [Outcome] {
        var hooks = hooks(after: state)
        var possible: Set<Outcome> = []
        // The end of one layer may be the beginning of another.
        let isTunnelled = !state.inner.isEmpty || model.host.interfaces.contains { tunnel(of: $0.name) != nil }
        if isTunnelled { hooks = Hook.allCases.filter { $0 != .ingress && $0 != .egress } }
        if hooks.contains(.postrouting) {
            possible.insert(state.startedHere ? .sent : .forwarded)
        } else if case .transmit = state.position {
            possible.insert(state.startedHere ? .sent : .forwarded)
        }
        if hooks.contains(.input) { possible.insert(.delivered) }
        if case .deliver = state.position { possible.insert(.delivered) }
        // Routing decides after PREROUTING, and again after OUTPUT.
        let routes: Bool
        switch state.position {
        case .routing, .localRouting: routes = true
        case .hook, .bridging, .transmit, .deliver, .ended: routes = hooks.contains(.prerouting)
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
        let local: [Hook] = [.prerouting, .input, .output, .postrouting]
        switch state.position {
        case .hook(let hook, _):
            switch hook {
            case .ingress, .prerouting:
                return state.isLoopedBack ? [.prerouting, .input] : [.prerouting, .input, .forward, .postrouting]
            case .input: return [.input]
            case .forward: return [.forward, .postrouting]
            // Over lo the packet comes back.
            case .output: return local
            case .postrouting: return state.isLocal ? [.postrouting, .prerouting, .input] : [.postrouting]
            case .egress: return [.egress]
            }
        case .routing, .bridging: return [.input, .forward, .postrouting]
        case .localRouting: return local
        case .transmit: return state.isLocal ? [.prerouting, .input] : []
        case .deliver, .ended: return []
        }
    }

    /// How the rules of a hook may end a packet, jumps followed, conditions left out.
    private func outcomes(at hook: Hook, _ version: IPVersion) -> Set<Outcome> {
        var possible: Set<Outcome> = []
        var seen: Set<ChainID> = []
        var waiting = model.linked.baseChains(version, hook)
        while let id = waiting.popLast() {
            guard seen.insert(id).inserted else { continue }
            let chain = model.linked.chain(id)
            if chain.base?.policy == .drop { possible.insert(.dropped) }
            for rule in chain.rules {
                // A rule that meets a malformed header, or whose target is not there, drops too.
                if let target = rule.target { possible.formUnion(outcomes(of: target)) }
                if rule.statements.contains(where: isTCPMatch) { possible.insert(.dropped) }
            }
            for jump in model.linked.jumps[id.index] {
                if let target = jump.target { waiting.append(target) } else { possible.insert(.dropped) }
            }
        }
        return possible
    }

    private func isTCPMatch(_ statement: Statement) -> Bool {
        if case .match(.tcp) = statement { return true }
        return false
    }

    private func outcomes(of target: Target) -> Set<Outcome> {
        switch target {
        case .drop, .tproxy, .synproxy, .clusterIP, .unknown: [.dropped]
        case .reject: [.rejected]
        case .queue, .nfQueue: [.queued]
        // Without an address or a port that is free the packet is dropped.
        case .dnat, .snat, .masquerade, .redirect, .netmap: [.dropped]
        case .accept, .return, .jump, .goto, .mark, .connectionMark, .ct, .notrack, .classify, .dscp, .tos,
            .timeToLive, .tcpMSS, .hmark, .prefixTranslation, .ecn, .set, .connectionSecurityMark, .checksumFill,
            .tcpOptionStrip, .securityMark, .log, .nfLog, .ulog, .audit, .tee, .idleTimer, .led, .rateEstimate, .trace:
            []
        }
    }
}
