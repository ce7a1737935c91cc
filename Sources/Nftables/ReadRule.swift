internal import NetTypes
internal import RuleModel
internal import SourceText

// Rules: statements one after another.
extension Reader {
    /// Reads statements up to the rule's end; what can't be read is kept as unknown, up to a word that only a statement begins
    /// with, or to the end.
    mutating func readRule() -> Rule {
        let first = source.position
        counters = nil
        statementPlaces = []
        var statements: [Statement] = []
        var keptCounters: Counters?
        while !isAtRuleEnd {
            let start = source.position
            let outer = depth
            hasGarbledConstants = false
            do throws(NftFailure) {
                let statement = try readStatement()
                if keptCounters == nil, case .target(.native(.counter(let counted?))) = statement {
                    keptCounters = counted
                }
                statements.append(statement)
                statementPlaces.append(place(from: start))
            } catch {
                depth = outer
                report(error)
                // What the text ends in is not read again: blocks within blocks would be, each twice.
                if !isAtEnd {
                    source.position = start
                    skipToRuleEnd(orStatement: true)
                }
                statements.append(.target(.native(.unknown(text(from: start)))))
            }
        }
        var made = Rule(statements: statements, place: place(from: first))
        if table < reading.tables.count, reading.tables[table].mayJoinComparisons {
            made.compareJoinedFlagsWhole()
        }
        counters = keptCounters
        if token.kind == .newline, token.handle > 0 { made.handle = token.handle }
        return made
    }

    private var beginsStatement: Bool {
        switch word {
        case "accept", "drop", "return", "continue", "jump", "goto", "reject", "queue", "counter", "log", "limit",
            "quota", "notrack", "masquerade", "comment":
            true
        // Values of ICMP's types and of a connection's status are called so, too.
        case "dnat", "snat": isAt("to", ahead: 1) || isAt("ip", ahead: 1) || isAt("ip6", ahead: 1)
        case "redirect": isAt("to", ahead: 1) || isAt(":", ahead: 1)
        case "meta", "ct": isAt("set", ahead: 2)
        case "add", "update", "delete": isAt("@", ahead: 1)
        default: false
        }
    }

    /// Goes to the end of a rule, over braces and parentheses that open in it.
    ///
    /// - Parameter orStatement: no further than to where another statement begins for sure. What begins with a field's name
    ///   may be part of what can't be read: `gre ip saddr …` is about the packet inside.
    mutating func skipToRuleEnd(orStatement: Bool = false) {
        var braces = 0
        var parentheses = 0
        var isFirst = true
        while token.kind != .end {
            if braces == 0, isAt("}") { return }
            if braces == 0, parentheses == 0 {
                if token.kind == .newline || isAt(";") { return }
                if orStatement, !isFirst, token.kind == .word, beginsStatement { return }
            }
            if isAt("{") { braces += 1 }
            if isAt("}") { braces -= 1 }
            if isAt("(") { parentheses += 1 }
            if isAt(")") { parentheses = max(0, parentheses - 1) }
            isFirst = false
            advance()
        }
    }

    mutating func readStatement() throws(NftFailure) -> Statement {
        // Of JSON: what was wrong with it is told already.
        if token.kind == .bad, !source.origins.isEmpty {
            let first = source.position
            advance()
            return .target(.native(.unknown(text(from: first))))
        }
        switch word {
        case "accept": advance(); return .target(.accept)
        case "drop": advance(); return .target(.drop)
        case "return": advance(); return .target(.return)
        case "continue": advance(); return .target(.native(.continue))
        case "jump":
            advance()
            return .target(.jump(isAt("{") ? try namelessChain() : try name("a chain")))
        case "goto":
            advance()
            return .target(.goto(isAt("{") ? try namelessChain() : try name("a chain")))
        case "comment":
            advance()
            return .match(.comment(try quoted("a comment")))
        case "counter" where isAt("name", ahead: 1): return .target(.native(try objectReference(.counter)))
        case "limit" where isAt("name", ahead: 1): return .target(.native(try objectReference(.limit)))
        case "quota" where isAt("name", ahead: 1): return .target(.native(try objectReference(.quota)))
        case "synproxy" where isAt("name", ahead: 1): return .target(.native(try objectReference(.synproxy)))
        case "tunnel" where isAt("name", ahead: 1): return .target(.native(try objectReference(.tunnel)))
        case "counter", "limit", "quota", "last": return .target(.native(try readState()))
        case "ct":
            if isAt("count", ahead: 1) { return .target(.native(try readState())) }
            if isAt("set", ahead: 2), let kind = connectionObject(word(ahead: 1)) {
                advance()
                return .target(.native(try connectionObjectReference(kind)))
            }
            return try readExpressionStatement()
        case "meta" where isAt("secmark", ahead: 1) && isAt("set", ahead: 2):
            for _ in 0..<3 { advance() }
            if token.kind == .quoted { return .target(.native(.object(.securityMark, try quoted("a secmark")))) }
            let first = source.position
            _ = try primaryExpression()
            return .target(.native(.unknown(text(from: first - 3))))
        case "dnat", "snat", "masquerade", "redirect":
            return .target(.native(.translate(try readTranslation())))
        case "reject": return .target(.native(.reject(try readReject())))
        case "log": return .target(.native(.log(try readLog())))
        case "queue": return .target(.native(.queue(try readQueue())))
        case "dup", "fwd", "tproxy": return .target(.native(try readRedirection()))
        case "synproxy":
            advance()
            return .target(.native(.synproxy(try synproxyOptions())))
        case "notrack": advance(); return .target(.native(.notrack))
        case "add", "update", "delete", "set", "meter", "flow": return .target(.native(try readSetStatement()))
        case "reset":
            advance()
            try expect("tcp")
            try expect("option")
            return .target(.native(.resetOption(try optionKind())))
        case "xt": return .target(.native(try readForeign()))
        default: return try readExpressionStatement()
        }
    }

    /// The block of a chain that one rule alone leads to, as `jump { … }`. It gets a name here.
    private mutating func namelessChain() throws(NftFailure) -> Symbol {
        let kept = (counters, statementPlaces)
        defer { (counters, statementPlaces) = kept }
        try enter()
        defer { leave() }
        namelessCount += 1
        // No name that can be written.
        let name = names.intern("__chain@\(namelessCount)")
        try readChainBlock(name, at: place(from: source.position))
        return name
    }

    /// `xt match recent`, `xt target "LOG"`: nft can't tell more of them.
    private mutating func readForeign() throws(NftFailure) -> NativeStatement {
        let first = source.position
        advance()
        guard take("match") || take("target") || take("watcher") else { throw unexpected("'match' or 'target'") }
        _ = try quoted("an extension's name")
        return .xtables(text(from: first))
    }

    private mutating func optionKind() throws(NftFailure) -> UInt8 {
        if token.kind == .number { return try number(UInt8.self) }
        let name = word
        guard let row = tcpOptions.first(where: { $0.option == name }) else { throw unexpected("an option of TCP") }
        advance()
        return row.kind
    }

    func connectionObject(_ name: String) -> ObjectKind? {
        switch name {
        case "helper": .helper
        case "timeout": .timeout
        case "expectation": .expectation
        default: nil
        }
    }

    /// At `helper set "x"`.
    private mutating func connectionObjectReference(_ kind: ObjectKind) throws(NftFailure) -> NativeStatement {
        advance()
        try expect("set")
        return try objectOrMap(kind)
    }

    /// At `counter name "x"`.
    private mutating func objectReference(_ kind: ObjectKind) throws(NftFailure) -> NativeStatement {
        advance()
        try expect("name")
        return try objectOrMap(kind)
    }

    private mutating func objectOrMap(_ kind: ObjectKind) throws(NftFailure) -> NativeStatement {
        if isAtExpression() {
            let key = try runtimeExpression()
            try expect("map")
            return .objectMap(kind, key, try mapReference(key, .object(kind)))
        }
        return .object(kind, try name("an object's name"))
    }
}
