internal import RuleModel
internal import SourceText

/// What nft has a native rule ask before its first statement, so that a later one finds the protocol that it is of.
///
/// Other protocols are asked right before the statement that needs them, which the statement itself stands for.
/// Source: nftables src/evaluate.c `expr_evaluate_exthdr`, `stmt_reject_gen_dependency`, 1.0.6; observed with
/// `nft --debug=netlink`.
public struct RuleStart: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let isV4 = RuleStart(rawValue: 1 << 0)
    public static let isV6 = RuleStart(rawValue: 1 << 1)
    public static let isTCP = RuleStart(rawValue: 1 << 2)
    /// Not asked: some of its comparisons are perhaps one.
    public static let mayJoin = RuleStart(rawValue: 1 << 3)
    /// Not asked: some of its comparisons are perhaps asked at another place.
    public static let mayMove = RuleStart(rawValue: 1 << 4)

    init(_ rule: Rule, of table: Table) {
        self = []
        guard table.isNative else { return }
        if table.mayJoinComparisons, !rule.joinableComparisons.isEmpty { insert(.mayJoin) }
        if table.mayJoinComparisons, !rule.movedComparisons(in: table.family).isEmpty { insert(.mayMove) }
        // What the statements so far have asked for.
        var known: RuleStart = table.family == .ip ? .isV4 : table.family == .ip6 ? .isV6 : []
        for statement in rule.statements {
            switch statement {
            case .match(.native(let comparison)):
                for expression in comparison.expressions { take(expression, &known) }
                known.formUnion(RuleStart(askedBy: comparison, of: table))
            case .target(.native(let own)):
                for expression in own.expressions { take(expression, &known) }
                switch own {
                case .assign(.field(let field), _): known.formUnion(RuleStart(field.row.header))
                case .assign(.extensionHeader(let field), _): require(RuleStart(field), &known)
                case .reject(.icmp): require(.isV4, &known)
                case .reject(.icmpv6): require(.isV6, &known)
                case .reject(.tcpReset): require(.isTCP, &known)
                case .assign, .continue, .verdictMap, .counter, .limit, .quota, .connectionCount, .last, .object,
                    .objectMap, .translate, .reject(.icmpx), .log, .queue, .duplicate, .forward, .tproxy, .synproxy,
                    .notrack, .changeSet, .flow, .resetOption, .xtables, .unknown:
                    break
                }
            case .match, .target: break
            }
        }
    }

    private mutating func require(_ wanted: RuleStart, _ known: inout RuleStart) {
        formUnion(wanted.subtracting(known))
        known.formUnion(wanted)
    }

    private mutating func take(_ expression: Expression, _ known: inout RuleStart) {
        switch expression {
        case .field(let field): known.formUnion(RuleStart(field.row.header))
        case .extensionHeader(let field): require(RuleStart(field), &known)
        case .literal, .payload, .meta, .connection, .route, .fib, .socket, .operatingSystem, .unknown,
            .numberGenerator,
            .symmetricHash, .range, .hash, .concatenation, .masked, .shifted, .map:
            for part in expression.parts { take(part, &known) }
        }
    }

    private init(_ header: HeaderKind) {
        switch header {
        case .ip, .icmp: self = .isV4
        case .ip6, .icmpv6: self = .isV6
        case .tcp: self = .isTCP
        case .ether, .vlan, .arp, .igmp, .udp, .udplite, .sctp, .dccp, .ah, .esp, .comp, .gre, .th: self = []
        }
    }

    private init(_ field: ExtensionField) {
        switch field.holder {
        case .ipv6: self = .isV6
        case .ipv4Option: self = .isV4
        case .tcpOption, .sctpChunk, .dccpOption: self = []
        }
    }

    /// What a comparison with one value says of the packet, as nft sees it: `meta protocol ip6` does not.
    private init(askedBy comparison: Comparison, of table: Table) {
        var asked: RuleStart = []
        if comparison.relation == .equal, let number = RuleStart.only(comparison.right, of: table) {
            switch comparison.left {
            case .meta(.networkProtocol), .connection(.networkProtocol, _):
                asked = number == 2 ? .isV4 : number == 10 ? .isV6 : []
            case .meta(.layer4Protocol): asked = number == 6 ? .isTCP : []
            case .field(let field):
                let isProtocol = field.row.name == "protocol" || field.row.name == "nexthdr"
                if isProtocol, field.row.header == .ip || field.row.header == .ip6, number == 6 { asked = .isTCP }
            default: break
            }
        }
        self = asked
    }

    /// The one value that is asked for, also where it is written as a set of one.
    private static func only(_ right: Comparison.Operand, of table: Table) -> UInt64? {
        switch right {
        case .literal(let literal): return literal.number
        case .set(let name):
            guard let set = table.sets.first(where: { $0.name == name }), set.flags.contains(.anonymous),
                set.elements.count == 1, set.elements.low(0) == set.elements.high(0)
            else { return nil }
            return set.elements.low(0).reduce(0) { $0 << 8 | UInt64($1) }
        case .range, .expression: return nil
        }
    }
}
