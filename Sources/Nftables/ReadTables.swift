internal import RuleModel
internal import SourceText

// Tables and chains.
extension Reader {
    /// Makes the table the one that is read; adds it where it is new.
    mutating func openTable(_ family: TableFamily, _ name: Symbol, at place: Place) {
        if let known = reading.tables.firstIndex(where: { $0.family == family && $0.name == name }) {
            table = known
            return
        }
        table = reading.tables.count
        var made = Table(family: family, backend: .nfTables, name: name, place: place)
        made.mayJoinComparisons = !isRemarked(source.comparingApart, before: place)
        reading.tables.append(made)
        // The line before says that iptables-nft manages this table.
        reading.isManagedByIptables.append(isRemarked(source.managed, before: place))
    }

    /// Whether one of the remarks that begin at `remarks` is the line before.
    private func isRemarked(_ remarks: [UInt32], before place: Place) -> Bool {
        guard let remark = remarks.last(where: { $0 < place.start }) else { return false }
        // Only blanks may lie between the remark's line and the table.
        guard let newline = source.bytes.span.firstIndex(of: UInt8(ascii: "\n"), in: Int(remark)..<Int(place.start))
        else { return false }
        return (newline..<Int(place.start)).allSatisfy { source.bytes[$0] <= 0x20 }
    }

    /// Behind a table's name: its block.
    mutating func readTableBlock() throws(NftFailure) {
        try expect("{")
        if token.kind == .newline, token.handle > 0 { advance() }
        scopes.append([:])
        defer { scopes.removeLast() }
        try readTableItems(isIncluded: false)
    }

    /// What a table's block holds: up to the brace behind it, or of a file that is included there, to its end.
    mutating func readTableItems(isIncluded: Bool) throws(NftFailure) {
        while true {
            skipSeparators()
            if isIncluded ? isAtEnd : take("}") { return }
            if isIncluded, isAt("}") { throw unexpected("the file's end") }
            if isAtEnd {
                setTable { $0.isCutOff = true }
                throw unexpected("'}'")
            }
            let start = source.position
            let outer = depth
            do throws(NftFailure) {
                try readTableItem()
            } catch {
                depth = outer
                // An end within a chain is told once.
                if isAtEnd {
                    setTable { $0.isCutOff = true }
                    if !isIncluded { throw error }
                }
                report(error)
                recover(from: start)
            }
        }
    }

    /// Goes behind an item that could not be read, up to the end of its block.
    private mutating func recover(from start: Int) {
        source.position = start
        skipToRuleEnd()
        if source.position == start { advance() }
    }

    private mutating func readTableItem() throws(NftFailure) {
        if try readDefinition() { return }
        let first = source.position
        switch word {
        case "include":
            try readInclude(.table)
        case "flags":
            advance()
            repeat {
                switch word {
                case "dormant": setTable { $0.isDormant = true }
                case "owner": setTable { $0.isOwned = true }
                case "persist": break
                default: throw unexpected("'dormant' or 'owner'")
                }
                advance()
            } while take(",")
        case "comment":
            advance()
            let comment = try quoted("a comment")
            setTable { $0.comment = comment }
        case "chain":
            advance()
            let name = try name("a chain's name")
            try readChainBlock(name, at: place(from: first))
        case "set", "map", "meter":
            let isMap = isAt("map")
            advance()
            let name = try name("a name")
            try readSetBlock(name, isMap: isMap, at: place(from: first))
        case "flowtable":
            advance()
            let name = try name("a flowtable's name")
            try readFlowtable(name, at: place(from: first))
        default:
            guard let kind = try objectKind() else { throw unexpected("something that tables hold") }
            let name = try name("an object's name")
            try readObject(kind, name, at: place(from: first))
        }
    }

    mutating func setTable(_ change: (inout Table) -> Void) {
        if table < reading.tables.count { change(&reading.tables[table]) }
    }

    /// The kind of an object, if one stands here.
    mutating func objectKind() throws(NftFailure) -> ObjectKind? {
        switch word {
        case "counter": advance(); return .counter
        case "quota": advance(); return .quota
        case "limit": advance(); return .limit
        case "synproxy": advance(); return .synproxy
        case "secmark": advance(); return .securityMark
        case "tunnel": advance(); return .tunnel
        case "ct":
            advance()
            guard let kind = connectionObject(word) else { throw unexpected("helper, timeout or expectation") }
            advance()
            return kind
        default: return nil
        }
    }

    // MARK: Chains

    /// The chain of this name in the table being read; made where it is new.
    mutating func chain(_ name: Symbol, at place: Place) -> Int? {
        guard table < reading.tables.count else { return nil }
        let key = ChainKey(table: table, name: name)
        if let known = chainIndex[key] { return known }
        let index = reading.tables[table].chains.count
        reading.tables[table].chains.append(Chain(name: name, place: place))
        chainIndex[key] = index
        return index
    }

    /// Behind a chain's name: its block.
    mutating func readChainBlock(_ name: Symbol, at place: Place) throws(NftFailure) {
        guard let index = chain(name, at: place) else { return }
        try expect("{")
        scopes.append([:])
        defer { scopes.removeLast() }
        try readChainItems(index, isIncluded: false)
    }

    /// What a chain's block holds, as `readTableItems`.
    mutating func readChainItems(_ index: Int, isIncluded: Bool) throws(NftFailure) {
        while true {
            skipSeparators()
            if isIncluded ? isAtEnd : take("}") { return }
            if isIncluded, isAt("}") { throw unexpected("the file's end") }
            if isAtEnd { throw unexpected("'}'") }
            let start = source.position
            let outer = depth
            do throws(NftFailure) {
                if try readDefinition() { continue }
                if try readChainProperty(index) { continue }
                if isAt("include") {
                    try readInclude(.chain(index))
                    continue
                }
                // Rules of other tables' syntax would lose their place: what is no rule is told by the reader of rules.
                add(readRule(), to: index)
            } catch {
                depth = outer
                report(error)
                recover(from: start)
            }
        }
    }

    private mutating func readChainProperty(_ index: Int) throws(NftFailure) -> Bool {
        switch word {
        case "type" where isAt("hook", ahead: 2):
            try readHook(index)
            return true
        case "policy":
            advance()
            try readPolicy(index)
            return true
        case "comment" where token(ahead: 1).kind == .quoted && endsBehindQuote:
            advance()
            let comment = try quoted("a comment")
            setTable { $0.chains[index].comment = comment }
            return true
        case "flags" where isAt("offload", ahead: 1):
            advance()
            advance()
            return true
        case "devices" where isAt("=", ahead: 1):
            advance()
            advance()
            let devices = try devices()
            setTable { $0.chains[index].devices = devices }
            return true
        default: return false
        }
    }

    private var endsBehindQuote: Bool {
        let next = token(ahead: 2)
        return next.kind == .newline || next.kind == .end || isAt(";", ahead: 2) || isAt("}", ahead: 2)
    }

    mutating func readPolicy(_ index: Int) throws(NftFailure) {
        let name: String
        if isAt("$") {
            let value = try variable()
            guard case .word(let text) = value.node else {
                throw NftFailure("bad-value", "a policy is wanted here", at: value.place)
            }
            name = String(decoding: text, as: UTF8.self)
        } else {
            name = word
            guard name == "accept" || name == "drop" else { throw unexpected("'accept' or 'drop'") }
            advance()
        }
        setTable { $0.chains[index].base?.policy = name == "drop" ? .drop : .accept }
    }

    /// `type filter hook input device "eth0" priority filter; policy accept;`
    mutating func readHook(_ index: Int) throws(NftFailure) {
        try expect("type")
        let type: ChainType
        switch word {
        case "filter": type = .filter
        case "nat": type = .nat
        case "route": type = .route
        default: throw unexpected("filter, nat or route")
        }
        advance()
        try expect("hook")
        let hookName = word
        guard let hook = Hook.allCases.first(where: { $0.name == hookName }) else { throw unexpected("a hook") }
        advance()
        var bound: [Symbol] = []
        if take("device") {
            if isAt("$") { bound = try devices() } else { bound = [try name("a device")] }
        }
        if take("devices") {
            try expect("=")
            bound += try devices()
        }
        try expect("priority")
        let priority = try priority(hook: hook)
        if table < reading.tables.count {
            let key = ChainKey(table: table, name: reading.tables[table].chains[index].name)
            if !registered.contains(key) { registered.append(key) }
        }
        setTable { table in
            table.chains[index].base = BaseChain(
                hook: hook, priority: priority, type: type, policy: table.chains[index].base?.policy ?? .accept)
            if !bound.isEmpty { table.chains[index].devices = bound }
        }
    }

    /// Tells the base chains' order where it is not that of tables and chains: of a listing it always is, as far as that tells.
    mutating func noteRegistration() {
        let found = registered.compactMap { key in chainIndex[key].map { (table: key.table, chain: $0) } }
        let isInOrder = zip(found, found.dropFirst()).allSatisfy { ($0.table, $0.chain) < ($1.table, $1.chain) }
        guard !isInOrder else { return }
        for (number, one) in found.enumerated() {
            reading.tables[one.table].chains[one.chain].registration = number
        }
    }

    mutating func add(_ rule: Rule, to index: Int, at position: Int? = nil) {
        guard table < reading.tables.count, !rule.statements.isEmpty else { return }
        var made = rule
        if let counters {
            made.counters = CountersIndex(reading.tables[table].chains[index].ruleCounters.count)
            reading.tables[table].chains[index].ruleCounters.append(counters)
        }
        let count = reading.tables[table].chains[index].rules.count
        reading.tables[table].chains[index].rules.insert(made, at: min(position ?? count, count))
    }
}
