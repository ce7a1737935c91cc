internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// Reads the words from `first` on, those behind `-A CHAIN`, into `parts` in the order in which the kernel tests
    /// them. What can't be read becomes an unknown part and a problem.
    mutating func readRule(from first: Int) {
        parts.removeAll(keepingCapacity: true)
        if !problems.isEmpty { problems.removeAll(keepingCapacity: true) }
        if !sourceChoices.isEmpty { sourceChoices.removeAll(keepingCapacity: true) }
        if !destinationChoices.isEmpty { destinationChoices.removeAll(keepingCapacity: true) }
        protocolMatch = nil
        counters = nil
        isOfOtherFamily = false
        if !furtherTargets.isEmpty { furtherTargets.removeAll(keepingCapacity: true) }
        ranksSeen = 0
        modulesSeen = 0
        repairsLeft = 16
        index = first
        while index < words.count { readPart() }
        if let openQuote { makeLastPartUnsure(RuleFailure(.unterminatedQuote, word: openQuote)) }
        if !furtherTargets.isEmpty { joinTargets() }
        sortParts()
    }

    /// The statements of the rule read last, in one allocation.
    func statements() -> [Statement] {
        parts.map { $0.statement }
    }

    // MARK: One part

    private mutating func readPart() {
        let start = index
        do throws(RuleFailure) {
            try readKnownPart()
        } catch {
            // `-m mark --mark=5` stops in front of an option that it does not know as such.
            if case .missingOption = error.reason, splitAtEqualsSign(isNegation(index) ? index + 1 : index) {
                index = start
            } else {
                keepUnknown(from: start, error)
            }
        }
        dropOption()
    }

    private mutating func readKnownPart() throws(RuleFailure) {
        let start = index
        let isNegated = isNegation(start)
        let word = isNegated ? start + 1 : start
        guard isOption(word) else { throw RuleFailure(.unexpectedWord, word: start) }
        let option = frameOption(word)
        switch option {
        case .match, .jump, .goto, .counters, .version4, .version6:
            if isNegated { throw RuleFailure(.cannotNegate, word: word) }
            index = word + 1
            try readFrameOption(option, start)
        case .other:
            try readForeignOption(start)
        default:
            beginValue(of: word, isNegated: isNegated)
            try readGeneric(option, start)
        }
    }

    private mutating func readFrameOption(_ option: Option, _ start: Int) throws(RuleFailure) {
        switch option {
        case .match:
            let name = try value()
            guard let module = matchModule(name) else {
                throw RuleFailure(.unknownMatch, word: index - 1)
            }
            let match = try read(module)
            try finishOption()
            append(.match(match), .match(module), rank: Part.matchRank, from: start)
        case .jump:
            let (target, module) = try readJump()
            try finishOption()
            try refuseSecondTarget(start)
            append(.target(target), module.map { .target($0) } ?? .other, rank: Part.targetRank, from: start)
        case .goto:
            let chain = try symbol()
            try refuseSecondTarget(start)
            append(.target(.goto(chain)), .other, rank: Part.targetRank, from: start)
        case .counters:
            // `-c packets bytes`, or `packets,bytes`, as `iptables -S -v` prints after the rule.
            let range = try value()
            if let comma = firstIndex(of: UInt8(ascii: ","), in: range) {
                guard let packets: UInt64 = readNumber(range.lowerBound..<comma),
                    let bytes: UInt64 = readNumber(comma + 1..<range.upperBound)
                else { throw bad(.number, "counters") }
                counters = Counters(packets: packets, bytes: bytes)
            } else {
                guard let packets: UInt64 = readNumber(range) else { throw bad(.number, "a count of packets") }
                counters = Counters(packets: packets, bytes: try number())
            }
        default:
            // `-4` and `-6` in a file for both families.
            if (option == .version6) != isV6 { isOfOtherFamily = true }
        }
    }

    private mutating func readJump() throws(RuleFailure) -> (Target, TargetModule?) {
        let range = try value()
        if equals(range, "ACCEPT") { return (.accept, nil) }
        if equals(range, "DROP") { return (.drop, nil) }
        if equals(range, "RETURN") { return (.return, nil) }
        if equals(range, "QUEUE") { return (.queue, nil) }
        let name = names.intern(buffer, range)
        if chains[name] != nil { return (.jump(name), nil) }
        if let module = targetModule(range) { return (try read(module), module) }
        guard !range.isEmpty else { throw bad(.name, "a chain or target") }
        return (.jump(name), nil)
    }

    private func refuseSecondTarget(_ start: Int) throws(RuleFailure) {
        if hasSeen(rank: Part.targetRank) { throw RuleFailure(.repeatedOption, word: start) }
    }

    // MARK: Options that no part at hand takes

    private mutating func readForeignOption(_ start: Int) throws(RuleFailure) {
        if splitAtEqualsSign(isNegation(start) ? start + 1 : start) { return }
        if let module = protocolMatch, modulesSeen & module.bit == 0 {
            do throws(RuleFailure) {
                let match = try read(module)
                try finishOption()
                if index > start {
                    append(.match(match), .implicit(module), rank: Part.matchRank, from: start)
                    return
                }
            } catch  where index == start {
                // Not one option of it: the failure is about what is missing then.
                dropOption()
            }
        }
        if moveToItsModule(start) { return }
        throw RuleFailure(.unknownOption, word: isNegation(start) ? start + 1 : start)
    }

    /// `--dport=80` becomes two words.
    private mutating func splitAtEqualsSign(_ word: Int) -> Bool {
        guard word < words.count, words[word].kind != .quoted else { return false }
        let whole = words[word]
        guard let equals = firstIndex(of: UInt8(ascii: "="), in: whole.range), repairsLeft > 0 else {
            return false
        }
        repairsLeft -= 1
        let start = Int(whole.start)
        let sourceSplit = Int(whole.sourceStart) + (equals - start)
        words[word] = LineWord(start..<equals, source: Int(whole.sourceStart)..<sourceSplit, whole.kind)
        let value = LineWord(
            equals + 1..<Int(whole.end), source: sourceSplit + 1..<Int(whole.sourceEnd), .quoted)
        words.insert(value, at: word + 1)
        // The option may belong to the part before, which stopped in front of it.
        if let last = parts.last, last.endWord == index { _ = reread(parts.count - 1, upTo: word + 2) }
        return true
    }

    /// iptables lets an option stand anywhere behind its `-m`: `-m tcp -m comment --comment x --dport 80`. Moves the
    /// option and its values behind the words of the module that takes it.
    private mutating func moveToItsModule(_ start: Int) -> Bool {
        guard parts.count > 1, parts.count <= 64, words.count < 1000, repairsLeft > 0 else { return false }
        repairsLeft -= 1
        var end = isNegation(start) ? start + 2 : start + 1
        while end < words.count, !isOption(end), !(isNegation(end) && isOption(end + 1)) { end += 1 }
        let count = end - start
        for candidate in parts.indices.dropLast() {
            let home = parts[candidate].endWord
            move(start..<end, to: home)
            if reread(candidate, upTo: home + count) {
                for other in parts.indices where other != candidate && parts[other].firstWord >= home {
                    parts[other].firstWord += count
                    parts[other].endWord += count
                }
                index = end
                return true
            }
            move(home..<home + count, to: end)
        }
        return false
    }

    /// Moves words to `place`, which is not among them.
    private mutating func move(_ range: Range<Int>, to place: Int) {
        let moved = Array(words[range])
        words.removeSubrange(range)
        words.insert(contentsOf: moved, at: place > range.lowerBound ? place - moved.count : place)
    }

    /// Reads a part again whose words now go up to `end`; puts it back as it was where it does not take them all.
    private mutating func reread(_ part: Int, upTo end: Int) -> Bool {
        let before = index
        let statement: Statement
        do throws(RuleFailure) {
            switch parts[part].kind {
            case .match(let module):
                index = parts[part].firstWord + 2
                statement = .match(try read(module))
            case .implicit(let module):
                index = parts[part].firstWord
                statement = .match(try read(module))
            case .target(let module):
                index = parts[part].firstWord + 2
                statement = .target(try read(module))
            case .generic, .other:
                return false
            }
            try finishOption()
        } catch {
            dropOption()
            index = before
            return false
        }
        guard index == end else {
            index = before
            return false
        }
        parts[part].statement = statement
        parts[part].endWord = end
        return true
    }

    // MARK: The list of parts

    mutating func append(_ statement: Statement, _ kind: Part.Kind, rank: UInt8, from start: Int) {
        parts.append(Part(statement: statement, kind: kind, rank: rank, firstWord: start, endWord: index))
        ranksSeen |= 1 << rank
        switch kind {
        case .match(let module), .implicit(let module): modulesSeen |= module.bit
        case .generic, .target, .other: break
        }
    }

    /// Whether the rule has a part of this rank: one comparison, since a line may have 10,000 parts.
    func hasSeen(rank: UInt8) -> Bool { ranksSeen & (1 << rank) != 0 }

    /// Orders the parts as the kernel tests them; those of one rank keep their order.
    private mutating func sortParts() {
        var isSorted = true
        for position in parts.indices.dropFirst() where parts[position - 1].rank > parts[position].rank {
            isSorted = false
        }
        if isSorted { return }
        var sorted: [Part] = []
        sorted.reserveCapacity(parts.count)
        for rank in 0...Part.targetRank {
            for part in parts where part.rank == rank { sorted.append(part) }
        }
        parts = sorted
    }
}

extension Part {
    static let matchRank: UInt8 = 6
    static let targetRank: UInt8 = 7
}

extension MatchModule {
    var bit: UInt64 { 1 << UInt64(rawValue) }
}
