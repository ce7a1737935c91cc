public import ChainGraph
internal import RuleModel
public import SourceText

/// The ids that rules and chains have in a page: `c12`, and `c12r3` for its third rule.
public struct PageAnchors: Sendable {
    /// Rules by file and first byte.
    private var rules: [UInt64: RuleReference] = [:]
    private var chains: [UInt64: ChainID] = [:]

    public init(_ linked: LinkedRuleset) {
        var count = 0
        for index in linked.chainIDs { count += linked.chain(ChainID(index)).rules.count }
        rules.reserveCapacity(count)
        for index in linked.chainIDs {
            let chain = linked.chain(ChainID(index))
            if !chain.place.isNone { chains[PageAnchors.key(chain.place)] = ChainID(index) }
            for (number, rule) in chain.rules.enumerated() where !rule.place.isNone {
                rules[PageAnchors.key(rule.place)] = RuleReference(chain: ChainID(index), index: number)
            }
        }
    }

    private static func key(_ place: Place) -> UInt64 { UInt64(place.file.index) << 32 | UInt64(place.start) }

    /// Where a rule or chain that stands at `place` is shown.
    public func id(at place: Place) -> String? {
        if let rule = rules[PageAnchors.key(place)] { return PageAnchors.id(of: rule) }
        return chains[PageAnchors.key(place)].map { PageAnchors.id(of: $0) }
    }

    public static func id(of chain: ChainID) -> String { "c\(chain.index)" }

    static func id(of rule: RuleReference) -> String { "c\(rule.chain.index)r\(rule.index + 1)" }
}
