internal import ChainGraph
internal import HeaderSpace
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

/// All packets of one version on one node, before and after a change where one is looked at: each is followed once,
/// however many statements ask.
final class CheckedSpace {
    let space: PacketSpace
    /// One, or those before and after.
    let models: [HostModel]
    private let recordsRules: Bool
    private var followed: [Key: Followed] = [:]
    private var differences: [PacketOrigin: Difference] = [:]

    private struct Key: Hashable {
        let origin: PacketOrigin
        let index: Int
    }

    /// Packets that one model treats otherwise than the other, and those of which that can't be said.
    typealias Difference = (differing: PacketSet, doubtful: PacketSet)

    /// What becomes of the packets of one origin.
    struct Followed {
        let analysis: PathAnalysis
        var through = PacketSet.none
        var refused = PacketSet.none
        /// Of those refused: by the kernel, for their addresses, whatever the rules say.
        var impossible = PacketSet.none
        /// Those whose source is routed by another interface than they come by.
        var misplaced = PacketSet.none
    }

    init(_ version: IPVersion, _ models: [HostModel], free: Set<PacketField>, recordsRules: Bool) {
        space = PacketSpace(version, for: models, free: free)
        self.models = models
        self.recordsRules = recordsRules
    }

    /// - Parameter index: of `models`.
    func follow(_ origin: PacketOrigin, _ index: Int) -> Followed {
        let key = Key(origin: origin, index: index)
        if let known = followed[key] { return known }
        let analysis = analyze(models[index], origin, in: space, recordsRules: recordsRules)
        var made = Followed(analysis: analysis)
        made.through = analysis.packets { $0.end.outcome.isThrough }
        made.refused = analysis.packets { $0.end.isRefusal }
        made.impossible = analysis.refusedForAddresses
        made.misplaced =
            origin == .wire ? space.arrivingBySourceRoute(on: models[index], foreign: true) ?? .none : .none
        followed[key] = made
        return made
    }

    /// Packets of `origin` that one model treats otherwise than the other, of those that both can get.
    func difference(_ origin: PacketOrigin) -> Difference {
        if let known = differences[origin] { return known }
        let (before, after) = (follow(origin, 0).analysis, follow(origin, models.count - 1).analysis)
        let (old, new) = (treatments(before), treatments(after))
        var sets: [PacketSet] = []
        for treatment in Set(old.keys).union(new.keys) {
            sets.append(space.differing(old[treatment] ?? .none, new[treatment] ?? .none))
        }
        let both = space.and(before.domain, after.domain)
        let differing = space.and(space.union(sets), both)
        let open = [before, after].map { $0.packets { !$0.isComparable } }
        let result = (differing, space.and(space.union(open), both))
        differences[origin] = result
        return result
    }

    private func treatments(_ analysis: PathAnalysis) -> [Treatment: PacketSet] {
        var sets: [Treatment: [PacketSet]] = [:]
        for one in analysis.classes { sets[Treatment(one, on: analysis.model), default: []].append(one.packets) }
        return sets.mapValues { space.union($0) }
    }

    /// Sentences on what is taken for granted.
    var granted: [String] {
        var result: [String] = []
        for one in followed.values {
            for (_, text) in one.analysis.granted where !result.contains(text) { result.append(text) }
        }
        return result.sorted()
    }
}

extension PathEnd {
    /// Whether the packet did not get where it was going, for sure.
    var isRefusal: Bool {
        switch outcome {
        case .dropped, .rejected, .unroutable, .filtered: true
        case .forwarded, .sent, .delivered, .queued, .undecided: false
        }
    }
}
