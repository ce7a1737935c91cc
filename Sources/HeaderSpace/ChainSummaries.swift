internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// What the rules of a chain, and of those it leads to, look at.
struct ChainReads {
    var fields: PacketFields = []
    /// Whether the interface that packets leave by is asked.
    var readsOut = false
    /// Whether the address is asked that the outgoing interface has.
    var masquerades = false
    /// Whether NAT or the next hop is asked, which look at more than rules do.
    var readsAll = false
}

/// What a chain makes of all well-formed packets of a flow: worked out once, whoever enters it.
final class ChainSummary {
    let flow: Flow
    var ends: [SetEnd] = []
    /// Those of `ends` after which packets go on.
    var onward = EndTree()
    var hits: [RuleReference: PacketSet] = [:]
    var reached: [RuleReference: PacketSet] = [:]
    /// The chains that it leads to, with the packets that it leads there.
    var calls: [(summary: ChainSummary, packets: PacketSet)] = []
    /// The packets that came to it on their way, as often as some did.
    var entries: [PacketSet] = []

    init(_ flow: Flow) { self.flow = flow }
}

/// Ends with the unions of their packets, in pairs up to all of them: who enters a chain by the thousand, and goes on by a
/// few of its thousands of ends, does not ask each. What few enter is not worth the unions.
struct EndTree {
    private var ends: [SetEnd] = []
    /// Of a range of ends the union; then that of its first half and below, then that of the second.
    private var unions: [PacketSet] = []
    private var askedCount = 0

    init() {}

    init(_ ends: [SetEnd]) { self.ends = ends }

    private mutating func add(_ range: Range<Int>, _ space: PacketSpace) -> PacketSet {
        if range.count == 1 {
            unions.append(ends[range.lowerBound].way.packets)
            return ends[range.lowerBound].way.packets
        }
        let place = unions.count
        unions.append(.none)
        let middle = range.lowerBound + range.count / 2
        let union = space.or(add(range.lowerBound..<middle, space), add(middle..<range.upperBound, space))
        unions[place] = union
        return union
    }

    /// The ends of some of `packets`, in their order, with those.
    mutating func meeting(_ packets: PacketSet, _ space: PacketSpace) -> [(end: SetEnd, packets: PacketSet)] {
        if ends.isEmpty { return [] }
        askedCount += 1
        var met: [(end: SetEnd, packets: PacketSet)] = []
        if askedCount <= 2 {
            for end in ends {
                let common = space.and(end.way.packets, packets)
                if !common.isEmpty { met.append((end, common)) }
            }
            return met
        }
        if unions.isEmpty { _ = add(0..<ends.count, space) }
        meet(0..<ends.count, at: 0, packets, space) { met.append(($0, $1)) }
        return met
    }

    private func meet(
        _ range: Range<Int>, at place: Int, _ packets: PacketSet, _ space: PacketSpace,
        _ body: (SetEnd, PacketSet) -> Void
    ) {
        let common = space.and(unions[place], packets)
        if common.isEmpty { return }
        if range.count == 1 { return body(ends[range.lowerBound], common) }
        let middle = range.lowerBound + range.count / 2
        meet(range.lowerBound..<middle, at: place + 1, common, space, body)
        meet(middle..<range.upperBound, at: place + 2 * (middle - range.lowerBound), common, space, body)
    }
}

struct SummaryKey: Hashable {
    var chain: ChainID
    var flow: Flow
    var context: SetEvaluator.Context
}

// Thousands of flows that NAT made differ in where they go alone, and most chains do not look there; and a chain for each
// pod is entered from as many others. So a chain is walked once for what it looks at, and what it makes of packets is cut to
// those that enter it. What ends in it is known when all have entered.
extension SetEvaluator {
    func summary(of chain: ChainID, _ flow: Flow, _ context: Context, _ reads: ChainReads, _ depth: Int)
        -> ChainSummary?
    {
        var context = context
        if !reads.readsOut { context.outInterface = nil }
        var blanked = flow.blanked(but: reads.fields)
        if !reads.readsOut { blanked.route = nil }
        let key = SummaryKey(chain: chain, flow: blanked, context: context)
        if let known = summaries[key] { return known }
        if depth >= 512 || openChains.contains(chain) { return nil }
        let made = ChainSummary(blanked)
        let outer = current
        current = made
        made.ends = walk(chain, [Way(packets: entrants(blanked, context), flow: blanked)], context, depth: depth)
        made.onward = EndTree(made.ends.filter { !$0.verdict.isLast })
        current = outer
        summaries[key] = made
        completed.append(made)
        return made
    }

    /// All packets that may enter with that flow. One of them stands for all where a match tells them from others: what
    /// came by an interface has no sender here.
    private func entrants(_ flow: Flow, _ context: Context) -> PacketSet {
        if !flow.startedHere, !context.hasInInterface { return space.wellFormed }
        let numbers = interfaces.indices.filter { (interfaces[$0] == nil) == flow.startedHere }
        return space.and(space.wellFormed, space.union(numbers.map { space.packets(.inInterface, UInt128($0)) }))
    }

    func enter(_ summary: ChainSummary, _ packets: PacketSet) {
        if current === root {
            summary.entries.append(packets)
        } else {
            current.calls.append((summary, packets))
        }
    }

    /// Notes what the rules of all chains met and ended, once every packet has gone its way.
    func concludeSummaries() {
        // A chain is done before those that lead to it.
        for summary in completed.reversed() {
            let entered = space.union(summary.entries)
            if entered.isEmpty { continue }
            var places: [ObjectIdentifier: Int] = [:]
            var calls: [(summary: ChainSummary, packets: [PacketSet])] = []
            for (other, packets) in summary.calls {
                if let place = places[ObjectIdentifier(other)] {
                    calls[place].packets.append(packets)
                } else {
                    places[ObjectIdentifier(other)] = calls.count
                    calls.append((other, [packets]))
                }
            }
            for (other, packets) in calls { other.entries.append(space.and(entered, space.union(packets))) }
            note(summary, entered)
            for end in summary.ends where end.verdict.isLast { last(end, within: entered) }
        }
        note(root, .all)
    }

    private func note(_ summary: ChainSummary, _ entered: PacketSet) {
        for (rule, packets) in summary.hits { record.hits.add(rule, packets, within: entered, space) }
        for (rule, packets) in summary.reached { record.reached.add(rule, packets, within: entered, space) }
    }

    func reads(of chain: ChainID) -> ChainReads {
        if let known = chainReads[chain] { return known }
        var result = ChainReads()
        var seen: Set<ChainID> = [chain]
        var open = [chain]
        while let next = open.popLast() {
            for rule in model.linked.chain(next).rules {
                for statement in rule.statements { read(statement, &result) }
            }
            for jump in model.linked.jumps[next.index] {
                if let target = jump.target, seen.insert(target).inserted { open.append(target) }
            }
        }
        chainReads[chain] = result
        return result
    }

    private func read(_ statement: Statement, _ reads: inout ChainReads) {
        switch statement {
        case .match(let match):
            reads.fields.formUnion(stages.fields(of: match, in: space.version))
            switch match {
            case .outInterface, .physicalDevice, .deviceGroup: reads.readsOut = true
            case .addressType(let match): if match.limitsToOutInterface { reads.readsOut = true }
            case .set(let set): read(set, &reads)
            case .connectionMark: reads.fields.insert(.connectionMark)
            // Over lo a frame is addressed as its packet is. The way back is asked for with more than its destination.
            case .packetType: reads.fields.insert(.destination)
            case .reversePath: reads.fields.formUnion([.destination, .dscp, .mark])
            case .realm, .policy, .ipvs, .socket, .unknown: reads.readsAll = true
            case .native(let comparison):
                for expression in comparison.expressions { read(expression, &reads) }
            default: break
            }
        case .target(let target):
            switch target {
            case .dnat(let nat) where isPlain(nat): reads.fields.formUnion([.destination, .destinationPort, .icmpType])
            case .snat(let nat) where isPlain(nat): reads.fields.formUnion([.source, .sourcePort])
            case .masquerade(let nat) where isPlain(nat):
                reads.fields.formUnion([.source, .sourcePort])
                reads.readsOut = true
                reads.masquerades = true
            case .dnat, .snat, .masquerade, .redirect, .netmap, .prefixTranslation, .set, .hmark, .unknown, .tproxy:
                reads.readsAll = true
            // What is written in part is looked at.
            case .mark: reads.fields.insert(.mark)
            case .connectionMark: reads.fields.formUnion([.mark, .connectionMark])
            case .dscp, .tos: reads.fields.insert(.dscp)
            case .ecn: reads.fields.formUnion([.dscp, .tcpFlags])
            case .timeToLive: reads.fields.insert(.ttl)
            case .native(let statement):
                switch statement {
                case .continue, .counter, .limit, .quota, .last, .log, .reject, .notrack, .verdictMap, .assign, .object:
                    for expression in statement.expressions { read(expression, &reads) }
                    if case .assign(let target, _) = statement { reads.fields.formUnion(written(target)) }
                default: reads.readsAll = true
                }
            default: break
            }
        }
    }

    /// What an ipset asks beyond the addresses that the directions name.
    private func read(_ match: SetMatch, _ reads: inout ChainReads) {
        guard let set = model.sets.entries[match.name.value]?.set else { return }
        switch set.type {
        case .hashNetInterface: reads.readsOut = true
        case .hashIPMark: reads.fields.insert(.mark)
        case .bitmapPort, .listSet, .unknown:
            reads.fields.formUnion([.protocol, .icmpType, .destinationPort])
            if match.directions.contains(true) { reads.fields.insert(.sourcePort) }
            if set.type == .listSet { reads.fields.insert(.mark) }
        case .bitmapIP, .bitmapIPMAC, .hashIP, .hashMAC, .hashIPMAC, .hashIPPort, .hashIPPortIP, .hashIPPortNet,
            .hashNet,
            .hashNetNet, .hashNetPort, .hashNetPortNet:
            break
        }
    }

    /// Whether it gives one address, whatever the packet.
    private func isPlain(_ nat: NATTarget) -> Bool { nat.addresses?.isSingle ?? true }

    private func read(_ expression: Expression, _ reads: inout ChainReads) {
        let fields = stages.fields(of: expression)
        reads.fields.formUnion(fields.contains(.packetType) ? fields.union(.destination) : fields)
        if expression.contains(where: isHidden) { reads.readsAll = true }
        if expression.contains(where: isOut) { reads.readsOut = true }
    }

    private func written(_ target: Assignable) -> PacketFields {
        switch target {
        case .meta(let key): stages.fields(of: .meta(key))
        case .connection: [.mark, .connectionMark]
        case .field(let field): stages.fields(of: .field(field))
        case .payload, .extensionHeader: [.source, .destination, .sourcePort, .destinationPort, .ttl, .dscp]
        }
    }

    private func isOut(_ expression: Expression) -> Bool {
        guard case .meta(let key) = expression else { return false }
        switch key {
        case .outIndex, .outName, .outType, .outGroup, .outKind, .bridgeOutName: return true
        default: return false
        }
    }

    /// Whether an expression asks what is no field of the packet.
    private func isHidden(_ expression: Expression) -> Bool {
        switch expression {
        case .route, .fib, .socket, .unknown, .payload, .extensionHeader, .hash, .symmetricHash, .map,
            .meta(.classIdentifier), .meta(.priority), .meta(.userID), .meta(.groupID), .meta(.cgroup):
            true
        case .connection(let key, _):
            switch key {
            case .state, .direction, .status, .mark, .label, .packets, .bytes, .averagePacket, .zone: false
            default: true
            }
        default: false
        }
    }
}

extension Flow {
    /// The fields that rules write, or NAT.
    private static let written: [PacketField] = [
        .source, .destination, .sourcePort, .destinationPort, .mark, .tos, .ttl, .tcpFlags,
    ]

    /// Without what no rule of a chain that looks at `fields` asks.
    func blanked(but fields: PacketFields) -> Flow {
        var flow = self
        for field in Flow.written where fields.isDisjoint(with: field.fields) { flow[field] = .various }
        if case .tracked(var tracked) = standing {
            if fields.isDisjoint(with: .source) { tracked.source = .various }
            if fields.isDisjoint(with: .destination) { tracked.destination = .various }
            if fields.isDisjoint(with: .sourcePort) { tracked.sourcePort = .various }
            if fields.isDisjoint(with: [.destinationPort, .icmpType]) { tracked.destinationPort = .various }
            if fields.isDisjoint(with: .connectionMark) { tracked.mark = .various }
            flow.standing = .tracked(tracked)
        }
        flow.route?.nextHop = nil
        flow.route?.route = nil
        return flow
    }

    /// This flow with what differs between `before` and `after`.
    func changed(as after: Flow, from before: Flow) -> Flow {
        if before == self { return after }
        var flow = self
        for field in PacketField.allCases where after[field] != before[field] { flow[field] = after[field] }
        if after.standing != before.standing {
            if case .tracked(let new) = after.standing, case .tracked(var own) = flow.standing {
                if case .tracked(let old) = before.standing {
                    if old.mark != new.mark { own.mark = new.mark }
                    if old.helper != new.helper { own.helper = new.helper }
                    if old.labels != new.labels { own.labels = new.labels }
                }
                own.hasSourceMapping = new.hasSourceMapping
                own.hasDestinationMapping = new.hasDestinationMapping
                own.isSourceTranslated = new.isSourceTranslated
                own.isDestinationTranslated = new.isDestinationTranslated
                flow.standing = .tracked(own)
            } else {
                flow.standing = after.standing
            }
        }
        flow.template = after.template
        flow.changedSets = after.changedSets
        flow.isLoopedBack = after.isLoopedBack
        flow.isGivenToSocket = after.isGivenToSocket
        flow.native = after.native
        return flow
    }
}
