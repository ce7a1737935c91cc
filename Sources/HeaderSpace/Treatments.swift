public import ChainGraph
public import NetTypes
public import PacketPath
public import PathModel
public import RuleModel
internal import SourceText

/// What becomes of packets as those at both ends see it, whatever rule it was.
public struct Treatment: Hashable, Sendable {
    public var outcome: Outcome
    public var rejectWith: RejectWith?
    /// The interface that they leave by, and what they go on in.
    public var interface: String?
    public var beyond: String?
    public var source = PacketClass.NewValue<IPAddress>.unchanged
    public var destination = PacketClass.NewValue<IPAddress>.unchanged
    public var sourcePort = PacketClass.NewValue<UInt16>.unchanged
    public var destinationPort = PacketClass.NewValue<UInt16>.unchanged

    /// - Parameter model: whose symbols `one` has.
    public init(_ one: PacketClass, on model: HostModel) {
        outcome = one.end.outcome
        rejectWith = one.end.rejectWith
        beyond = one.end.beyond.map { model.names.text($0) }
        // What a packet that gets nowhere had become is nobody's business.
        guard outcome.isThrough || outcome == .undecided else { return }
        interface = one.end.interface.map { model.names.text($0) }
        source = one.source
        destination = one.destination
        sourcePort = one.sourcePort
        destinationPort = one.destinationPort
    }
}

extension PacketClass {
    /// Whether a like treatment of another host's packets means that they end alike: not where it was not followed to the
    /// end, or what addresses they then have is told in part.
    public var isComparable: Bool {
        switch end.outcome {
        case .undecided: return false
        case .dropped, .rejected, .queued, .unroutable, .filtered: return true
        case .forwarded, .sent, .delivered: break
        }
        return [source, destination].allSatisfy { value in
            switch value {
            case .unchanged, .given: true
            case .partly, .unknown, .various: false
            }
        }
    }
}

/// Packets that two rule sets treat differently.
public struct TreatedOtherwise: Hashable, Sendable {
    public var packets: PacketSet
    public var before: Treatment
    public var after: Treatment
    /// The rules that ended them, or the chains whose policies did; more than one where several did for some of them.
    public var rulesBefore: [RuleReference]
    public var rulesAfter: [RuleReference]
    public var policiesBefore: [ChainID]
    public var policiesAfter: [ChainID]
}

extension PathAnalysis {
    /// Classes that are treated alike, in the order in which they were met.
    fileprivate var treatments: [(treatment: Treatment, classes: [PacketClass])] {
        var places: [Treatment: Int] = [:]
        var result: [(treatment: Treatment, classes: [PacketClass])] = []
        for one in classes {
            let treatment = Treatment(one, on: model)
            if let place = places[treatment] {
                result[place].classes.append(one)
            } else {
                places[treatment] = result.count
                result.append((treatment, [one]))
            }
        }
        return result
    }

    /// The rules and the chains whose policies ended some of `packets`.
    fileprivate func ends(of packets: PacketSet, _ classes: [PacketClass]) -> (
        rules: [RuleReference], chains: [ChainID]
    ) {
        let own = classes.filter { !space.and($0.packets, packets).isEmpty }
        return (own.compactMap { $0.end.rule }.sorted(), own.compactMap { $0.end.chain }.sorted())
    }
}

/// Packets that both hosts get and treat differently; none is a proof that all are treated alike. Both analyses must be of
/// one space. Of what is in doubt, packets count whose unknowns of one name can't make them alike.
public func differences(_ before: PathAnalysis, _ after: PathAnalysis) -> [TreatedOtherwise] {
    let space = before.space
    let both = space.and(before.domain, after.domain)
    func sets(_ analysis: PathAnalysis) -> [(treatment: Treatment, packets: PacketSet, classes: [PacketClass])] {
        analysis.treatments.map { treatment, classes in
            (treatment, space.and(both, space.union(of: classes.map { $0.deferred })), classes)
        }
    }
    let (old, new) = (sets(before), sets(after))
    let same = Dictionary(uniqueKeysWithValues: new.map { ($0.treatment, $0.packets) })
    // Where nothing differs nothing is compared further: most of two rule sets is alike.
    let kept = Dictionary(uniqueKeysWithValues: old.map { ($0.treatment, $0.packets) })
    let changed = new.map { (treatment, packets, classes) in
        (treatment, space.subtract(packets, kept[treatment] ?? .none), classes)
    }.filter { !$0.1.isEmpty }
    var result: [TreatedOtherwise] = []
    for (treatment, packets, classes) in old {
        var rest = space.subtract(packets, same[treatment] ?? .none)
        if rest.isEmpty { continue }
        for (other, theirs, otherClasses) in changed where other != treatment {
            let own = space.and(rest, theirs)
            if own.isEmpty { continue }
            rest = space.subtract(rest, own)
            let (from, to) = (before.ends(of: own, classes), after.ends(of: own, otherClasses))
            result.append(
                TreatedOtherwise(
                    packets: own, before: treatment, after: other, rulesBefore: from.rules, rulesAfter: to.rules,
                    policiesBefore: from.chains, policiesAfter: to.chains))
        }
    }
    return result
}
