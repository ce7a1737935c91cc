internal import NetTypes
internal import RuleModel
internal import SourceText

// Comparisons, and what begins with an expression too.
extension Reader {
    /// A statement that begins with an expression: a comparison, `… set …`, `… vmap …`.
    mutating func readExpressionStatement() throws(NftFailure) -> Statement {
        let left = try runtimeExpression()
        if take("vmap") {
            let key = isAt("@") ? asLoaded(left) : left
            return .target(.native(.verdictMap(key, try mapReference(key, .verdict))))
        }
        if isAt("set"), let target = assignable(left) {
            advance()
            return .target(.native(.assign(target, try statementExpression(left.type, bits: left.bits))))
        }
        return .match(.native(try comparison(left)))
    }

    /// Flags; a slash behind them begins their mask and no prefix length, also where both are numbers.
    private mutating func flagList() throws(NftFailure) -> Value {
        let first = source.position
        var values = [try basicValue()]
        while take(",") { values.append(try basicValue()) }
        return values.count == 1 ? values[0] : Value(node: .list(values), place: place(from: first))
    }

    private func assignable(_ left: Expression) -> Assignable? {
        switch left {
        case .meta(let key): .meta(key)
        case .connection(let key, let direction): .connection(key, direction)
        case .field(let field): .field(field)
        case .payload(let base, let offset, let bits): .payload(base, offset: offset, bits: bits)
        case .extensionHeader(let field): .extensionHeader(field)
        default: nil
        }
    }

    private mutating func relation() -> Comparison.Relation? {
        let relation: Comparison.Relation
        switch tokenText {
        case "==", "eq": relation = .equal
        case "!=", "ne": relation = .notEqual
        case "<", "lt": relation = .less
        case "<=", "le": relation = .lessOrEqual
        case ">", "gt": relation = .greater
        case ">=", "ge": relation = .greaterOrEqual
        case "!", "not": relation = .noBit
        default: return nil
        }
        if token.kind == .quoted { return nil }
        advance()
        return relation
    }

    private mutating func comparison(_ left: Expression) throws(NftFailure) -> Comparison {
        let written = relation()
        let first = source.position
        if isAtRuleEnd { throw unexpected("a value") }
        // nft 1.1 compares with what it loads too.
        if isAtExpression(), written != nil, isLoaded {
            let right = try runtimeExpression()
            return Comparison(left, written ?? .equal, .expression(right))
        }
        let value = left.comparedType.isBitmask ? try flagList() : try valueList()
        // `tcp flags syn / fin,syn`: a value under a mask.
        if take("/") {
            let mask = try flagList()
            let and = try literal(mask, left.type, bits: left.bits)
            let wanted = try literal(value, left.type, bits: left.bits)
            let zero = combine(.xor, and, and)
            return Comparison(
                .masked(left, and: and, xor: zero), written == .notEqual ? .notEqual : .equal, .literal(wanted))
        }
        let type = left.comparedType
        let isMasked = if case .masked = left { true } else { false }
        var relation = written ?? .equal
        if written == nil, type.isBitmask, !isMasked, isFlags(value) { relation = .anyBit }
        if written == .noBit, !type.isBitmask { relation = .notEqual }
        let right = try operand(value, left, at: first)
        if case .setReference = value.node { return Comparison(asLoaded(left), relation, right) }
        return Comparison(left, relation, right)
    }

    /// Of words that begin an expression those that can't be a constant.
    private var isLoaded: Bool {
        switch word {
        case "meta", "ct", "rt", "fib", "socket", "numgen", "jhash", "symhash": true
        default: headerKind(word) != nil
        }
    }

    private func isFlags(_ value: Value) -> Bool {
        switch value.node {
        case .word, .quoted, .number, .wideNumber, .list, .binary: true
        case .set, .range, .prefix, .concatenation, .any, .setReference: false
        }
    }

    private mutating func operand(
        _ value: Value, _ left: Expression, at first: Int
    ) throws(NftFailure) -> Comparison.Operand {
        switch value.node {
        case .setReference(let name): return .set(name)
        case .set(let elements):
            // nft compares with the one value itself: src/evaluate.c `optimize_singleton_set`, 1.0.6.
            if elements.count == 1, let key = elements[0].plainKey, !left.comparedType.isBitmask {
                return try operand(key, left, at: first)
            }
            return .set(try anonymousSet(elements, left.keyParts, .none, at: value.place))
        case .concatenation:
            // The kernel has no other way to compare several values at once than to look them up.
            return .set(try anonymousSet([ElementSyntax(key: value)], left.keyParts, .none, at: value.place))
        case .list(let values) where !left.comparedType.isBitmask && values.count > 1:
            throw NftFailure("bad-value", "only flags may be joined by commas outside of braces", at: value.place)
        default:
            let (low, high) = try ends(value, addressType(left, value), bits: left.bits)
            return low == high ? .literal(low) : .range(low, high)
        }
    }

    /// The type of a connection's address in a table of both versions is told by what it is compared with.
    private func addressType(_ left: Expression, _ value: Value) -> DataType {
        guard case .connection(let key, _) = left, key == .source || key == .destination else {
            return left.comparedType
        }
        return hasColon(value) ? .ipv6Address : .ipv4Address
    }

    /// Whether a value looks like an IPv6 address.
    func hasColon(_ value: Value) -> Bool {
        switch value.node {
        case .word(let text), .quoted(let text): text.contains(UInt8(ascii: ":"))
        case .range(let low, _): hasColon(low)
        case .prefix(let base, _): hasColon(base)
        case .concatenation(let parts): parts.first.map { hasColon($0) } ?? false
        case .number, .wideNumber, .list, .set, .binary, .any, .setReference: false
        }
    }
}
