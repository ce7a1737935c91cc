internal import ChainGraph
internal import NetTypes
public import PacketPath
public import PathModel
internal import RuleModel
public import SourceText

/// A packet of which sets and a trace say different things.
public struct Disagreement: Hashable, Sendable {
    public var example: ExamplePacket
    public var text: String
}

extension ExamplePacket {
    /// The question that a trace of this packet asks.
    public var request: TraceRequest { request(by: arrival) }

    /// The same of a host that has `arrival` for its interface.
    public func request(by arrival: Symbol?) -> TraceRequest {
        var request = TraceRequest(packet: packet, origin: arrival.map { .interface($0) } ?? .host)
        request.state = state.states
        request.connectionMark = connectionMark
        return request
    }
}

extension ArrivalState {
    fileprivate var states: ConnectionStates {
        switch self {
        case .new: .new
        case .established: .established
        case .related: .related
        case .invalid: .invalid
        case .untracked: .untracked
        }
    }
}

/// Numbers from a seed, the same on every machine. Source: Steele and others, "Fast splittable pseudorandom number
/// generators" (SplitMix64).
public struct SeededNumbers {
    private var state: UInt64
    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}

extension PacketSpace {
    /// A packet of `set`, drawn by chance; `nil` for an empty one.
    public func random(of set: PacketSet, _ numbers: inout SeededNumbers) -> ExamplePacket? {
        if set.isEmpty { return nil }
        // Half of the packets are mostly as usual: one of random bits all over meets few routes.
        let isWild = numbers.next() & 1 == 0
        var bits = usual + [Bool](repeating: false, count: unknowns.count)
        for index in bits.indices {
            let number = numbers.next()
            if isWild ? number & 1 == 0 : number & 15 == 0 { bits[index].toggle() }
        }
        store.example(set.node, &bits) { place(of: $0) }
        return example(values(bits))
    }
}

/// Draws packets of each class and follows each alone; both must say the same. Connections of the input count for neither.
///
/// - Returns: how many packets were asked, and those that are not agreed on.
public func disagreements(
    _ analysis: PathAnalysis, on model: HostModel, each count: Int, seed: UInt64
) -> (asked: Int, found: [Disagreement]) {
    let space = analysis.space
    var numbers = SeededNumbers(seed: seed)
    var asked = 0
    var found: [Disagreement] = []
    var surely: [EndKey: PacketSet] = [:]
    for one in analysis.classes {
        let key = EndKey(one.end)
        surely[key] = space.or(surely[key] ?? .none, one.packets)
    }
    // Of ways that end alike by one rule or another a trace names one.
    var alike: [EndKey: PacketSet] = [:]
    for (key, packets) in surely {
        let plain = EndKey(outcome: key.outcome, reason: key.reason, rule: nil)
        alike[plain] = space.or(alike[plain] ?? .none, packets)
    }
    alike = alike.mapValues { space.always($0) }
    surely = surely.mapValues { space.always($0) }
    for one in analysis.classes where one.end.outcome != .undecided {
        let always = space.always(one.packets)
        for _ in 0..<count {
            guard let example = space.random(of: one.packets, &numbers) else { break }
            asked += 1
            let trace = trace(
                example.request(by: example.arrivalName.flatMap { model.names.find($0) } ?? example.arrival), on: model,
                connections: ConnectionIndex([]))
            let ends = trace.ends
            let wanted = EndKey(one.end)
            let plain = EndKey(outcome: wanted.outcome, reason: wanted.reason, rule: nil)
            let isOpen = space.and(always, space.packets(as: example)).isEmpty
            let isFound = ends.contains { isOpen ? $0.isLike(wanted) : $0 == wanted }
            if one.end.beyond == nil, !isFound {
                let text = "sets: \(wanted.text(model)); trace: \(ends.map { $0.text(model) })"
                found.append(Disagreement(example: example, text: text))
            } else if Set(ends).count == 1, one.end.beyond == nil,
                space.and((isOpen ? alike[plain] : surely[wanted]) ?? .none, space.packets(as: example)).isEmpty
            {
                let names = space.unknownNames(one.packets).joined(separator: " ")
                found.append(
                    Disagreement(example: example, text: "trace decides \(wanted.text(model)), sets ask \(names)"))
            }
        }
    }
    return (asked, found)
}

private struct EndKey: Hashable {
    var outcome: Outcome
    var reason: Reason?
    var rule: RuleReference?

    init(_ end: PathEnd) {
        outcome = end.outcome
        reason = end.reason
        rule = end.rule
    }

    init(outcome: Outcome, reason: Reason?, rule: RuleReference?) {
        self.outcome = outcome
        self.reason = reason
        self.rule = rule
    }

    func isLike(_ other: EndKey) -> Bool { outcome == other.outcome && reason == other.reason }

    func text(_ model: HostModel) -> String {
        let place = rule.map { " by \(model.linked.path(of: $0.chain)):\($0.index + 1)" } ?? ""
        return "\(outcome.name)\(reason.map { " (\($0.name))" } ?? "")\(place)"
    }
}

extension Trace {
    /// How its ways end.
    fileprivate var ends: [EndKey] { ends([]) }

    private func ends(_ before: [Step]) -> [EndKey] {
        let all = before + steps
        if !branches.isEmpty { return branches.flatMap { $0.trace.ends(all) } }
        var rule: RuleReference?
        if outcome == .dropped || outcome == .rejected || outcome == .queued, let decidedBy, decidedBy < all.count,
            case .rule(let step) = all[decidedBy].kind
        {
            rule = step.rule
        }
        return [EndKey(outcome: outcome, reason: reason, rule: rule)]
    }
}
