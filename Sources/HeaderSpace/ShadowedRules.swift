public import ChainGraph
public import NetTypes
internal import PacketPath
public import PathModel
internal import RuleModel
internal import SourceText

/// A rule that no packet can match, whatever comes to its chain: rules before it take all of its packets.
public struct ShadowedRule: Hashable, Sendable {
    public var rule: RuleReference
    /// Rules that together take them, in their order; empty where there were too many shadowed rules to look for each.
    public var takers: [RuleReference]
    /// The first of all rules before it that takes them by itself; `nil` where none does.
    public var soleTaker: RuleReference?
}

/// What was found by looking through all chains.
public struct ShadowedRules: Hashable, Sendable {
    public var rules: [ShadowedRule] = []
    /// Chains that tell too many kinds of packets apart to be looked through.
    public var unfinished: [ChainID] = []
}

/// Rules of `model` for packets of `version` that those before them in the same chain take every packet from.
///
/// Only matches on headers, interfaces, states and sets count: what hangs on chance, time or something that rules change
/// is neither taken for granted nor looked at. Linear in the rules but for the diagrams' sizes.
/// - Parameter limit: of diagram nodes.
public func shadowedRules(_ model: HostModel, _ version: IPVersion, limit: Int = 16_000_000) -> ShadowedRules {
    var interfaces: [Symbol?] = [nil]
    func add(_ name: Symbol) { if !interfaces.contains(name) { interfaces.append(name) } }
    for interface in model.host.interfaces { add(interface.name) }
    for mention in model.interfaceMentions where mention.isIn && !mention.isPrefix {
        if let name = model.names.find(mention.name) { add(name) }
    }
    // One that nobody has heard of yet.
    add(.empty)
    func fresh() -> SetEvaluator {
        let space = PacketSpace(
            version, interfaces: interfaces, free: [.state, .tcpFlags, .length, .ttl, .tos], limit: limit)
        return SetEvaluator(space, model, recordsRules: false)
    }
    var evaluator = fresh()
    var result = ShadowedRules()
    for index in model.linked.chainIDs {
        let chain = ChainID(index)
        guard model.linked.table(of: chain).family.sees(version) else { continue }
        var found = evaluator.shadowed(in: chain)
        if evaluator.space.isExhausted {
            // Chains before it may have taken the room.
            evaluator = fresh()
            found = evaluator.shadowed(in: chain)
        }
        if evaluator.space.isExhausted {
            result.unfinished.append(chain)
            evaluator = fresh()
        } else {
            result.rules += found
        }
    }
    return result
}

extension SetEvaluator {
    fileprivate func shadowed(in chain: ChainID) -> [ShadowedRule] {
        let rules = model.linked.chain(chain).rules
        if rules.count < 2 { return [] }
        let domain = space.and(
            space.wellFormed,
            space.and(
                space.packets(.inInterface, from: 0, through: UInt128(space.interfaces.count - 1)),
                space.packets(.state, from: 0, through: UInt128(ArrivalState.allCases.count - 1))))
        var taken: [(rule: RuleReference, packets: PacketSet)] = []
        var all = PacketSet.none
        var found: [ShadowedRule] = []
        for (index, rule) in rules.enumerated() {
            let reference = RuleReference(chain: chain, index: index)
            guard let own = steadyPackets(rule, reference, domain), !own.isEmpty else { continue }
            if space.isSubset(own, of: all) {
                var shadowed = ShadowedRule(rule: reference, takers: [])
                if found.count < 200 {
                    shadowed.takers = takers(of: own, taken)
                    shadowed.soleTaker = taken.first { space.isSubset(own, of: $0.packets) }?.rule
                }
                found.append(shadowed)
                continue
            }
            if leaves(rule) {
                taken.append((reference, own))
                all = space.or(all, own)
            }
        }
        return found
    }

    private func takers(of packets: PacketSet, _ taken: [(rule: RuleReference, packets: PacketSet)]) -> [RuleReference]
    {
        var rest = packets
        var result: [RuleReference] = []
        for (rule, own) in taken {
            if space.and(rest, own).isEmpty { continue }
            result.append(rule)
            rest = space.subtract(rest, own)
            if rest.isEmpty { break }
        }
        return result
    }

    /// The packets that meet all matches of a rule; `nil` where one of them may answer otherwise another time, or looks at
    /// what rules change.
    private func steadyPackets(_ rule: Rule, _ reference: RuleReference, _ domain: PacketSet) -> PacketSet? {
        var flow = Flow(space)
        flow.standing = .arrived
        let context = Context(hook: .forward, hasInInterface: true, outInterface: nil)
        var result = domain
        var asksTransport = false
        for statement in rule.statements {
            guard case .match(let match) = statement else { break }
            switch match {
            case .comment: continue
            case .outInterface(let test):
                if test.value.isPrefix, test.value.name == .empty { continue }
                let name = model.names.text(test.value.name) + (test.value.isPrefix ? "+" : "")
                result = space.and(result, negated(unknown("out@\(name)", "it leaves by \(name)"), test.isNegated))
                continue
            case .tcp(let tcp):
                if tcp.option != 0 { return nil }
                asksTransport = true
            case .udp, .udplite, .multiport, .icmp: asksTransport = true
            case .source, .destination, .sourceV4, .destinationV4, .inInterface, .protocol, .addressRange: break
            case .state(let test):
                if !isPlain(test.value) { return nil }
            case .conntrack(let conntrack):
                var rest = conntrack
                rest.state = nil
                guard let state = conntrack.state, isPlain(state.value), rest == ConntrackMatch() else { return nil }
            case .set(let set):
                guard let known = model.sets.entries[set.name.value]?.set, !known.isIncomplete, !known.hasTimeout,
                    !model.compiled.changedSets.contains(set.name.value), set.packets == nil, set.bytes == nil
                else { return nil }
                asksTransport = asksTransport || set.directions.count > 1 || known.type == .bitmapPort
            default: return nil
            }
            let asked = Asked(reference, context, Way(packets: result, flow: flow), in: space)
            result = space.and(result, packets(match, asked))
        }
        // A later fragment has no ports, and meets no rule that asks for them.
        if asksTransport { result = space.subtract(result, unknown("fragment", "it is a later fragment")) }
        return result
    }

    private func isPlain(_ states: ConnectionStates) -> Bool { states.isDisjoint(with: [.snat, .dnat]) }

    /// Whether every packet that a rule matches goes no further in its chain.
    private func leaves(_ rule: Rule) -> Bool {
        for statement in rule.statements {
            guard case .target(let target) = statement else { continue }
            switch target {
            case .accept, .drop, .return, .reject, .queue, .goto: return true
            default: return false
            }
        }
        return false
    }
}
