public import ChainGraph

/// A set that is put together when it is first asked for: of a node with many pods, the packets of each of a thousand drops
/// are more work than all of them at once.
public final class DeferredSet {
    private let space: PacketSpace
    /// It has the packets of each first set that are in its second one too.
    private(set) var parts: [(packets: PacketSet, within: PacketSet)] = []
    private var made: PacketSet?

    init(_ space: PacketSpace) { self.space = space }

    func add(_ packets: PacketSet, within: PacketSet = .all) {
        parts.append((packets, within))
        made = nil
    }

    public var packets: PacketSet {
        if let made { return made }
        let result = space.union(of: [self])
        made = result
        return result
    }
}

/// A set for each rule that has one.
public struct RuleSets {
    var sets: [RuleReference: DeferredSet] = [:]

    public subscript(rule: RuleReference) -> PacketSet? { sets[rule]?.packets }

    /// In the order of chains and rules.
    public var rules: [RuleReference] { sets.keys.sorted() }

    mutating func add(_ rule: RuleReference, _ packets: PacketSet, within: PacketSet, _ space: PacketSpace) {
        if sets[rule] == nil { sets[rule] = DeferredSet(space) }
        sets[rule]?.add(packets, within: within)
    }
}

extension PacketSpace {
    /// All packets of `sets`: those within one set are cut to it together.
    func union(of sets: [DeferredSet]) -> PacketSet {
        var places: [PacketSet: Int] = [:]
        var groups: [(within: PacketSet, packets: [PacketSet])] = []
        for set in sets {
            for (packets, within) in set.parts {
                if let place = places[within] {
                    groups[place].packets.append(packets)
                } else {
                    places[within] = groups.count
                    groups.append((within, [packets]))
                }
            }
        }
        return union(groups.map { and(union($0.packets), $0.within) })
    }
}
