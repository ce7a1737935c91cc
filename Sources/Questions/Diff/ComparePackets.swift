internal import ChainGraph
public import HeaderSpace
public import NetTypes
public import PathModel
internal import RuleModel
internal import SourceText

/// Which packets two hosts treat differently.
public struct PacketComparison {
    /// One version and origin that both hosts have.
    public struct Part {
        public let version: IPVersion
        public let origin: PacketOrigin
        public let space: PacketSpace
        /// Packets that both get: what the answer speaks of.
        public let domain: PacketSet
        /// Packets of which a like answer does not say that they are treated alike: they were not followed to the end, or
        /// the kernel chooses what address they get.
        public let doubtful: PacketSet
        /// The most packets first.
        public let differences: [TreatedOtherwise]
        /// More was needed than there is room for: nothing is known.
        public let isExhausted: Bool
    }

    public var parts: [Part]
    /// What of either host decides about packets too and was not followed.
    public var unfollowed: [UnfollowedDecider]

    public var isDifferent: Bool { parts.contains { !$0.differences.isEmpty } }
    /// Whether every packet was gone through: that none differs is a proof then.
    public var isWhole: Bool {
        unfollowed.isEmpty && !parts.isEmpty
            && parts.allSatisfy { !$0.isExhausted && $0.doubtful.isEmpty && !$0.domain.isEmpty }
    }
}

/// Follows all packets through both hosts and compares what becomes of them.
///
/// Where only rules are known, packets come by interfaces that no rule names, too: those become names of both hosts.
public func comparePackets(_ a: inout HostModel, _ b: inout HostModel) -> PacketComparison {
    let strangers = standIns(&a)
    for name in strangers.map({ a.names.text($0) }) + standIns(&b).map({ b.names.text($0) }) { _ = b.intern(name) }
    var parts: [PacketComparison.Part] = []
    for version in IPVersion.allCases {
        let hasRules = [a, b].contains { model in
            model.linked.ruleset.tables.contains { table in
                table.family.sees(version) && table.chains.contains { !$0.rules.isEmpty || $0.base?.policy == .drop }
            }
        }
        if !hasRules { continue }
        for origin in PacketOrigin.allCases {
            let space = PacketSpace(version, for: [a, b], strangers: strangers)
            let (before, after) = (analyze(a, origin, in: space), analyze(b, origin, in: space))
            let found = differences(before, after)
            let domain = space.and(before.domain, after.domain)
            let open = [before, after].map { $0.packets { !$0.isComparable } }
            let sized = found.map { ($0, space.share($0.packets)) }.enumerated().sorted { first, second in
                first.element.1 == second.element.1
                    ? first.offset < second.offset : first.element.1 > second.element.1
            }
            parts.append(
                PacketComparison.Part(
                    version: version, origin: origin, space: space, domain: domain,
                    doubtful: space.and(domain, space.union(open)),
                    differences: space.isExhausted ? [] : sized.map { $0.element.0 }, isExhausted: space.isExhausted))
        }
    }
    var unfollowed = a.unfollowedDeciders
    for decider in b.unfollowedDeciders where !unfollowed.contains(where: { $0.text == decider.text }) {
        unfollowed.append(decider)
    }
    return PacketComparison(parts: parts, unfollowed: unfollowed)
}
