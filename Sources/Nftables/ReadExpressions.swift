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
        return joinedKey(parts, from: first)
    }

    /// The parts of a key as one expression.
    ///
    /// nft 1.0.6 lists a field that does not end with a byte as it loads it: `ip saddr . ip dscp >> 2`, which is
    /// `ip saddr . ip dscp`. What someone shifts by so many bits it lists with two shifts. Where a part is a plain number, it
    /// shifts the constants of a set in the rule too, and what they were can't be told.
    private mutating func joinedKey(_ parts: [Expression], from first: Int) -> Expression {
        guard parts.count > 1 else { return parts[0] }
        var parts = parts
        var isListed = false
        for index in parts.indices {
            switch parts[index] {
            case .shifted(.field(let field), let count) where count == -field.trailingBits:
                parts[index] = .field(field)
                isListed = true
            case .shifted(.shifted(.field(let field), let own), let count) where own == -field.trailingBits:
                parts[index] = .shifted(.field(field), by: count)
                isListed = true
            default: parts[index] = asLoaded(parts[index])
            }
        }
        if isListed {
            let place = place(from: first)
            let written = text(from: first)
            report(
                .warning, "listed-shift", "'\(names.text(written))' is read without the shift that nft lists",
                at: place)
            hasGarbledConstants = parts.contains { $0.type == .integer }
        }
        return .concatenation(parts)
    }

    /// A field as nft has the kernel load it for a key of several parts, for a named set or map and under a mask.
    ///
    /// Of what lies in two bytes and does not end with one (`ip6 dscp`, `frag frag-off`) nft 1.0.6 takes the wrong bits on
    /// machines with the lowest byte first; which nft it was a text does not tell. Observed with `nft --debug=netlink`.
    mutating func asLoaded(_ expression: Expression) -> Expression {
        switch expression {
        case .field(let field) where field.row.offset % 8 + field.row.bits > 8 && field.trailingBits > 0:
            return .unknown(names.intern("\(field.row.header.name) \(field.row.name)"), field.row.type)
        case .extensionHeader(let field)
        where !field.testsPresence && field.offset % 8 + field.bits > 8 && (field.offset + field.bits) % 8 > 0:
            return .unknown(names.intern("frag frag-off"), field.type)
        default: return expression
        }
    }

    /// Whether such a field is listed as the bytes that it is cut out of: `(@nh,0,16 & 0xfc0) >> 6`.
    private func isCutOut(_ value: Expression, _ sign: BinaryOperator, _ constant: Value) -> Bool {
        guard sign == .shiftRight, case .number(let count) = constant.node, count % 8 > 0,
            case .masked(.payload(_, _, let bits), let mask, let xor) = value, bits > 8, let number = mask.number,
            xor.bytes.allSatisfy({ $0 == 0 })
        else { return false }
        return number.trailingZeroBitCount == Int(count)
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
            let loaded = asLoaded(value)
            if loaded != value || isCutOut(value, sign, constant) {
                return .runtime(.unknown(text(from: first), loaded.type))
            }
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
            let whole = joinedKey(parts, from: first)
            guard take("map") else { return whole }
            let key = isAt("@") ? asLoaded(whole) : whole
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
