internal import RuleModel
internal import SourceText

// What of a rule can't be read, or must not be believed.
extension RuleReader {
    /// Keeps the words from `start` to the next part as they stand.
    mutating func keepUnknown(from start: Int, _ failure: RuleFailure) {
        problems.append(failure)
        let isUnknownOption = if case .unknownOption = failure.reason { true } else { false }
        var end = max(start + 1, failure.word)
        if isNegation(start) { end = max(end, start + 2) }
        while end < words.count, !beginsPart(end) { end += 1 }
        index = min(end, words.count)
        var first = start
        // An option that the module before it does not know makes that module's part unknown.
        if isUnknownOption, let last = parts.last, last.endWord == start, hasOptions(last) {
            first = last.firstWord
            parts.removeLast()
            if last.rank == Part.targetRank { ranksSeen &= ~(1 << last.rank) }
            if case .target(.jump) = last.statement {
                problems[problems.count - 1] = RuleFailure(.unknownTarget, word: first + 1)
            }
        }
        let isTarget = isWord(first, "-j") || isWord(first, "--jump") || isWord(first, "-g") || isWord(first, "--goto")
        if isTarget, hasSeen(rank: Part.targetRank) {
            furtherTargets.append(first..<index)
        } else if isTarget {
            let text = internSource(first, index)
            append(.target(.unknown(name: name(after: first), text: text)), .other, rank: Part.targetRank, from: first)
        } else {
            let text = internSource(first, index)
            let module = isWord(first, "-m") || isWord(first, "--match") ? name(after: first) : .empty
            append(.match(.unknown(module: module, text: text)), .other, rank: Part.matchRank, from: first)
        }
    }

    /// Whether an option may belong to this part: a match, a target, or what looks like a jump to a chain that is not
    /// there and must then be a target.
    func hasOptions(_ part: Part) -> Bool {
        switch part.kind {
        case .match, .implicit, .target: return true
        case .generic: return false
        case .other:
            if case .target(.jump(let name)) = part.statement { return chains[name] == nil }
            return false
        }
    }

    mutating func name(after word: Int) -> Symbol {
        guard word + 1 < words.count else { return .empty }
        return names.intern(buffer, words[word + 1].range)
    }

    mutating func internSource(_ first: Int, _ end: Int) -> Symbol {
        let range = source(first, end)
        return names.intern(buffer, range)
    }

    /// Whether a part begins at this word, with or without `!`.
    func beginsPart(_ word: Int) -> Bool {
        let option = isNegation(word) ? word + 1 : word
        guard isOption(option) else { return false }
        return frameOption(option) != .other
    }

    func frameOption(_ word: Int) -> Option { Option(buffer.span.extracting(words[word].range)) }

    func matchModule(_ name: Range<Int>) -> MatchModule? { modules.match(buffer.span.extracting(name)) }

    func targetModule(_ name: Range<Int>) -> TargetModule? { modules.target(buffer.span.extracting(name)) }

    /// Keeps the last part as unknown text, and gives the rule an unknown target where it has none: what was to follow
    /// is not there.
    mutating func makeLastPartUnsure(_ failure: RuleFailure) {
        problems.append(failure)
        let hasTarget = hasSeen(rank: Part.targetRank)
        if let last = parts.indices.max(by: { parts[$0].endWord < parts[$1].endWord }) {
            let part = parts[last]
            let text = words.isEmpty ? Symbol.empty : internSource(part.firstWord, part.endWord)
            switch part.statement {
            case .target: parts[last].statement = .target(.unknown(name: .empty, text: text))
            case .match: parts[last].statement = .match(.unknown(module: .empty, text: text))
            }
            parts[last].kind = .other
        }
        if !hasTarget {
            append(.target(.unknown(name: .empty, text: .empty)), .other, rank: Part.targetRank, from: words.count)
        }
    }

    /// Makes one unknown target of several: iptables takes none of them, so what the rule does is not known.
    mutating func joinTargets() {
        guard let target = parts.firstIndex(where: { $0.rank == Part.targetRank }) else { return }
        var text = Array(buffer[source(parts[target].firstWord, parts[target].endWord)])
        for further in furtherTargets {
            text.append(UInt8(ascii: " "))
            text += buffer[source(further.lowerBound, further.upperBound)]
        }
        parts[target].statement = .target(.unknown(name: .empty, text: names.intern(text, 0..<text.count)))
        parts[target].kind = .other
    }
}
