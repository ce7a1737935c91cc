// Comparisons of fields that lie side by side.
extension Rule {
    /// Groups of statements that ask by `!=` of fields side by side. nft before 1.1.0 compares each group as one number,
    /// so that a packet meets it that differs in one field: the text is the same either way.
    ///
    /// Source: nftables src/rule.c `stmt_reduce`, `payload_do_merge`, src/payload.c `payload_can_merge`, 1.0.6; observed
    /// with `nft --debug=netlink`, 1.0.6. Mended by what netfilter-devel's "Wrong payload merge of rule filter" of March
    /// 2024 led to.
    public var joinableComparisons: [[Int]] {
        var groups: [[Int]] = []
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

/// What a comparison with one value loads from a packet.
private struct ComparedBits {
    let statement: Int
    let base: PayloadBase
    let offset: Int
    var count: Int
    let isNegated: Bool

    init?(_ comparison: Comparison, at statement: Int) {
        guard comparison.relation == .equal || comparison.relation == .notEqual, case .literal = comparison.right else {
            return nil
        }
        switch comparison.left {
        case .field(let field): (base, offset, count) = (field.row.header.base, field.row.offset, field.row.bits)
        case .payload(let from, let first, let bits): (base, offset, count) = (from, first, bits)
        default: return nil
        }
        guard offset % 8 == 0, count % 8 == 0 else { return nil }
        self.statement = statement
        isNegated = comparison.relation == .notEqual
    }

    /// Whether nft compares both at once: from the frame's header up to a register, else up to a word.
    func isJoined(with next: ComparedBits) -> Bool {
        base == next.base && offset + count == next.offset && isNegated == next.isNegated
            && count + next.count <= (base == .link ? 128 : 32)
    }
}

extension [ComparedBits] {
    fileprivate var joinedByNft: [[Int]] {
        var groups: [[Int]] = []
        var group: [Int] = []
        var last: ComparedBits?
        for next in sorted(by: { ($0.base.rawValue, $0.offset) < ($1.base.rawValue, $1.offset) }) {
            if let before = last, before.isJoined(with: next) {
                group.append(next.statement)
                last?.count += next.count
                continue
            }
            if group.count > 1, last?.isNegated == true { groups.append(group) }
            (group, last) = ([next.statement], next)
        }
        if group.count > 1, last?.isNegated == true { groups.append(group) }
        return groups
    }
}
