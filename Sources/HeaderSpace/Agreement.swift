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

/// What sets and a trace say of one packet.
public struct PacketAgreement: Hashable, Sendable {
    /// What they say differently.
    public var difference: String?
    /// Whether it is only that sets ask for what the trace knows, and have its answer among theirs.
    public var isNeedless = false
    /// The unknowns that sets alone ask for.
    public var unknowns: [String] = []
    /// How the packet may end, as sets have it: more than one where unknowns decide.
    public var ends: Int
    /// Whether sets leave it open what becomes of the packet at some end: it goes on where they do not follow.
    public var isUnfollowed: Bool
    /// Whether the ways of the trace are so many that it gave up.
    public var isCut = false
}

extension PathAnalysis {
    /// Looks `example` up in the classes and follows it alone. What each says it may end as must be what the other says:
    /// outcome, reason, rule or chain, interface, addresses and ports. Connections of the input count for neither.
    public func compare(_ example: ExamplePacket, on model: HostModel) -> PacketAgreement {
        let own = found(example)
        var result = PacketAgreement(ends: own.count, isUnfollowed: own.contains { $0.end.isUnfollowed })
        let whole = space.union(own.map { $0.when })
        if whole != .all { result.difference = "sets have no end for it" }
        for (index, one) in own.enumerated() {
            for other in own[(index + 1)...] where !space.and(one.when, other.when).isEmpty {
                result.difference = "sets have two ends for it: \(one.end.text(model)), \(other.end.text(model))"
            }
        }
        if result.difference != nil || own.allSatisfy({ $0.end.isUnfollowed }) { return result }
        let arrival = example.arrivalName.flatMap { model.names.find($0) } ?? example.arrival
        let trace = trace(example.request(by: arrival), on: model, connections: ConnectionIndex([]))
        let leaves = trace.leaves([])
        result.isCut = leaves.contains { $0.end.reason == .tooManyBranches }
        let strange = leaves.first { leaf in
            !leaf.isUnfollowed && !own.contains { $0.end.isUnfollowed || $0.end.agrees(with: leaf, example) }
        }
        let missing = own.first { one in
            // Of ways that end alike by one rule or another a trace names one.
            !one.end.isUnfollowed
                && !leaves.contains { leaf in
                    leaf.isUnfollowed || one.end.agrees(with: leaf, example)
                        || one.when != .all && leaf.end.isLike(EndKey(one.end.end))
                }
        }
        if strange == nil, missing == nil { return result }
        func kind(_ name: String) -> Substring { name.prefix { $0 != "@" && $0 != "=" } }
        let asked = Set(leaves.flatMap { $0.names }.map { kind($0) })
        for one in own {
            for name in space.unknownNames(one.when)
            where !result.unknowns.contains(name) && !asked.contains(kind(name)) {
                result.unknowns.append(name)
            }
        }
        result.isNeedless = strange == nil
        // Which address of several NAT takes is a hash over both addresses: a trace has it, no set can.
        if result.isNeedless, result.unknowns.contains(where: { $0.hasPrefix("nat-address@") }) { return result }
        let sets = own.map { one in
            let names = space.unknownNames(one.when).joined(separator: " ")
            return one.end.text(model) + (names.isEmpty ? "" : " [\(names)]")
        }
        let ways = leaves.map { $0.text(model) + ($0.names.isEmpty ? "" : " [\($0.names.joined(separator: " "))]") }
        result.difference = "sets: \(sets.joined(separator: " | ")); trace: \(ways.joined(separator: " | "))"
        return result
    }

    /// The classes that have the packet, each with the values of the unknowns for which it has it.
    private func found(_ example: ExamplePacket) -> [(end: PacketClass, when: PacketSet)] {
        let bits = space.bits(of: example)
        return classes.compactMap { one in
            let when = space.rest(one.packets, bits)
            return when.isEmpty ? nil : (one, when)
        }
    }
}

/// Draws packets of each class and compares each with its trace.
///
/// - Returns: how many packets were asked, and those that are not agreed on.
public func disagreements(
    _ analysis: PathAnalysis, on model: HostModel, each count: Int, seed: UInt64
) -> (asked: Int, found: [Disagreement]) {
    var numbers = SeededNumbers(seed: seed)
    var asked = 0
    var found: [Disagreement] = []
    for one in analysis.classes {
        for _ in 0..<count {
            guard let example = analysis.space.random(of: one.packets, &numbers) else { break }
            asked += 1
            guard let difference = analysis.compare(example, on: model).difference else { continue }
            found.append(Disagreement(example: example, text: difference))
        }
    }
    return (asked, found)
}

extension PacketClass {
    /// What becomes of these packets is told by no set.
    fileprivate var isUnfollowed: Bool { end.outcome == .undecided || end.beyond != nil }

    fileprivate func agrees(with leaf: Leaf, _ example: ExamplePacket) -> Bool {
        guard leaf.end == EndKey(end) else { return false }
        guard let last = leaf.last else { return true }
        let first = example.packet
        let addresses =
            agrees(source, first.source, last.source, isHidden: last.unknown.contains(.source))
            && agrees(destination, first.destination, last.destination, isHidden: last.unknown.contains(.destination))
        guard first.protocol.hasPorts else { return addresses }
        return addresses
            && agrees(
                sourcePort, first.sourcePort, last.sourcePort,
                isHidden: last.unknown.contains(.sourcePort) || last.sourcePortChoices != nil)
            && agrees(
                destinationPort, first.destinationPort, last.destinationPort,
                isHidden: last.unknown.contains(.destinationPort))
    }

    private func agrees<Value>(_ new: NewValue<Value>, _ before: Value, _ after: Value, isHidden: Bool) -> Bool {
        switch new {
        case .unchanged: !isHidden && before == after
        case .given(let value): !isHidden && value == after
        case .partly: !isHidden
        // Which of several it is hangs on what sets do not follow: a hash, a sum.
        case .unknown, .various: true
        }
    }

    fileprivate func text(_ model: HostModel) -> String {
        func word<Value>(_ name: String, _ value: NewValue<Value>) -> String {
            switch value {
            case .unchanged: ""
            case .given(let value): " \(name) \(value)"
            case .partly: " \(name) in part"
            case .unknown: " \(name) ?"
            case .various: " \(name) one of several"
            }
        }
        return EndKey(end).text(model) + word("from", source) + word("to", destination)
            + word("source port", sourcePort) + word("port", destinationPort)
            + (isUnfollowed ? " (not followed)" : "")
    }
}

private struct EndKey: Hashable {
    var outcome: Outcome
    var reason: Reason?
    var rejectWith: RejectWith?
    var rule: RuleReference?
    var chain: ChainID?
    var interface: Symbol?

    init(_ end: PathEnd) {
        outcome = end.outcome
        reason = end.reason
        rejectWith = end.rejectWith
        rule = end.rule
        chain = end.chain
        interface = end.interface
    }

    init(_ outcome: Outcome, _ reason: Reason?) {
        self.outcome = outcome
        self.reason = reason
    }

    func isLike(_ other: EndKey) -> Bool { outcome == other.outcome && reason == other.reason }

    func text(_ model: HostModel) -> String {
        var text = outcome.name
        if let reason { text += " (\(reason.name))" }
        if let rule { text += " by \(model.linked.path(of: rule.chain)):\(rule.index + 1)" }
        if let chain { text += " by \(model.linked.path(of: chain))" }
        if let interface { text += " over \(model.names.text(interface))" }
        return text
    }
}

/// The end of one way of a trace.
private struct Leaf {
    var end: EndKey
    var last: Packet?
    var names: [String]

    var isUnfollowed: Bool { end.outcome == .undecided }

    func text(_ model: HostModel) -> String {
        guard let last else { return end.text(model) }
        return end.text(model) + " as \(last.source):\(last.sourcePort) > \(last.destination):\(last.destinationPort)"
    }
}

extension Trace {
    /// How its ways end.
    fileprivate func leaves(_ before: [Step], _ names: [String] = []) -> [Leaf] {
        let all = before + steps
        let own = names + assumptions.map { "\($0.name)=\($0.value)" }
        if !branches.isEmpty {
            return branches.flatMap { branch in
                branch.trace.leaves(all, own + branch.assumptions.map { "\($0.name)=\($0.value)" })
            }
        }
        var end = EndKey(outcome, reason)
        end.rejectWith = rejectWith
        switch outcome {
        case .dropped, .rejected, .queued:
            guard let decidedBy, decidedBy < all.count else { break }
            switch all[decidedBy].kind {
            case .rule(let step): end.rule = step.rule
            case .policy(let chain, _): end.chain = chain
            case .miss, .conntrack, .translation, .routing, .defragmentation, .encapsulation, .decapsulation, .loopback,
                .delivery, .ipvs, .end:
                break
            }
        case .forwarded, .sent: end.interface = outInterface
        case .delivered, .unroutable, .filtered, .undecided: break
        }
        return [Leaf(end: end, last: last?.packet, names: own)]
    }
}
