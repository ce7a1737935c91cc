public import ChainGraph
internal import NetTypes
internal import PacketPath
public import PathModel
public import RuleModel
public import SourceText

/// What packets that go through a chain or a hook alone end as.
public enum ChainVerdict: Hashable, Sendable {
    case accepted, dropped, queued
    case rejected(RejectWith)
    /// Back to the chain that leads here, or behind the last rule of a hook without a policy that decides.
    case returned
    /// Deeper than can be followed.
    case undecided

    public var name: String {
        switch self {
        case .accepted: "accepted"
        case .dropped: "dropped"
        case .queued: "queued"
        case .rejected: "rejected"
        case .returned: "returned"
        case .undecided: "undecided"
        }
    }
}

/// Packets that a chain or a hook alone treats alike.
public struct ChainClass: Hashable, Sendable {
    public var packets: PacketSet
    public var verdict: ChainVerdict
    /// The rule that ended it; `nil` for a policy and the end of a chain.
    public var rule: RuleReference?
    /// The base chain whose policy ended it.
    public var chain: ChainID?
}

/// All packets of one version through one chain, or through all chains of one hook, as if they came there as they are.
public struct ChainAnalysis {
    public let space: PacketSpace
    public let domain: PacketSet
    public let classes: [ChainClass]
    public let hits: RuleSets
    public let reached: RuleSets
}

/// What is followed alone.
public enum ChainPlace: Hashable, Sendable {
    case hook(Hook)
    /// One chain, as packets come to it at that hook.
    case chain(ChainID, Hook)

    public var hook: Hook {
        switch self {
        case .hook(let hook), .chain(_, let hook): hook
        }
    }
}

/// Follows all packets of `space` through one place of the rules alone: without routing, as if nothing had changed them.
///
/// - Parameter leavingBy: interfaces that they may leave by; which one is an unknown where there are several.
public func analyze(
    _ place: ChainPlace, on model: HostModel, in space: PacketSpace, only packets: PacketSet = .all,
    leavingBy interfaces: [Symbol] = []
) -> ChainAnalysis {
    let isLocal = place.hook == .output
    let arriving = isLocal ? space.domain(.host, on: model) : space.domain(.wire, on: model)
    let domain = space.and(arriving, packets)
    let evaluator = SetEvaluator(space, model, recordsRules: true)
    let hasOut: Bool
    switch place.hook {
    case .forward, .output, .postrouting, .egress: hasOut = true
    case .ingress, .prerouting, .input: hasOut = false
    }
    var ends: [ChainClass] = []
    var rest = domain
    let choices: [Symbol?] = hasOut && !interfaces.isEmpty ? interfaces.map { $0 } : [nil]
    for (index, interface) in choices.enumerated() {
        var part = rest
        if let interface, index < choices.count - 1 {
            let name = model.names.text(interface)
            let leaves = space.unknown(
                "out=\(name)", whenYes: "the packet leaves by \(name)", whenNo: "the packet does not leave by \(name)")
            part = space.and(rest, leaves)
            rest = space.subtract(rest, leaves)
        }
        let context = SetEvaluator.Context(
            hook: place.hook, hasInInterface: !isLocal && place.hook != .egress, outInterface: interface)
        ends += evaluator.runAlone(place, part, context)
    }
    evaluator.concludeSummaries()
    ends += evaluator.record.endings.map { ending in
        ChainClass(
            packets: space.and(ending.packets, ending.within), verdict: ChainVerdict(ending.end),
            rule: ending.end.rule, chain: ending.end.chain)
    }
    var places: [ChainClass: Int] = [:]
    var classes: [ChainClass] = []
    for end in ends where !end.packets.isEmpty {
        var own = end
        own.packets = .none
        if let known = places[own] {
            classes[known].packets = space.or(classes[known].packets, end.packets)
        } else {
            places[own] = classes.count
            classes.append(end)
        }
    }
    return ChainAnalysis(
        space: space, domain: domain, classes: classes, hits: evaluator.record.hits, reached: evaluator.record.reached)
}

extension SetEvaluator {
    /// Packets through one place alone, conntrack's states given: those that pass it. The others are noted as ended.
    func runAlone(_ place: ChainPlace, _ packets: PacketSet, _ context: Context) -> [ChainClass] {
        var ways = tracked([Way(packets: packets, flow: Flow(space))])
        switch place {
        case .hook(let hook):
            for step in model.compiled.plan(space.version, hook) {
                switch step {
                case .conntrack, .defragment, .confirm, .virtualReplies, .virtualRequests: continue
                case .withoutNAT, .nat, .chain, .unordered, .unorderedNAT: ways = take(step, ways, context)
                }
            }
            return ways.map { ChainClass(packets: $0.packets, verdict: .accepted, rule: nil, chain: nil) }
        case .chain(let chain, _):
            let base = model.linked.chain(chain).base
            return ended(called(chain, ways, context, depth: 0, by: nil), of: chain).map { end in
                ChainClass(
                    packets: end.way.packets,
                    verdict: end.verdict == .returned && base == nil ? .returned : .accepted, rule: nil,
                    chain: end.verdict == .returned && base != nil ? chain : nil)
            }
        }
    }
}

extension ChainVerdict {
    fileprivate init(_ end: PathEnd) {
        switch end.outcome {
        case .dropped, .unroutable, .filtered: self = .dropped
        case .rejected: self = end.rejectWith.map { .rejected($0) } ?? .dropped
        case .queued: self = .queued
        case .forwarded, .sent, .delivered: self = .accepted
        case .undecided: self = .undecided
        }
    }
}
