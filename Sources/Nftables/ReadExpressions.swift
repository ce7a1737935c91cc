internal import RuleModel
internal import SourceText

/// What stands on either side of an operator.
enum Term: Sendable {
    case runtime(Expression)
    case constant(Value)
}

// Expressions made of expressions.
extension Reader {
    /// An expression that is made of the packet: the left side of a comparison, or a key.
    mutating func runtimeExpression() throws(NftFailure) -> Expression {
        let first = source.position
        var parts = [try basicExpression(first)]
        while isAt(".") {
            advance()
            skipNewlines()
            parts.append(try basicExpression(source.position))
        }
        return parts.count == 1 ? parts[0] : .concatenation(parts)
    }

    private mutating func basicExpression(_ first: Int) throws(NftFailure) -> Expression {
        switch try term(0) {
        case .runtime(let expression): return expression
        case .constant(let value):
            if case .word(let text) = value.node, token.kind == .word {
                let name = String(decoding: text, as: UTF8.self)
                if headerKind(name) != nil { throw unexpected("a field of \(name)") }
            }
            throw NftFailure("unknown-expression", "no statement or expression begins so", at: value.place)
        }
    }

    /// Operands joined by operators of this level (0 binds least) and those that bind more.
    mutating func term(_ level: Int, isConstantList: Bool = false) throws(NftFailure) -> Term {
        try enter()
        defer { leave() }
        if level == 4 { return try primaryTerm() }
        let first = source.position
        var left = try term(level + 1)
        while let sign = binaryOperator(level) {
            advance()
            let right = try term(level + 1)
            left = try joined(left, sign, right, first)
        }
        return left
    }

    private mutating func primaryTerm() throws(NftFailure) -> Term {
        if isAtExpression() { return .runtime(try primaryExpression()) }
        if isAt("(") {
            advance()
            let inner = try term(0)
            if case .constant(let value) = inner, isAt(",") {
                var values = [value]
                while take(",") { values.append(try basicValue()) }
                try expect(")")
                return .constant(Value(node: .list(values), place: value.place))
            }
            try expect(")")
            return inner
        }
        return .constant(try constantTerm())
    }

    private mutating func constantTerm() throws(NftFailure) -> Value {
        switch token.kind {
        case .number, .quoted, .word: return try singleValue()
        case .sign where isAt("$"): return try variable()
        case .sign, .newline, .bad, .end: throw unexpected("an expression")
        }
    }

    private mutating func joined(
        _ left: Term, _ sign: BinaryOperator, _ right: Term, _ first: Int
    ) throws(NftFailure) -> Term {
        switch (left, right) {
        case (.constant(let a), .constant(let b)):
            return .constant(Value(node: .binary(sign, a, b), place: place(from: first)))
        case (.runtime(let value), .constant(let constant)):
            return .runtime(try changed(value, sign, constant))
        case (.constant(let constant), .runtime(let value)) where sign == .and || sign == .or || sign == .xor:
            return .runtime(try changed(value, sign, constant))
        case (.constant, .runtime), (.runtime, .runtime):
            // nft 1.1 joins two of them: told, and kept as text.
            return .runtime(.unknown(text(from: first), .integer))
        }
    }

    private mutating func changed(
        _ value: Expression, _ sign: BinaryOperator, _ constant: Value
    ) throws(NftFailure) -> Expression {
        if sign == .shiftLeft || sign == .shiftRight {
            guard case .number(let count) = constant.node, count < 1024 else {
                throw NftFailure("bad-value", "this is no number of bits to shift by", at: constant.place)
            }
            return .shifted(value, by: sign == .shiftLeft ? Int(count) : -Int(count))
        }
        let operand = try literal(constant, value.type, bits: value.bits)
        var ones = operand
        var zeros = operand
        for index in operand.bytes.indices {
            ones.bytes[index] = 0xff
            zeros.bytes[index] = 0
        }
        let lead = operand.bytes.count * 8 - operand.bits
        if lead > 0, lead < 8, !ones.bytes.isEmpty { ones.bytes[0] = 0xff >> UInt8(lead) }
        switch sign {
        case .and: return masked(value, and: operand, xor: zeros)
        case .or: return masked(value, and: combine(.xor, ones, operand), xor: operand)
        case .xor, .shiftLeft, .shiftRight: return masked(value, and: ones, xor: operand)
        }
    }

    /// `((value & a) ^ b) & c) ^ d` is one such.
    private func masked(_ value: Expression, and: Literal, xor: Literal) -> Expression {
        guard case .masked(let inner, let firstAnd, let firstXor) = value else {
            return .masked(value, and: and, xor: xor)
        }
        return .masked(
            inner, and: combine(.and, firstAnd, and), xor: combine(.xor, combine(.and, firstXor, and), xor))
    }

    // MARK: What is written somewhere

    /// The value of a statement, such as what follows `set`: a constant, an expression, or a map's answer.
    mutating func statementExpression(
        _ type: DataType, bits: Int, data: NativeSet.Value? = nil
    ) throws(NftFailure) -> Expression {
        let first = source.position
        // Some flags of conntrack bear names of keys.
        let isFlags = type == .connectionEvent || type == .connectionLabel
        if isFlags, token.kind == .word, !isAt("ct"), !isAt("meta") {
            return .literal(try literal(try valueList(), type, bits: bits))
        }
        let one = try term(0)
        switch one {
        case .runtime(let expression):
            var parts = [expression]
            while take(".") { parts.append(try basicExpression(source.position)) }
            let key = parts.count == 1 ? expression : .concatenation(parts)
            guard take("map") else { return key }
            return .map(key, try mapReference(key, data ?? .data(type, bits: bits > 0 ? bits : type.bits)))
        case .constant(let value):
            if take("-") {
                let high = try basicValue()
                let range = Value(node: .range(value, high), place: place(from: first))
                let (low, last) = try ends(range, type, bits: bits)
                return .range(low, last)
            }
            if isAt("/"), token(ahead: 1).kind == .number {
                advance()
                let length = try number(UInt8.self, "a prefix length")
                let prefix = Value(node: .prefix(value, Int(length)), place: place(from: first))
                let (low, last) = try ends(prefix, type, bits: bits)
                return .range(low, last)
            }
            if type.isBitmask, isAt(",") {
                var values = [value]
                while take(",") { values.append(try basicValue()) }
                return .literal(try literal(Value(node: .list(values), place: value.place), type, bits: bits))
            }
            switch value.node {
            case .range, .prefix:
                let (low, last) = try ends(value, type, bits: bits)
                return .range(low, last)
            default: return .literal(try literal(value, type, bits: bits))
            }
        }
    }

    /// `@map`, or `{ key : value }`, which becomes a map of the table's.
    mutating func mapReference(_ key: Expression, _ data: NativeSet.Value) throws(NftFailure) -> Symbol {
        if take("@") { return try name("a map's name") }
        let value = isAt("$") ? try variable() : try setValue()
        guard case .set(let elements) = value.node else {
            if case .setReference(let name) = value.node { return name }
            throw NftFailure("bad-value", "a map is wanted here", at: value.place)
        }
        return try anonymousSet(elements, key.keyParts, data, at: value.place)
    }
}
