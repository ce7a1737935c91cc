// Comparisons of fields that lie side by side.
extension Rule {
    /// Groups of statements that ask by `!=` of fields side by side. nft before 1.1.0 compares each group as one number,
    /// so that a packet meets it that differs in one field: the text is the same either way.
    ///
    /// Source: nftables src/rule.c `stmt_reduce`, `payload_do_merge`, src/payload.c `payload_can_merge`, 1.0.6; observed
    /// with `nft --debug=netlink`, 1.0.6. Mended by what netfilter-devel's "Wrong payload merge of rule filter" of March
    /// 2024 led to.
    public var joinableComparisons: [[Int]] { comparedTogether.filter { $0.last?.isNegated == true }.statements }

    /// Has flags compared whole, as with `==`, that are asked for without an operator (`tcp flags syn`) beside the field
    /// next to them (`tcp window 8192`): nft makes one number of both, and lists the rule with `==`.
    ///
    /// Source: nftables src/rule.c `relational_ops_match`, `payload_do_merge`, 1.0.6, in which no operator is as good as
    /// `==`; observed with `nft --debug=netlink`, 1.0.6.
    public mutating func compareJoinedFlagsWhole() {
        for bits in comparedTogether.joined() where bits.isOfFlags {
            guard case .match(.native(var comparison)) = statements[bits.statement] else { continue }
            comparison.relation = .equal
            statements[bits.statement] = .match(.native(comparison))
        }
    }

    /// Comparisons with one value that nft before 1.1.0 asks at another place than where they stand, as one with those of
    /// fields beside theirs, with statements between: `tcp dport 80 counter tcp sport 1` counts whatever has any ports, and
    /// with sport and dport exchanged it counts what has both. The one whose field comes first keeps its place, but for one
    /// that tells which header follows. In a family that does not tell what follows the frame's header, the first field of
    /// IP wants the frame's type, which is beside the sender's address.
    ///
    /// Source: nftables src/rule.c `payload_do_merge`, src/payload.c `payload_gen_dependency`, 1.0.6; observed with
    /// `nft --debug=netlink`, 1.0.6.
    public func movedComparisons(in family: TableFamily) -> [MovedComparisons] {
        var moved: [MovedComparisons] = []
        for group in comparedTogether where group.last?.isNegated == false {
            var place = group[0].statement
            for bits in group.dropFirst() where bits.tellsNextHeader { place = bits.statement }
            let members = group.map { $0.statement }.sorted()
            guard let first = members.first, let last = members.last, hasTarget(in: first..<last) else { continue }
            moved.append(MovedComparisons(members: members, place: place))
        }
        if let (sender, place) = senderAskedLater(in: family) {
            moved.append(MovedComparisons(members: [sender], place: place))
        }
        return moved
    }

    private func senderAskedLater(in family: TableFamily) -> (sender: Int, place: Int)? {
        guard family == .inet || family == .netdev || family == .bridge else { return nil }
        var sender: Int?
        for (index, statement) in statements.enumerated() {
            if statement.tellsNetworkHeader { return nil }
            if statement.readsNetworkHeader {
                guard let sender, hasTarget(in: sender..<index) else { return nil }
                return (sender, index)
            }
            if sender == nil, statement.comparesSender { sender = index }
        }
        return nil
    }

    private func hasTarget(in range: Range<Int>) -> Bool {
        statements[range].contains { if case .target = $0 { true } else { false } }
    }

    /// Groups of more than one comparison that nft may make one of.
    private var comparedTogether: [[ComparedBits]] {
        var groups: [[ComparedBits]] = []
        var run: [ComparedBits] = []
        for (index, statement) in statements.enumerated() {
            switch statement {
            case .match(.native(let comparison)):
                if let bits = ComparedBits(comparison, at: index) { run.append(bits) }
            case .match: break
            case .target:
                // Statements between do not keep the second comparison from being joined with the first.
                guard run.count > 1 else { continue }
                groups += run.joinedByNft
                run = []
            }
        }
        return run.count > 1 ? groups + run.joinedByNft : groups
    }
}

/// Comparisons of a rule that are asked at one place.
public struct MovedComparisons: Hashable, Sendable {
    /// The statements that they are, in their order.
    public var members: [Int]
    /// The statement with which they are asked: one of them, or one that is none.
    public var place: Int
}

extension Statement {
    fileprivate var comparesSender: Bool {
        guard case .match(.native(let comparison)) = self, comparison.relation == .equal,
            case .literal = comparison.right, case .field(let field) = comparison.left
        else { return false }
        return field.row.header == .ether && field.row.offset == 48
    }

    /// Whether it says by itself which header follows the frame's.
    fileprivate var tellsNetworkHeader: Bool {
        guard case .match(.native(let comparison)) = self else { return false }
        switch comparison.left {
        case .field(let field): return field.row.header == .ether && field.row.offset == 96
        case .meta(let key): return key == .networkProtocol || key == .protocol
        default: return false
        }
    }

    /// Whether it reads or writes a field of IP.
    fileprivate var readsNetworkHeader: Bool {
        let expressions: [Expression]
        switch self {
        case .target(.native(.assign(.field(let field), _))) where field.row.header.base == .network: return true
        case .match(.native(let comparison)): expressions = comparison.expressions
        case .target(.native(let statement)): expressions = statement.expressions
        case .match, .target: return false
        }
        return expressions.contains { expression in
            expression.contains { part in
                if case .field(let field) = part { return field.row.header.base == .network }
                return false
            }
        }
    }
}

/// What a comparison with one value loads from a packet.
private struct ComparedBits {
    let statement: Int
    let base: PayloadBase
    let offset: Int
    var count: Int
    let isNegated: Bool
    let isOfFlags: Bool
    /// Whether it is a field that says which header follows.
    let tellsNextHeader: Bool

    init?(_ comparison: Comparison, at statement: Int) {
        switch comparison.relation {
        case .equal, .notEqual, .anyBit: break
        case .less, .lessOrEqual, .greater, .greaterOrEqual, .noBit: return nil
        }
        guard case .literal = comparison.right else { return nil }
        switch comparison.left {
        case .field(let field): (base, offset, count) = (field.row.header.base, field.row.offset, field.row.bits)
        case .payload(let from, let first, let bits): (base, offset, count) = (from, first, bits)
        default: return nil
        }
        guard offset % 8 == 0, count % 8 == 0 else { return nil }
        self.statement = statement
        isNegated = comparison.relation == .notEqual
        isOfFlags = comparison.relation == .anyBit
        tellsNextHeader =
            base == .link && offset == 96 || base == .network && (offset == 72 || offset == 48) && count == 8
    }

    /// Whether nft compares both at once: from the frame's header up to a register, else up to a word.
    func isJoined(with next: ComparedBits) -> Bool {
        base == next.base && offset + count == next.offset && isNegated == next.isNegated
            && count + next.count <= (base == .link ? 128 : 32)
    }
}

extension [ComparedBits] {
    fileprivate var joinedByNft: [[ComparedBits]] {
        var groups: [[ComparedBits]] = []
        var group: [ComparedBits] = []
        var last: ComparedBits?
        for next in sorted(by: { ($0.base.rawValue, $0.offset) < ($1.base.rawValue, $1.offset) }) {
            if let before = last, before.isJoined(with: next) {
                group.append(next)
                last?.count += next.count
                continue
            }
            if group.count > 1 { groups.append(group) }
            (group, last) = ([next], next)
        }
        if group.count > 1 { groups.append(group) }
        return groups
    }
}

extension [[ComparedBits]] {
    fileprivate var statements: [[Int]] { map { group in group.map { $0.statement } } }
}
