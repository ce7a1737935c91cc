internal import RuleModel
internal import SourceText

// Constants, as they are written.
extension Reader {
    /// A value, or several with commas between them: flags.
    mutating func valueList() throws(NftFailure) -> Value {
        let first = source.position
        let one = try value()
        guard isAt(",") else { return one }
        var values = [one]
        while take(",") {
            skipNewlines()
            values.append(try value())
        }
        return Value(node: .list(values), place: place(from: first))
    }

    /// `a . b`, a range, a prefix, a set, or a plain constant.
    mutating func value() throws(NftFailure) -> Value {
        try enter()
        defer { leave() }
        let first = source.position
        let one = try rangeOrPrefix()
        guard isAt(".") else { return one }
        var parts = [one]
        while take(".") {
            skipNewlines()
            parts.append(try rangeOrPrefix())
        }
        return Value(node: .concatenation(parts), place: place(from: first))
    }

    private mutating func rangeOrPrefix() throws(NftFailure) -> Value {
        let first = source.position
        let low = try basicValue()
        if take("-") {
            let high = try basicValue()
            return Value(node: .range(low, high), place: place(from: first))
        }
        if isAt("/"), token(ahead: 1).kind == .number {
            advance()
            let length = try number(UInt8.self, "a prefix length")
            return Value(node: .prefix(low, Int(length)), place: place(from: first))
        }
        return low
    }

    /// Constants joined by `|`, `^`, `&` and shifts.
    mutating func basicValue() throws(NftFailure) -> Value { try binaryValue(0) }

    private mutating func binaryValue(_ level: Int) throws(NftFailure) -> Value {
        if level == 4 { return try primaryValue() }
        let first = source.position
        var left = try binaryValue(level + 1)
        while let sign = binaryOperator(level) {
            advance()
            let right = try binaryValue(level + 1)
            left = Value(node: .binary(sign, left, right), place: place(from: first))
        }
        return left
    }

    /// The operator here, where it is one of this level: 0 binds least.
    func binaryOperator(_ level: Int) -> BinaryOperator? {
        switch level {
        case 0: isAt("|") || isAt("or") ? .or : nil
        case 1: isAt("^") || isAt("xor") ? .xor : nil
        case 2: isAt("&") || isAt("and") ? .and : nil
        default:
            if isAt("<<") || isAt("lshift") {
                .shiftLeft
            } else if isAt(">>") || isAt("rshift") {
                .shiftRight
            } else {
                nil
            }
        }
    }

    /// A number, a word, or a text in quotes.
    mutating func singleValue() throws(NftFailure) -> Value {
        let first = source.position
        switch token.kind {
        case .number:
            let node: Value.Node
            if let small = SourceText.number(source.bytes.span.extracting(token.range)) {
                node = .number(small)
            } else if decimal(source.bytes.span.extracting(token.range)) != nil {
                // `08`: a word to nft, of which its type makes what it can.
                node = .word(Array(source.bytes[token.range]))
            } else if let wide = wideNumber(source.bytes[token.range]) {
                node = .wideNumber(wide)
            } else {
                throw NftFailure("bad-number", "'\(tokenText)' is too large", at: place(of: token))
            }
            advance()
            return Value(node: node, place: place(from: first))
        case .quoted:
            let text = Array(source.bytes[token.range.lowerBound + 1..<token.range.upperBound - 1])
            advance()
            return Value(node: .quoted(text), place: place(from: first))
        case .word:
            let text = Array(source.bytes[token.range])
            advance()
            return Value(node: .word(text), place: place(from: first))
        case .sign, .newline, .bad, .end: throw unexpected("a value")
        }
    }

    private mutating func primaryValue() throws(NftFailure) -> Value {
        guard token.kind == .sign else { return try singleValue() }
        let first = source.position
        if isAt("$") { return try variable() }
        if isAt("{") { return try setValue() }
        if take("*") { return Value(node: .any, place: place(from: first)) }
        if take("@") {
            let name = try name("a set's name")
            return Value(node: .setReference(name), place: place(from: first))
        }
        if isAt("(") {
            try enter()
            defer { leave() }
            advance()
            let inner = try valueList()
            try expect(")")
            return inner
        }
        throw unexpected("a value")
    }

    /// The bytes of `0x…` with more than 16 digits.
    private func wideNumber(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.count > 2, text.count <= 66, text[text.startIndex + 1] | 0x20 == UInt8(ascii: "x") else {
            return nil
        }
        var digits = text.dropFirst(2).compactMap { hexadecimalDigit($0) }
        guard digits.count == text.count - 2 else { return nil }
        if digits.count % 2 == 1 { digits.insert(0, at: 0) }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// `{ element, element }`
    mutating func setValue() throws(NftFailure) -> Value {
        try enter()
        defer { leave() }
        let first = source.position
        try expect("{")
        var elements: [ElementSyntax] = []
        skipNewlines()
        while !isAt("}") {
            elements.append(try element())
            skipNewlines()
            if !take(",") { break }
            skipNewlines()
        }
        try expect("}")
        return Value(node: .set(elements), place: place(from: first))
    }

    private mutating func element() throws(NftFailure) -> ElementSyntax {
        var made = ElementSyntax(key: try value())
        try readElementOptions(&made.options)
        skipNewlines()
        if take(":") {
            skipNewlines()
            if let verdict = try verdict() {
                made.data = .verdict(verdict)
            } else {
                made.data = .value(try value())
            }
            try readElementOptions(&made.options)
        }
        return made
    }

    /// A verdict, if one stands here.
    mutating func verdict() throws(NftFailure) -> VerdictSyntax? {
        switch word {
        case "accept": advance(); return .accept
        case "drop": advance(); return .drop
        case "continue": advance(); return .continue
        case "return": advance(); return .return
        case "jump":
            advance()
            return .jump(try name("a chain"))
        case "goto":
            advance()
            return .goto(try name("a chain"))
        default: return nil
        }
    }

    private mutating func readElementOptions(_ options: inout ElementOptions) throws(NftFailure) {
        while true {
            switch word {
            case "timeout":
                advance()
                options.timeout = try duration()
            case "expires":
                advance()
                options.expires = try duration()
            case "comment":
                advance()
                options.comment = try quoted("a comment")
            case "counter" where options.counter == nil:
                advance()
                options.counter = try readCounters() ?? Counters(packets: 0, bytes: 0)
            case "counter", "limit", "quota", "last": options.states.append(try readState())
            case "ct" where isAt("count", ahead: 1): options.states.append(try readState())
            default: return
            }
        }
    }
}

/// What may be written behind an element.
struct ElementOptions: Sendable {
    var timeout: UInt64?
    var expires: UInt64?
    var comment = Symbol.empty
    var counter: Counters?
    var states: [NativeStatement] = []

    var extra: NativeElements.Extra? {
        guard timeout != nil || expires != nil || comment != .empty || counter != nil || !states.isEmpty else {
            return nil
        }
        var extra = NativeElements.Extra()
        extra.timeout = timeout
        extra.expires = expires
        extra.comment = comment
        extra.counter = counter
        extra.states = states
        return extra
    }
}
