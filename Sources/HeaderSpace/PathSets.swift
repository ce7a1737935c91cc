public import ChainGraph
internal import NetTypes
public import PacketPath
internal import PathModel
public import RuleModel
public import SourceText

/// How packets' way through a host ended.
public struct PathEnd: Hashable, Sendable {
    public var outcome: Outcome
    public var reason: Reason?
    public var rejectWith: RejectWith?
    /// The rule that ended it; `nil` for a policy, and for what got through.
    public var rule: RuleReference?
    /// The base chain whose policy ended it.
    public var chain: ChainID?
    /// The interface that they left by.
    public var interface: Symbol?
    /// What they then go on in, which was followed for one of them: a tunnel, a bridge, copies for a group.
    public var beyond: Symbol?

    init(_ outcome: Outcome, _ reason: Reason?) {
        self.outcome = outcome
        self.reason = reason
    }
}

extension SetEvaluator {
    /// Follows packets that arrive from the wire to all their ends, which `record` has then.
    func runArriving(_ packets: PacketSet) {
        let flow = Flow(space)
        let accepted = arrived(Way(packets: packets, flow: flow))
        received(accepted)
    }

    /// Follows packets that this host makes.
    func runLocal(_ packets: PacketSet) {
        var open: [Way] = []
        var flow = Flow(space)
        flow.startedHere = true
        let sources = localSources()
        for routed in partsByRouting(flow) {
            let parts = byDestination(Way(packets: space.and(packets, routed), flow: flow)).flatMap { part in
                sources.map { Way(packets: space.and(part.packets, $0), flow: flow) }.filter { !$0.packets.isEmpty }
            }
            for part in parts {
                for (hook, way) in concluded(stages.routeLocal, part, .output) where hook == .output {
                    open.append(way)
                }
            }
        }
        let sent = passed(.output, space.merged(open))
        // What comes back by lo goes through PREROUTING yet.
        let returning = sent.filter { isReturned($0) }
        leave(returning + towardGoal(sent.filter { !isReturned($0) }))
    }

    private func isReturned(_ way: Way) -> Bool {
        guard let name = way.flow.route?.interface, let interface = model.interface(name) else { return true }
        return interface.isLoopback || model.names.text(name) == "lo"
    }

    /// Through PREROUTING and on.
    private func received(_ ways: [Way]) {
        let behind = towardGoal(passed(.prerouting, ways))
        let context = Context(hook: .prerouting, hasInInterface: true, outInterface: nil)
        var delivered: [Way] = []
        var forwarded: [Way] = []
        for (hook, way) in routed(behind, context) {
            switch hook {
            case .input: delivered.append(way)
            case .forward: forwarded.append(way)
            case .ingress, .prerouting, .output, .postrouting, .egress: continue
            }
        }
        for way in passed(.input, space.merged(delivered)) { end(way, PathEnd(.delivered, nil)) }
        leave(passed(.forward, space.merged(forwarded)))
    }

    /// Through POSTROUTING and out.
    private func leave(_ ways: [Way]) {
        var looped: [Way] = []
        for way in passed(.postrouting, withTimeToLeave(ways)) {
            for part in byLength(way).flatMap({ bySpecialAddress($0) }).flatMap({ byTimeToLive($0) }).flatMap({
                byTunnelEnd($0)
            }) {
                if isChangedByCopy(part) {
                    // Copies of IPv6 are followed with single packets alone.
                    var own = PathEnd(.undecided, nil)
                    own.beyond = part.flow.route?.interface
                    end(part, own)
                    continue
                }
                for (hook, way) in concluded(stages.transmit, part, .postrouting) {
                    switch hook {
                    case .prerouting: looped.append(way)
                    case .ingress, .input, .forward, .output, .postrouting, .egress:
                        var own = PathEnd(.undecided, nil)
                        own.beyond = way.flow.route?.interface
                        end(way, own)
                    }
                }
            }
        }
        if !looped.isEmpty { received(space.merged(looped)) }
    }

    // MARK: Before the first hook

    /// Without those that the IP layer refuses, and those that a bridge keeps.
    private func arrived(_ way: Way) -> [Way] {
        var rest = way.packets
        /// Asks one packet of `part` for all of it.
        func ask(_ part: PacketSet) {
            let own = Way(packets: space.and(rest, part), flow: way.flow)
            guard let situation = situation(own, .prerouting) else { return }
            for result in stages.arrive(situation) {
                switch result.next {
                case .hook(.prerouting): continue
                case .ended(let outcome, let reason):
                    var end = PathEnd(outcome, reason)
                    // What stays on a bridge leaves by it.
                    if outcome == .forwarded { end.interface = situation.arrival }
                    self.end(own, end)
                // Chains that are hung on a device are followed packet by packet alone, as bridges are.
                case .hook, .transmit, .loopback, .elsewhere:
                    var end = PathEnd(.undecided, nil)
                    end.beyond = situation.arrival
                    self.end(own, end)
                }
                rest = space.subtract(rest, own.packets)
            }
        }
        for (number, name) in interfaces.enumerated() {
            guard let name, let own = model.interface(name) else { continue }
            let bridge = own.master.flatMap { stages.isBridge($0) ? model.interface($0) : nil }
            if (bridge ?? own).isUp { continue }
            ask(space.packets(.inInterface, UInt128(number)))
        }
        for (number, name) in interfaces.enumerated() {
            guard let name, stages.isBridge(name), let bridge = model.interface(name) else { continue }
            let arriving = space.packets(.inInterface, UInt128(number))
            let cuts = bridgedLengthCuts(way.flow) + sourcesByPort()
            // From and to hosts of one subnet of the bridge's.
            for own in bridge.addresses where own.address.version == space.version {
                let source = space.packets(.arriving, of: .source, in: own.prefix) ?? .none
                let destination = space.packets(.arriving, of: .destination, in: own.prefix) ?? .none
                let within = space.and(arriving, space.and(source, destination))
                let toSender = toSender(in: own.prefix).map { [$0] } ?? []
                for part in parts(Way(packets: within, flow: way.flow), cuts + toSender) {
                    for atom in addressAtoms(.destination) { ask(space.and(part.packets, atom.packets)) }
                }
            }
        }
        for (number, name) in interfaces.enumerated() where name.map({ stages.hasIngress($0, space.version) }) ?? false
        {
            ask(space.packets(.inInterface, UInt128(number)))
        }
        if space.version == .v6 {
            for (number, name) in interfaces.enumerated()
            where name.map({ model.interfaceSetting(.v6, $0, "disable_ipv6") == 1 }) ?? false {
                ask(space.packets(.inInterface, UInt128(number)))
            }
            for destination in specialClasses(.destination) {
                for source in specialClasses(.source) { ask(space.and(destination, source)) }
            }
        }
        return [Way(packets: rest, flow: way.flow)]
    }

    // MARK: Hooks

    /// What is left of `entering` behind all steps of `hook`.
    func passed(_ hook: Hook, _ entering: [Way]) -> [Way] {
        var result: [Way] = []
        // Rules see the interface that packets of a flow leave by: flows of one interface are taken together.
        var groups: [(interface: Symbol?, ways: [Way])] = []
        for way in entering {
            let interface = way.flow.route?.interface
            if let place = groups.firstIndex(where: { $0.interface == interface }) {
                groups[place].ways.append(way)
            } else {
                groups.append((interface, [way]))
            }
        }
        for group in groups {
            let isLocal = hook == .output || group.ways.contains { $0.flow.startedHere }
            let hasIn: Bool
            switch hook {
            case .prerouting, .input, .forward, .ingress: hasIn = true
            case .output, .egress: hasIn = false
            case .postrouting: hasIn = !isLocal
            }
            let context = Context(
                hook: hook, hasInInterface: hasIn,
                outInterface: hook == .prerouting || hook == .input ? nil : group.interface)
            var ways = group.ways
            for step in model.compiled.plan(space.version, hook) {
                if ways.isEmpty || space.isExhausted { break }
                ways = take(step, ways, context)
            }
            result += ways
        }
        return space.merged(result)
    }

    func take(_ step: HookStep, _ ways: [Way], _ context: Context) -> [Way] {
        switch step {
        case .defragment, .confirm: return ways
        case .conntrack: return tracked(ways)
        case .withoutNAT: return translated([], ways, context)
        case .nat(let chains):
            if context.hook == .prerouting { return translatedArriving(chains, ways, context) }
            if context.hook == .postrouting { return translatedLeaving(chains, ways, context) }
            guard context.hook == .output else { return translated(chains, ways, context) }
            return ways.flatMap { way in
                rerouted(translated(chains, [way], context), from: way, byNAT: true)
            }
        case .chain(let chain): return run(chain, ways, context)
        case .unordered(let legacy, let nfTables):
            return inEitherOrder(legacy + nfTables, nfTables + legacy, ways, context) { chains, ways in
                chains.reduce(ways) { run($1, $0, context) }
            }
        case .unorderedNAT(let legacyFirst, let nfTablesFirst):
            return inEitherOrder(legacyFirst, nfTablesFirst, ways, context) { translated($0, $1, context) }
        // Packets of virtual services are followed one by one alone.
        case .virtualReplies: return ways
        case .virtualRequests: return ways.flatMap { withoutVirtual($0) }
        }
    }

    /// What comes back over lo and is translated again loses the route that it came by; it is followed one by one alone.
    /// Source: net/netfilter/nf_nat_proto.c `nf_nat_ipv4_pre_routing`, `nf_nat_ipv6_in`, Linux 6.18.
    private func translatedArriving(_ chains: [ChainID], _ ways: [Way], _ context: Context) -> [Way] {
        let looped = ways.filter { $0.flow.isLoopedBack }
        if looped.isEmpty { return translated(chains, ways, context) }
        var onward = translated(chains, ways.filter { !$0.flow.isLoopedBack }, context)
        for way in looped {
            let errors = errorsWithPerhapsWrongSum(way)
            if !errors.isEmpty { end(Way(packets: errors, flow: way.flow), PathEnd(.undecided, nil)) }
            let rest = Way(packets: space.subtract(way.packets, errors), flow: way.flow)
            for after in translated(chains, rest.packets.isEmpty ? [] : [rest], context) {
                if after.flow[.destination] == way.flow[.destination] {
                    onward.append(after)
                } else {
                    end(after, PathEnd(.undecided, nil))
                }
            }
        }
        return space.merged(onward)
    }

    /// Errors that a rule has given another prefix, which makes their checksum wrong, on the way back over lo: whether NAT
    /// sums them up hangs on what else was changed. Source: `Evaluator.isErrorWithWrongSum`.
    private func errorsWithPerhapsWrongSum(_ way: Way) -> PacketSet {
        guard space.version == .v6, exchangesPrefixes, case .unknown = way.flow[.source] else { return .none }
        let errors = space.and(way.packets, isOf(.icmpv6, way.flow))
        switch way.flow.standing {
        case .arrived: return space.and(errors, space.packets(.state, UInt128(ArrivalState.related.rawValue)))
        case .tracked(let tracked): return tracked.state == .related ? errors : .none
        case .none, .untracked, .invalid: return .none
        }
    }

    private func inEitherOrder(
        _ first: [ChainID], _ second: [ChainID], _ ways: [Way], _ context: Context,
        _ go: ([ChainID], [Way]) -> [Way]
    ) -> [Way] {
        let name = "order@\(context.hook.name)"
        let isLegacyFirst = unknown(
            name, "the chains of iptables-legacy run before those of nf_tables at \(context.hook.name)")
        return space.merged(
            go(first, ways.map { Way(packets: space.and($0.packets, isLegacyFirst), flow: $0.flow) })
                + go(second, ways.map { Way(packets: space.subtract($0.packets, isLegacyFirst), flow: $0.flow) }))
    }

    private func run(_ chain: ChainID, _ ways: [Way], _ context: Context) -> [Way] {
        let isRoute = model.linked.chain(chain).base?.type == .route && context.hook == .output
        guard isRoute else {
            return space.merged(ended(called(chain, ways, context, depth: 0, by: nil), of: chain).map { $0.way })
        }
        return space.merged(
            ways.flatMap { way in
                let onward = ended(called(chain, [way], context, depth: 0, by: nil), of: chain).map { $0.way }
                return rerouted(onward, from: way, byNAT: false)
            })
    }

    /// What goes on behind a base chain; the others are noted as ended.
    func ended(_ ends: [SetEnd], of chain: ChainID) -> [(verdict: SetVerdict, way: Way)] {
        var onward: [(verdict: SetVerdict, way: Way)] = []
        for end in ends {
            switch end.verdict {
            case .accept, .passedBy: onward.append((end.verdict, end.way))
            case .returned:
                guard let base = model.linked.chain(chain).base, base.policy == .drop else {
                    onward.append((end.verdict, end.way))
                    continue
                }
                var own = PathEnd(.dropped, .policy)
                own.chain = chain
                self.end(end.way, own)
            case .drop, .untranslated, .reject, .queue, .lost: last(end)
            }
        }
        return onward
    }

    /// Notes packets that a rule ended.
    func last(_ end: SetEnd, within: PacketSet = .all) {
        var own: PathEnd
        switch end.verdict {
        case .returned, .accept, .passedBy: return
        case .drop: own = PathEnd(.dropped, .rule)
        case .untranslated(let reason): own = PathEnd(.dropped, reason)
        case .reject(let with):
            own = PathEnd(.rejected, .rule)
            own.rejectWith = with
        case .queue: own = PathEnd(.queued, .rule)
        case .lost: own = PathEnd(.undecided, .unknownRule)
        }
        own.rule = end.rule
        self.end(end.way, own, within: within)
    }

    /// A changed packet of OUTPUT is routed again.
    private func rerouted(_ ways: [Way], from before: Way, byNAT: Bool) -> [Way] {
        let (open, lost) = routable(ways)
        end(lost)
        let asked: [PacketField] = byNAT ? [.destination] : [.destination, .mark, .source, .tos, .ttl]
        return open.flatMap { way -> [Way] in
            let written = asked.filter { way.flow[$0] != before.flow[$0] }
            if written.isEmpty { return [way] }
            // What has been raised may have been as high as it gets.
            if space.version == .v6, written.contains(.ttl), way.flow[.ttl] == .unknown {
                end([way])
                return []
            }
            // What was as it is now is not routed again.
            let same = written.map { equal(before.flow[$0], way.flow[$0], $0) }
            let parts = parts(way, same + ruleCuts(way.flow)).flatMap { byDestination($0) }.flatMap {
                bySpecialAddress($0)
            }
            return parts.flatMap { part -> [Way] in
                let same = Way(packets: part.packets, flow: before.flow)
                guard let now = situation(part, .output), let old = situation(same, .output) else { return [] }
                return concluded(stages.reroute(now, from: old, byNAT: byNAT), now, part).map { $0.way }
            }
        }
    }

    // MARK: Conntrack

    func tracked(_ ways: [Way]) -> [Way] {
        space.merged(
            ways.flatMap { way -> [Way] in
                guard case .none = way.flow.standing else { return [way] }
                // What comes back over lo without an entry is looked at anew, whatever state was given.
                if way.flow.arrivesByLo { return trackedAnew(way) }
                guard space.free.contains(.state) else { return [standing(.new, way)] }
                var arrived = way
                arrived.flow.standing = .arrived
                return way.flow.isAsArrived ? [arrived] : byState(arrived)
            })
    }

    /// By what conntrack makes of the types of ICMP and of the flags of TCP.
    private func trackedAnew(_ way: Way) -> [Way] {
        let icmp = isOf(space.version == .v4 ? .icmp : .icmpv6, way.flow)
        let tcp = isOf(.tcp, way.flow)
        var regions = [space.complement(space.or(icmp, tcp))]
        for value in 0...UInt128(UInt8.max) {
            let ofType =
                space.packets(
                    way.flow[.destinationPort], of: .destinationPort, value << 8, mask: 0xff00) ?? .none
            regions.append(space.and(icmp, ofType))
            regions.append(space.and(tcp, space.packets(way.flow[.tcpFlags], of: .tcpFlags, value) ?? .none))
        }
        var result: [Way] = []
        for region in regions {
            let part = Way(packets: space.and(way.packets, region), flow: way.flow)
            guard let situation = situation(part, .prerouting) else { continue }
            let states = stages.track(situation).compactMap { found in
                [
                    (ConnectionStates.established, ArrivalState.established), (.related, .related), (.new, .new),
                    (.invalid, .invalid), (.untracked, .untracked),
                ].first { found.contains($0.0) }?.1
            }
            let parts = alternatives("connection@lo", states.map { $0.name }, part) {
                "conntrack takes the packet that comes back over lo for \($0)"
            }
            for (index, own) in parts { result.append(standing(states[index], own)) }
        }
        return result
    }

    /// `way` in parts of which all packets stand alike in conntrack.
    func byState(_ way: Way) -> [Way] {
        guard case .arrived = way.flow.standing else { return [way] }
        return ArrivalState.allCases.map { part(of: way, $0) }.filter { !$0.packets.isEmpty }
    }

    /// The packets of `way` that arrived in `state`.
    func part(of way: Way, _ state: ArrivalState) -> Way {
        let own = space.packets(.state, UInt128(state.rawValue))
        return standing(state, Way(packets: space.and(way.packets, own), flow: way.flow))
    }

    func standing(_ state: ArrivalState, _ way: Way) -> Way {
        var flow = way.flow
        let template = flow.template ?? Flow.Template()
        flow.template = nil
        func entry(_ states: ConnectionStates) -> Flow.Standing {
            var tracked = Flow.Tracked(
                state: states, mark: space.source(.connectionMark), source: flow[.source],
                destination: flow[.destination], sourcePort: flow[.sourcePort], destinationPort: flow[.destinationPort])
            tracked.helper = template.helper
            tracked.zone = template.zone
            if states != .new {
                tracked.hasSourceMapping = true
                tracked.hasDestinationMapping = true
            }
            return .tracked(tracked)
        }
        switch state {
        case .new: flow.standing = entry(.new)
        case .established: flow.standing = entry(.established)
        case .related: flow.standing = entry(.related)
        case .invalid: flow.standing = .invalid
        case .untracked: flow.standing = .untracked
        }
        return Way(packets: way.packets, flow: flow)
    }

    // MARK: Ends

    func end(_ way: Way, _ end: PathEnd, within: PacketSet = .all) {
        if way.packets.isEmpty { return }
        var end = end
        if end.interface == nil, end.outcome == .forwarded || end.outcome == .sent {
            end.interface = way.flow.route?.interface
        }
        record.endings.append(SetEnding(packets: way.packets, within: within, flow: way.flow, end: end))
    }

    /// Packets that go on in a tunnel, over a bridge or to a group: one of them is followed, and what its outer packet
    /// meets holds for all whose mark and type of service are the same.
    func elsewhere(_ place: StageResult.Elsewhere, _ way: Way, _ hook: Hook) {
        guard let situation = situation(way, hook) else { return }
        let beyond: Symbol
        switch place {
        case .tunnel(let name): beyond = name
        case .bridge, .group: beyond = way.flow.route?.interface ?? .empty
        }
        guard hook == .postrouting, case .tunnel = place else {
            var own = PathEnd(.undecided, nil)
            own.beyond = beyond
            end(way, own)
            return
        }
        let results = stages.follow(situation)
        let isAlike = !way.flow.differs(in: [.mark, .dscp], space)
        // Of several ways one is taken; of packets that are not alike in what the outer one shows, nobody knows which.
        let names = results.indices.map { "\($0 + 1)" } + (isAlike ? [] : ["other"])
        let parts = alternatives("tunnel@\(model.names.text(beyond))", names, way) {
            "the packet's outer one goes way \($0) behind \(model.names.text(beyond))"
        }
        for (index, part) in parts {
            var own = PathEnd(.undecided, nil)
            if index < results.count, case .ended(let outcome, let reason) = results[index].next {
                own = PathEnd(outcome, reason)
            }
            own.beyond = beyond
            end(part, own)
        }
    }

    /// Without those that IPVS may take, which are followed one by one alone.
    private func withoutVirtual(_ way: Way) -> [Way] {
        var rest = way
        for service in model.host.virtualServices ?? [] where service.version == space.version {
            let own: PacketSet
            switch service.key {
            case .address(let proto, let address, let port):
                let there = space.packets(way.flow[.destination], of: .destination, space.number(address)) ?? .all
                let ports = space.packets(way.flow[.destinationPort], of: .destinationPort, UInt128(port)) ?? .all
                own = space.and(isOf(proto, way.flow), space.and(there, port == 0 ? .all : ports))
            case .mark(let mark, _):
                own = space.packets(way.flow[.mark], of: .mark, UInt128(mark)) ?? .all
            }
            end(Way(packets: space.and(rest.packets, own), flow: way.flow), PathEnd(.undecided, nil))
            rest.packets = space.subtract(rest.packets, own)
        }
        return rest.packets.isEmpty ? [] : [rest]
    }
}
