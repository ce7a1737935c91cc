internal import RuleModel
internal import SourceText

// Tables, chains and policies.
extension DumpReader {
    /// `*filter`
    mutating func readTableLine(_ text: Span<UInt8>, _ line: Range<Int>) {
        let name = line.lowerBound + 1..<line.upperBound
        var isName = !name.isEmpty
        for index in name where !isNameByte(text[index]) { isName = false }
        guard isName else { return keepUnreadable(text, line) }
        if table != nil || isLeftOut { endTable(isCutOff: !isListing) }
        rule.take(text, line: line)
        let symbol = rule.names.intern(text.extracting(name))
        var origin = TableOrigin()
        let evidence = header.family == nil ? evidence(text, from: line.upperBound) : Evidence()
        startTable(symbol, &origin, evidence, line)
    }

    private func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// Starts the table of rules that no `*table` line precedes, as `iptables -S` prints them.
    mutating func startListing(_ text: Span<UInt8>, name: Symbol?, isTold: Bool) {
        if let table, let name, reading.tables[table].name == name, isListing { return }
        if table != nil || isLeftOut { endTable(isCutOff: !isListing) }
        // Looking ahead takes other lines into the reader's buffer.
        let (start, length) = (rule.lineStart, rule.lineLength)
        let evidence = evidence(text, from: start)
        rule.take(text, line: start..<start + length)
        var origin = TableOrigin()
        origin.isListing = true
        origin.name = isTold ? .told : .assumed
        var symbol = name
        if symbol == nil, let hint = hints.table {
            origin.name = .guessed
            symbol = rule.names.intern(hint)
        }
        if symbol == nil, let guess = evidence.table {
            origin.name = .guessed
            symbol = rule.names.intern(guess.name)
        }
        startTable(symbol ?? rule.names.intern("filter"), &origin, evidence, start..<start + length)
    }

    private mutating func startTable(
        _ name: Symbol, _ origin: inout TableOrigin, _ evidence: Evidence, _ range: Range<Int>
    ) {
        var family = TableFamily.ip
        if let told = header.family {
            family = told
            origin.family = .told
        } else if let guess = evidence.family ?? hints.family {
            family = guess
            origin.family = .guessed
        }
        var backend = Backend.nfTables
        if let told = header.backend {
            backend = told
            origin.backend = .told
        } else if let hint = hints.backend {
            backend = hint
            origin.backend = .guessed
        }
        origin.version = header.version
        let place = Place(file: file, line: line, start: range.lowerBound, end: range.upperBound)
        for other in reading.tables where other.name == name && other.family == family && other.backend == backend {
            report(
                .error, "duplicate-table",
                "a second dump of table \(rule.names.text(name)) (\(family.name)); the first, at line "
                    + "\(other.place.line), is used and this one is not", range)
            isLeftOut = true
            return
        }
        var made = Table(family: family, backend: backend, name: name, place: place)
        made.joinsNegatedPorts = backend == .nfTables && header.isBefore1811
        let text = rule.names.text(name)
        for known in IptablesTable.allCases where known.name == text { made.iptables = known }
        if family == .arp || family == .bridge || made.iptables == nil {
            made.iptables = nil
            report(
                .error, "unknown-table",
                "'\(text)' (\(family.name)) is no table of iptables: no packet is seen to pass it",
                range)
        }
        rule.family = family
        rule.chains.removeAll()
        table = reading.tables.count
        reading.tables.append(made)
        reading.origins.append(origin)
    }

    /// Ends the table being read, if there is one.
    mutating func endTable(isCutOff: Bool) {
        storePending()
        // What stands behind a listing is rather none of its rules.
        if hasLineBetween, let table, !isListing { reading.tables[table].hasUnplacedLines = true }
        defer {
            hasLineBetween = false
            table = nil
            isLeftOut = false
            lastChain = nil
            lastRuleLength = 0
            inserted.removeAll()
        }
        guard let table else { return }
        if reading.tables[table].chains.contains(where: { $0.base != nil && $0.place.isNone }) {
            reading.tables[table].lacksDeclarations = true
        }
        for (chain, rules) in inserted {
            reading.tables[table].chains[chain].rules.insert(contentsOf: rules.reversed(), at: 0)
        }
        // Those of arptables and ebtables have no COMMIT: observed with their save 1.8.9.
        let family = reading.tables[table].family
        guard isCutOff, family != .arp, family != .bridge else { return }
        reading.tables[table].isCutOff = true
        let place = reading.tables[table].place
        let name = rule.names.text(reading.tables[table].name)
        report(
            .warning, "cut-off", "table \(name) has no COMMIT: rules may be missing", Int(place.start)..<Int(place.end),
            line: Int(place.line))
    }

    // MARK: Chains

    /// `:INPUT ACCEPT [0:0]`
    mutating func readDeclaration(_ text: Span<UInt8>, _ range: Range<Int>) {
        rule.take(text, line: range)
        guard let first = rule.words.first, first.range.count > 1, table != nil else {
            return keepUnreadable(text, range)
        }
        let nameRange = first.range.lowerBound + 1..<first.range.upperBound
        let name = rule.names.intern(rule.buffer, nameRange)
        var counters: Counters?
        if rule.words.count > 2 {
            counters = rule.counters(in: rule.words[2].range)
            if counters == nil { report(RuleFailure(.bad(.number, "a pair of counters"), word: 2)) }
        }
        if rule.words.count > 1, rule.isWord(1, "-") {
            declare(name, policy: nil, counters: counters, range, nameWord: 0)
        } else if rule.words.count > 1, let policy = policy(word: 1) {
            declare(name, policy: policy, counters: counters, range, nameWord: 0)
        } else {
            report(RuleFailure(.bad(.value, "a policy (ACCEPT, DROP or -)"), word: min(1, rule.words.count - 1)))
            declare(name, policy: nil, counters: counters, range, nameWord: 0)
        }
    }

    /// `-P INPUT DROP`
    mutating func readPolicy(_ text: Span<UInt8>, _ word: Int) {
        let name = symbol(word + 1)
        if table == nil || isNextListing(name) {
            endTable(isCutOff: false)
            startListing(text, name: nil, isTold: false)
        }
        guard !isLeftOut else { return }
        guard let policy = policy(word: word + 2) else {
            return report(
                RuleFailure(.bad(.value, "a policy (ACCEPT or DROP)"), word: min(word + 2, rule.words.count - 1)))
        }
        var counters: Counters?
        if rule.isWord(word + 3, "-c"), word + 5 < rule.words.count,
            let packets: UInt64 = rule.readNumber(rule.words[word + 4].range),
            let bytes: UInt64 = rule.readNumber(rule.words[word + 5].range)
        {
            counters = Counters(packets: packets, bytes: bytes)
        }
        declare(name, policy: policy, counters: counters, lineRange, nameWord: word + 1)
    }

    /// The built-in chain `name` of `table`, or `nil` where it has no such chain.
    private func base(_ name: Symbol, policy: Policy, of table: Int) -> BaseChain? {
        // None has a longer name, and nearly all others have.
        guard rule.names.bytes(name).count <= "POSTROUTING".utf8.count else { return nil }
        return reading.tables[table].iptables?.base(
            chain: rule.names.text(name), policy: policy, backend: reading.tables[table].backend)
    }

    /// Whether a policy for `name` can't be the listed table's: it has one for it, or has no such built-in chain.
    private func isNextListing(_ name: Symbol) -> Bool {
        guard isListing, let table else { return false }
        if let chain = rule.chains[name] { return !reading.tables[table].chains[chain].place.isNone }
        return base(name, policy: .accept, of: table) == nil
    }

    private func policy(word: Int) -> Policy? {
        if rule.isWord(word, "ACCEPT") { return .accept }
        return rule.isWord(word, "DROP") ? .drop : nil
    }

    /// Makes a chain; without a policy a built-in one keeps ACCEPT, which the kernel starts it with.
    mutating func declare(
        _ name: Symbol, policy: Policy?, counters: Counters?, _ range: Range<Int>, nameWord: Int
    ) {
        guard let table else { return }
        let place = Place(file: file, line: line, start: range.lowerBound, end: range.upperBound)
        if let known = rule.chains[name] {
            if !reading.tables[table].chains[known].place.isNone {
                let first = reading.tables[table].chains[known].place.line
                report(
                    .warning, "duplicate-chain",
                    "chain \(rule.names.text(name)) is declared a second time; the first is at line \(first)", range)
                return
            }
            reading.tables[table].chains[known].place = place
            reading.tables[table].chains[known].policyCounters = counters
            if let policy { reading.tables[table].chains[known].base?.policy = policy }
            return
        }
        var made = Chain(name: name, place: place)
        made.policyCounters = counters
        if let policy {
            made.base = base(name, policy: policy, of: table)
            if made.base == nil, reading.tables[table].iptables != nil {
                // Its name may be another's that could not be read.
                reading.tables[table].lacksDeclarations = true
                report(
                    .warning, "unknown-base-chain",
                    "'\(quote(rule.words[nameWord]))' is no built-in chain of table "
                        + "\(rule.names.text(reading.tables[table].name)): no packet is seen to enter it", range)
            }
        }
        if policy == nil, let base = base(name, policy: .accept, of: table) {
            // It is on its hook, whatever its policy.
            made.base = base
            reading.tables[table].lacksDeclarations = true
        }
        rule.chains.insert(name, at: reading.tables[table].chains.count)
        reading.tables[table].chains.append(made)
    }

    /// The chain a rule is added to; made, and told, where no line declares it.
    mutating func chainIndex(nameWord: Int) -> Int {
        if let lastChain, rule.names.isName(rule.buffer.span.extracting(rule.words[nameWord].range), of: lastChain.name)
        {
            return lastChain.index
        }
        storePending()
        if hasLineBetween, let table { reading.tables[table].hasUnplacedLines = true }
        let name = symbol(nameWord)
        if let index = rule.chains[name] {
            lastChain = (name, index)
            return index
        }
        guard let table else { return 0 }
        var made = Chain(name: name, place: .none)
        made.base = base(name, policy: .accept, of: table)
        let word = rule.words[nameWord]
        report(
            .warning, "undeclared-chain",
            "chain \(quote(word)) is not declared"
                + (made.base == nil ? "" : "; its policy is taken to be ACCEPT"),
            rule.lineStart + word.source.lowerBound..<rule.lineStart + word.source.upperBound)
        let index = reading.tables[table].chains.count
        rule.chains.insert(name, at: index)
        reading.tables[table].chains.append(made)
        lastChain = (name, index)
        return index
    }
}
