internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Position {
    /// Grows along a packet's way, so that ways can be taken forward side by side and joined where they meet.
    var rank: Int {
        switch self {
        case .hook(let hook, let step):
            switch hook {
            case .ingress: step
            case .prerouting: 1_000 + step
            case .input: 3_000 + step
            case .forward: 4_000 + step
            case .output: 6_000 + step
            case .postrouting: 7_000 + step
            case .egress: 8_000 + step
            }
        case .reception: 999
        case .routing: 2_000
        case .bridging: 2_001
        case .localRouting: 5_000
        case .transmit: 7_999
        case .departure: 9_000
        case .deliver: 9_001
        case .ended: 10_000
        }
    }
}

extension Evaluator {
    /// Takes a packet one stage on. More than one way comes back where something unknown decides.
    ///
    /// The way is handed over, here and in what follows, so that it is changed in place where nobody else has it.
    func advance(_ state: __owned WalkState) -> [WalkState] {
        switch state.position {
        case .hook(let hook, let step): return atHook(hook, step, consume state)
        case .reception: return received(state)
        case .routing: return routeArrived(consume state)
        case .bridging: return bridge(state)
        case .localRouting: return routeLocal(state)
        case .transmit: return transmit(consume state)
        case .departure: return departed(consume state)
        case .deliver: return deliver(state)
        case .ended: return [state]
        }
    }

    func atHook(_ hook: Hook, _ step: Int, _ entering: __owned WalkState, isCopy: Bool = false) -> [WalkState] {
        let position = entering.position
        var state = consume entering
        if step == 0 { state.context = context(at: hook, state) }
        let version = state.packet.version
        let plan = model.compiled.plan(version, hook)
        guard step < plan.count else {
            state.position = after(hook, state)
            if hook == .postrouting, !isCopy { return sentToGroup(state) }
            if hook == .prerouting { return flooded(state).flatMap { $0.outcome == nil ? handedUp($0) : [$0] } }
            return hook == .output && state.packet.version == .v4 ? withCopyReceived(state) : [state]
        }
        var results: [WalkState]
        switch plan[step] {
        case .defragment: results = [defragmented(consume state)]
        case .conntrack:
            results = track(consume state)
            for index in results.indices where results[index].template != nil { results[index].template = nil }
        case .nat(let chains): results = askNAT(chains, consume state)
        case .withoutNAT:
            // That the input has an entry tells that not all rules are in it.
            if case .entry(let tracked) = state.connection, !tracked.entry.isFollowed {
                results = askNAT([], state)
            } else {
                results = [state]
            }
        case .confirm: results = [confirmed(consume state)]
        case .virtualReplies: results = answeredByServer(state)
        case .virtualRequests: results = askedOfVirtualServices(state)
        case .unorderedNAT(let legacyFirst, let nfTablesFirst):
            results = inEitherOrder(legacyFirst, nfTablesFirst, state) { chains, way in
                askNAT(chains, way)
            }
        case .chain(let chain):
            let isOfDevice = hook == .ingress || hook == .egress
            if isOfDevice, !isHung(chain, on: state.device) {
                results = [state]
            } else if isOfDevice, isRefused(by: chain, state.packet) {
                results = [ended(state, .filtered, .badHeader)]
            } else {
                results = run(chain, consume state)
            }
        case .unordered(let legacy, let nfTables):
            results = inEitherOrder(legacy + nfTables, nfTables + legacy, state) { chains, way in
                chains.reduce([way]) { ways, chain in
                    ways.flatMap { $0.outcome == nil ? run(chain, $0) : [$0] }
                }
            }
        }
        for index in results.indices {
            if results[index].outcome != nil {
                results[index].position = .ended
            } else if results[index].position == position {
                results[index].position = .hook(hook, step: step + 1)
            }
        }
        return results
    }

    /// A nat step, which a packet to many comes to behind the copy for the host.
    private func askNAT(_ chains: [ChainID], _ entering: __owned WalkState) -> [WalkState] {
        var state = consume entering
        let hook = state.context.hook
        // Only what is made here is routed again.
        let before = hook == .output ? state : nil
        let destination = state.packet.destination
        let told = hook == .postrouting ? state.natOfCopy : nil
        if let told {
            state.natOfCopy = nil
            state.history.steps += told
        }
        let stepCount = state.history.steps.count
        return natStep(chains, consume state).flatMap { way in
            var way = way
            // By what its entry says it is translated as its copy was.
            if let told, told.contains(where: isTranslation) {
                let own = way.history.steps.dropFirst(stepCount)
                way.history.steps.removeLast(own.count)
                way.history.steps += own.filter { !isTranslation($0) }
            }
            // What comes back over lo loses the route that it came by.
            // Source: net/netfilter/nf_nat_proto.c `nf_nat_ipv4_pre_routing`, `nf_nat_ipv6_in`, Linux 6.18.
            if hook == .prerouting, way.isLoopedBack, way.packet.destination != destination {
                way.isLoopedBack = false
            }
            return before.map { rerouted(way, from: $0, byNAT: true) } ?? [way]
        }
    }

    private func isTranslation(_ step: Step) -> Bool {
        if case .translation = step.kind { return true }
        return false
    }

    /// Every way through a base chain of type filter or route.
    private func run(_ chain: ChainID, _ state: __owned WalkState) -> [WalkState] {
        guard model.linked.base(of: chain)?.type == .route else {
            return joined(concluded(walk(chain, consume state), of: chain).map { $0.state })
        }
        return joined(
            concluded(walk(chain, state), of: chain).flatMap { end in
                let way = end.state
                // Source: net/netfilter/nft_chain_route.c, which routes what is accepted again; observed on Linux 6.18.
                if end.verdict == .passedBy, model.linked.table(of: chain).backend == .nfTables { return [way] }
                return rerouted(way, from: state, byNAT: false)
            })
    }

    /// Interfaces as rules see them at a hook. They stay so until the hook ends.
    func context(at hook: Hook, _ state: WalkState) -> HookContext {
        var context = HookContext()
        context.hook = hook
        let out: InterfaceView = state.routeInterface.map { .known($0) } ?? .unknown
        switch hook {
        case .ingress:
            context.inInterface = state.device.map { .known($0) } ?? .unknown
            return context
        case .egress:
            context.outInterface = state.device.map { .known($0) } ?? .unknown
            return context
        case .prerouting, .input: context.inInterface = state.arrival
        case .forward:
            context.inInterface = state.arrival
            context.outInterface = out
        case .output: context.outInterface = out
        case .postrouting:
            // A user chain may still ask for `-i` here; what a bridge passes on has none. Source: net/ipv4/ip_output.c
            // `ip_output`, net/bridge/br_netfilter_hooks.c `br_nf_post_routing`, Linux 6.18.
            if !state.isLocal, !state.isBridged { context.inInterface = state.arrival }
            context.outInterface = out
        }
        if state.round == 0, !state.isLocal {
            if state.inPort != nil, bridgeCallsIptables(state.packet.version, state.arrival) != false {
                context.inPort = state.inPort
            }
            if state.isBridged, hook != .prerouting { context.outPort = state.outPort }
        }
        return context
    }

    private func after(_ hook: Hook, _ state: WalkState) -> Position {
        switch hook {
        case .ingress: .reception
        case .prerouting: state.isBridged ? .bridging : .routing
        case .input: .deliver
        case .forward, .output: .hook(.postrouting, step: 0)
        case .postrouting: .transmit
        case .egress: .departure
        }
    }

    /// What a base chain's ends mean: the next chain, or the packet's end.
    func concluded(_ ends: __owned [ChainEnd], of chain: ChainID) -> [ChainEnd] {
        var ends = ends
        for index in ends.indices {
            let verdict = ends[index].verdict
            conclude(&ends[index].state, verdict, of: chain)
        }
        return ends
    }

    private func conclude(_ state: inout WalkState, _ verdict: ChainVerdict, of chain: ChainID) {
        switch verdict {
        case .accept, .passedBy: break
        case .drop:
            state.outcome = .dropped
            if state.reason == nil { state.reason = .rule }
        case .reject(let with):
            state.outcome = .rejected
            state.reason = .rule
            state.rejectWith = with
            closeConnection(&state)
        case .queue:
            state.outcome = .queued
            state.reason = .rule
        case .sentOut:
            state.outcome = .forwarded
            state.reason = .rule
        case .loop:
            state.outcome = .undecided
            state.reason = .unknownRule
        case .tooMany:
            leaveUnfollowed(&state)
            state.outcome = .undecided
            state.reason = .tooManyBranches
        case .returned:
            guard let base = model.linked.base(of: chain) else { break }
            if base.policy == .drop {
                state.record(.policy(chain, .drop))
                state.outcome = .dropped
                state.reason = .policy
            } else if !model.linked.rules(of: chain).isEmpty {
                state.record(.policy(chain, .accept))
            }
        }
    }
}
