internal import NetTypes
internal import RuleModel
internal import SourceText

/// Reads a dump line by line into tables.
struct DumpReader {
    let file: FileID
    let hints: IptablesHints
    var rule = RuleReader()
    var reading = IptablesReading()

    /// The header that holds for the tables to come.
    var header = DumpHeader()
    /// The table being read: index into `reading.tables`.
    var table: Int?
    /// Whether the table being read is a second dump of one that is there: its lines are told and left out.
    var isLeftOut = false
    /// The chain of the last rule.
    var lastChain: (name: Symbol, index: Int)?
    /// Rules of the last chain that it does not have yet: so that its array is made once, in its size.
    var pending: [Rule] = []
    /// Rules of `-I CHAIN`, last first; put before the chain's other rules when the table ends.
    var inserted: [(chain: Int, rules: [Rule])] = []
    var insertionsLeft = 1000
    /// Whether the line before was a rule, and how long it was.
    var lastRuleLength = 0
    /// Whether a line that could not be read stands behind the last chain's rules: it may be of another chain.
    var hasLineBetween = false

    var line = 0
    var problemCount = 0

    init(file: FileID, hints: IptablesHints) {
        self.file = file
        self.hints = hints
    }

    mutating func read(_ text: Span<UInt8>) {
        var start = 0
        while start < text.count {
            let newline = text.firstIndex(of: UInt8(ascii: "\n"), in: start..<text.count)
            line += 1
            readLine(text, start..<(newline ?? text.count), isLast: newline == nil)
            start = (newline ?? text.count) + 1
        }
        reading.lineCount = line
        endTable(isCutOff: !isListing)
        if problemCount > DumpReader.problemLimit {
            let more = problemCount - DumpReader.problemLimit
            reading.diagnostics.append(
                Diagnostic(
                    .warning, "too-many-problems", "\(more) further problems of this file are not listed",
                    at: Place(file: file, line: max(1, line), start: text.count, end: text.count)))
        }
    }

    /// Whether the table being read has no `*table` line.
    var isListing: Bool {
        guard let table, table < reading.origins.count else { return false }
        return reading.origins[table].isListing
    }

    /// Reads the line `range` of `text`; `isLast` for one that no newline ends.
    private mutating func readLine(_ text: Span<UInt8>, _ range: Range<Int>, isLast: Bool) {
        var first = range.lowerBound
        var end = range.upperBound
        while end > first, isBlank(text[end - 1]) { end -= 1 }
        while first < end, isBlank(text[first]) { first += 1 }
        guard first < end else { return }
        let line = first..<end
        switch text[first] {
        case UInt8(ascii: "-"), UInt8(ascii: "["):
            if isLeftOut { return }
            rule.take(text, line: line)
            readCommand(text, isCut: isLast && table != nil && !isListing)
        case UInt8(ascii: ":"):
            if isLeftOut { return }
            readDeclaration(text, line)
        case UInt8(ascii: "#"):
            readComment(text, line)
        case UInt8(ascii: "*"):
            readTableLine(text, line)
        default:
            if text.extracting(line).equals("COMMIT") {
                // A listing has none: the dump begins within a table.
                if let table, isListing { reading.tables[table].lacksDeclarations = true }
                endTable(isCutOff: false)
            } else if isLast, text.extracting(line).starts(with: "COMM"), table != nil {
                endTable(isCutOff: true)
            } else if !isLeftOut {
                keepUnreadable(text, line)
            }
        }
    }

    private func isBlank(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }

    // MARK: Rules

    /// Reads the line that `rule` holds: a command such as `-A`, with or without counters before it.
    private mutating func readCommand(_ text: Span<UInt8>, isCut: Bool) {
        var word = 0
        var counters: Counters?
        if rule.words.isEmpty { return }
        if rule.buffer[Int(rule.words[0].start)] == UInt8(ascii: "[") {
            counters = rule.counters(in: rule.words[0].range)
            guard counters != nil else { return keepUnreadable(text, lineRange) }
            word = 1
        }
        if rule.words.count > word + 3, rule.isWord(word, "-t") || rule.isWord(word, "--table") {
            startListing(text, name: symbol(word + 1), isTold: true)
            word += 2
        }
        let command = rule.command(word, hasRules: lastChain != nil)
        switch command {
        case .append:
            readRule(text, command: word, counters, isCut: isCut, insertAt: nil)
        case .insert:
            var position = 1
            var behind = word + 2
            if behind < rule.words.count, let number: Int = rule.readNumber(rule.words[behind].range), number > 0 {
                position = number
                behind += 1
            }
            readRule(text, command: word, counters, isCut: isCut, insertAt: position, from: behind)
        case .newChain:
            if table == nil { startListing(text, name: nil, isTold: false) }
            declare(symbol(word + 1), policy: nil, counters: nil, lineRange, nameWord: word + 1)
        case .policy:
            readPolicy(text, word)
        case .unchanging:
            report(.error, "not-a-dump", noLine(quote(rule.words[word]), ": it is not applied"), lineRange)
        case .changing:
            report(.error, "not-a-dump", noLine(quote(rule.words[word]), ": what it changes is not known"), lineRange)
            if let table { reading.tables[table].hasUnplacedLines = true }
        case .other:
            let words = quote(rule.words[word])
            let range = lineRange
            report(.error, "not-a-dump", noLine(words), range)
            keep(text, unread: range)
        case .none:
            keepUnreadable(text, lineRange)
        }
    }

    private mutating func readRule(
        _ text: Span<UInt8>, command: Int, _ prefixed: Counters?, isCut: Bool, insertAt: Int?, from first: Int? = nil
    ) {
        if table == nil { startListing(text, name: nil, isTold: false) }
        guard let table, !isLeftOut else { return }
        let chain = chainIndex(nameWord: command + 1)
        hasLineBetween = false
        rule.readRule(from: first ?? command + 2)
        if rule.isOfOtherFamily {
            return report(
                .note, "other-family", "this rule is for the other family: iptables does not load it here", lineRange)
        }
        if isCut { rule.makeLastPartUnsure(RuleFailure(.cutLine, word: rule.words.count - 1)) }
        for problem in rule.problems { report(problem) }
        let start = rule.lineStart + Int(rule.words[command].sourceStart)
        lastRuleLength = rule.lineLength
        let place = Place(file: file, line: line, start: start, end: rule.lineStart + rule.lineLength)
        var made = Rule(statements: rule.statements(), place: place)
        if let counters = prefixed ?? rule.counters {
            made.counters = CountersIndex(reading.tables[table].chains[chain].ruleCounters.count)
            reading.tables[table].chains[chain].ruleCounters.append(counters)
        }
        if rule.sourceChoices.isEmpty, rule.destinationChoices.isEmpty {
            add(made, to: chain, insertAt)
        } else {
            for choice in expansions(of: made) { add(choice, to: chain, insertAt) }
        }
    }

    private mutating func add(_ made: Rule, to chain: Int, _ insertAt: Int?) {
        if let insertAt {
            insert(made, chain, at: insertAt)
        } else {
            pending.append(made)
        }
    }

    /// Gives the last chain its pending rules.
    mutating func storePending() {
        guard let table, let lastChain, !pending.isEmpty else { return }
        if reading.tables[table].chains[lastChain.index].rules.isEmpty {
            reading.tables[table].chains[lastChain.index].rules.reserveCapacity(pending.count)
        }
        reading.tables[table].chains[lastChain.index].rules.append(contentsOf: pending)
        pending.removeAll(keepingCapacity: true)
    }

    /// The rules that iptables makes of `-s a,b -d c,d`: every source with every destination.
    private mutating func expansions(of made: Rule) -> [Rule] {
        let sources = rule.sourceChoices.isEmpty ? 1 : rule.sourceChoices.count
        let destinations = rule.destinationChoices.isEmpty ? 1 : rule.destinationChoices.count
        guard sources * destinations <= 4096 else {
            report(
                .error, "too-many-addresses", "this rule stands for \(sources * destinations) rules: it is kept unread",
                lineRange)
            var unread = made
            unread.statements = [.target(.unknown(name: .empty, text: rule.internLine(from: 2)))]
            return [unread]
        }
        var result: [Rule] = []
        for source in 0..<sources {
            for destination in 0..<destinations {
                var copy = made
                for (index, part) in rule.parts.enumerated() {
                    if part.rank == 0, !rule.sourceChoices.isEmpty {
                        copy.statements[index] = rule.sourceChoices[source]
                    }
                    if part.rank == 1, !rule.destinationChoices.isEmpty {
                        copy.statements[index] = rule.destinationChoices[destination]
                    }
                }
                result.append(copy)
            }
        }
        return result
    }

    private mutating func insert(_ made: Rule, _ chain: Int, at position: Int) {
        storePending()
        guard let table else { return }
        var slot = inserted.count
        for index in inserted.indices where inserted[index].chain == chain { slot = index }
        if slot == inserted.count { inserted.append((chain, [])) }
        let before = inserted[slot].rules.count
        if position == 1 {
            inserted[slot].rules.append(made)
            return
        }
        // Rules shift at each of these: bounded, since a dump has none.
        guard insertionsLeft > 0, position - 1 <= before + reading.tables[table].chains[chain].rules.count else {
            report(
                .error, "bad-position",
                "there is no rule \(position - 1) that this rule could follow: it is added last",
                lineRange)
            reading.tables[table].chains[chain].rules.append(made)
            return
        }
        insertionsLeft -= 1
        if position - 1 < before {
            inserted[slot].rules.insert(made, at: before - (position - 1))
        } else {
            reading.tables[table].chains[chain].rules.insert(made, at: position - 1 - before)
        }
    }

    /// A line that begins like nothing in a dump: told, and kept in its place as a rule that may do anything. Where its
    /// words do not name a chain it is taken for one of the rules around it, which is sure where those are of one chain.
    mutating func keepUnreadable(_ text: Span<UInt8>, _ range: Range<Int>) {
        report(.error, "unreadable-line", noLine(quote(text, range)), range)
        keep(text, unread: range)
    }

    private func noLine(_ quoted: String, _ effect: String = "") -> String {
        "'\(quoted)' is no line of a dump\(effect)"
    }

    private mutating func keep(_ text: Span<UInt8>, unread range: Range<Int>) {
        storePending()
        guard let table else { return }
        rule.take(text, line: range)
        if let named = namedChain() {
            if hasLineBetween, named.index != lastChain?.index { reading.tables[table].hasUnplacedLines = true }
            hasLineBetween = false
            lastRuleLength = 0
            lastChain = named
        } else if lastChain == nil {
            reading.tables[table].hasUnplacedLines = true
        } else if lastRuleLength < 72 {
            hasLineBetween = true
        }
        guard let lastChain else { return }
        let kept = rule.internLine(from: 0)
        // A terminal's width: the rule before may go on here, so its own end is not sure.
        let last = reading.tables[table].chains[lastChain.index].rules.count - 1
        if lastRuleLength >= 72, last >= 0 {
            reading.tables[table].chains[lastChain.index].rules[last].statements.insert(
                .match(.unknown(module: .empty, text: .empty)), at: 0)
        }
        lastRuleLength = 0
        let place = Place(file: file, line: line, start: range.lowerBound, end: range.upperBound)
        let made = Rule(statements: [.target(.unknown(name: .empty, text: kept))], place: place)
        reading.tables[table].chains[lastChain.index].rules.append(made)
    }

    /// The chain that the line which `rule` holds names where a rule does: behind counters and one word, before options.
    private mutating func namedChain() -> (name: Symbol, index: Int)? {
        guard let first = rule.words.first else { return nil }
        let word = rule.counters(in: first.range) == nil ? 1 : 2
        guard word < rule.words.count else { return nil }
        if word + 1 < rule.words.count, !rule.isOption(word + 1), !rule.isNegation(word + 1) {
            return nil
        }
        let name = symbol(word)
        return rule.chains[name].map { (name, $0) }
    }
}

/// What a line does that begins with an option.
enum Command {
    case append, insert, newChain, policy
    /// One that asks, or that changes no rule.
    case unchanging
    /// One that changes or removes rules.
    case changing
    /// None that is known, with a chain's name where a command has it.
    case other
    /// None: a chain's name is missing.
    case none
}

extension RuleReader {
    /// The command at `word`.
    fileprivate func command(_ word: Int, hasRules: Bool) -> Command {
        // Nearly all lines are that.
        let hasChain = word + 1 < words.count && isChainName(word + 1)
        if hasChain, isWord(word, "-A") || isWord(word, "--append") { return .append }
        let unchanging: [StaticString] = [
            "-L", "--list", "-S", "--list-rules", "-C", "--check", "-Z", "--zero", "-X", "--delete-chain",
        ]
        for name in unchanging where isWord(word, name) { return .unchanging }
        let changing: [StaticString] = [
            "-F", "--flush", "-D", "--delete", "-R", "--replace", "-E", "--rename-chain",
        ]
        for name in changing where isWord(word, name) { return hasRules ? .changing : .unchanging }
        guard hasChain else { return .none }
        if isWord(word, "-I") || isWord(word, "--insert") { return .insert }
        if isWord(word, "-N") || isWord(word, "--new-chain") || isWord(word, "--new") { return .newChain }
        if isWord(word, "-P") || isWord(word, "--policy") { return .policy }
        return .other
    }
}
