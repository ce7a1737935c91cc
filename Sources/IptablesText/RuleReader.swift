internal import NetTypes
internal import RuleModel
internal import SourceText

/// Reads one rule after the other; keeps its buffers between them.
///
/// A reader of a match or target is a method in its own file. It begins at the word after the module's name and goes
///
///     while try beginOption() {
///         if takes("--mark") { mark = Negatable(try maskedWord(), isNegated: negation()) } else { break }
///     }
///
/// so it stops, without taking it, at the first option that is not its own; the frame knows whose it is.
struct RuleReader {
    /// The line's bytes, then the values of its words that had escapes.
    var buffer: [UInt8] = []
    var lineStart = 0
    var lineLength = 0
    var words: [LineWord] = []
    /// The word whose quote is never closed.
    var openQuote: Int?
    /// The next word to read.
    var index = 0

    var names = NameTable()
    var family = TableFamily.ip
    let modules = ModuleNames.shared
    var chains = ChainIndex()

    /// What was read of the rule so far, in the order of the words.
    var parts: [Part] = []
    var problems: [RuleFailure] = []
    /// Every address of `-s a,b` and `-d a,b`, where there is more than one.
    var sourceChoices: [Statement] = []
    var destinationChoices: [Statement] = []
    /// The words of `-j` and `-g` after the first.
    var furtherTargets: [Range<Int>] = []
    /// The protocol of `-p`, which loads a match for its options.
    var protocolMatch: MatchModule?
    var counters: Counters?
    /// Whether `-4` or `-6` makes the rule one of the other family, which iptables-restore leaves out.
    var isOfOtherFamily = false
    /// A bit for each rank among `parts`, and for each match module.
    var ranksSeen: UInt8 = 0
    var modulesSeen: UInt64 = 0
    /// How many words may still be moved or split to make sense of a rule written by hand: bounds the time.
    var repairsLeft = 0

    // The option at hand.
    private var option = 0
    private var optionIsNegated = false
    private var negationIsUsed = true
    private var optionIsTaken = false

    var isV6: Bool { family == .ip6 }
    var version: IPVersion { isV6 ? .v6 : .v4 }

    // MARK: Options

    /// Steps to the next option, with a `!` before it; `false` at the end of the rule or at what is no long option.
    mutating func beginOption() throws(RuleFailure) -> Bool {
        try finishOption()
        guard index < words.count else { return false }
        let isNegated = isNegation(index)
        let word = isNegated ? index + 1 : index
        guard isLongOption(word) else { return false }
        option = word
        optionIsNegated = isNegated
        return true
    }

    /// Whether the option at hand is `name`; then it is taken, and a `!` of the old place behind it too.
    mutating func takes(_ name: StaticString) -> Bool {
        guard isWord(option, name) else { return false }
        takeOption()
        return true
    }

    /// Whether the option at hand has one of two names.
    mutating func takes(_ name: StaticString, _ other: StaticString) -> Bool {
        guard isWord(option, name) || isWord(option, other) else { return false }
        takeOption()
        return true
    }

    @inline(never)
    private mutating func takeOption() {
        beginValue(of: option, isNegated: optionIsNegated)
    }

    /// Makes `word` the option at hand and steps behind it, and behind the `!` of `--dport ! 80`.
    @inline(never)
    mutating func beginValue(of word: Int, isNegated: Bool) {
        option = word
        optionIsNegated = isNegated
        negationIsUsed = false
        optionIsTaken = true
        index = word + 1
        if isNegation(index), !isOption(index + 1), index + 1 < words.count {
            optionIsNegated = !optionIsNegated
            index += 1
        }
    }

    /// Whether the option at hand is negated. An option whose reader never asks can't be.
    mutating func negation() -> Bool {
        negationIsUsed = true
        return optionIsNegated
    }

    /// Refuses the `!` of an option that knows none.
    mutating func finishOption() throws(RuleFailure) {
        defer {
            optionIsTaken = false
            negationIsUsed = true
        }
        if optionIsTaken, optionIsNegated, !negationIsUsed { throw RuleFailure(.cannotNegate, word: option) }
    }

    /// Forgets the option at hand, for the frame after a failure.
    mutating func dropOption() {
        optionIsTaken = false
        negationIsUsed = true
    }

    /// A failure about the option at hand.
    func optionFailure(_ reason: RuleFailure.Reason) -> RuleFailure { RuleFailure(reason, word: option) }

    /// A failure of a match or target that ends without an option it needs; points at the word before.
    func missing(_ name: String) -> RuleFailure { RuleFailure(.missingOption(name), word: max(0, index - 1)) }

    /// Refuses a second `--mark` where the first has set `value`.
    func refuseSecond<Value>(_ value: Value?) throws(RuleFailure) {
        if value != nil { throw optionFailure(.repeatedOption) }
    }

    // MARK: Words

    /// Takes the next word as the option's value.
    mutating func value() throws(RuleFailure) -> Range<Int> {
        guard index < words.count else { throw RuleFailure(.missingValue, word: max(0, index - 1)) }
        index += 1
        return words[index - 1].range
    }

    /// A failure about the value that was just taken.
    func bad(_ kind: RuleFailure.Kind, _ expected: String) -> RuleFailure {
        RuleFailure(.bad(kind, expected), word: max(0, index - 1))
    }

    /// Whether there is a next word that is neither an option nor `!`: an optional value.
    var hasValue: Bool { index < words.count && !isOption(index) && !isNegation(index) }

    func isWord(_ word: Int, _ name: StaticString) -> Bool {
        guard word < words.count, words[word].kind != .quoted else { return false }
        return buffer.span.extracting(words[word].range).equals(name)
    }

    func isNegation(_ word: Int) -> Bool { word < words.count && words[word].kind == .negation }

    /// Whether the word begins with `-`, with more behind it.
    func isOption(_ word: Int) -> Bool {
        guard word < words.count else { return false }
        return words[word].kind == .longOption || words[word].kind == .shortOption
    }

    func isLongOption(_ word: Int) -> Bool { word < words.count && words[word].kind == .longOption }

    /// Whether the bytes of `range` are `text`.
    func equals(_ range: Range<Int>, _ text: StaticString) -> Bool { buffer.span.extracting(range).equals(text) }

    /// The offset of the first `byte` in `range`, or `nil`.
    func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int? { buffer.span.firstIndex(of: byte, in: range) }

    /// The bytes of the line from word `first` up to word `end`, as they stand there.
    func source(_ first: Int, _ end: Int) -> Range<Int> {
        guard first < end, first < words.count else { return lineLength..<lineLength }
        let start = Int(words[first].sourceStart)
        return start..<max(start, Int(words[min(end, words.count) - 1].sourceEnd))
    }
}

/// One statement of the rule at hand and the words it came from.
struct Part {
    enum Kind {
        case generic
        case match(MatchModule)
        /// A match's options that came without `-m`.
        case implicit(MatchModule)
        case target(TargetModule)
        case other
    }

    var statement: Statement
    var kind: Kind
    /// 0…5: `-s -d -i -o -p -f`, then matches, then the target: the order in which the kernel tests them.
    var rank: UInt8
    var firstWord: Int
    var endWord: Int
}

/// Which chain of the table at hand has which name.
struct ChainIndex {
    /// By symbol; -1 is none.
    private var slots: [Int32] = []
    private var used: [Symbol] = []

    mutating func removeAll() {
        for symbol in used { slots[Int(symbol.index)] = -1 }
        used.removeAll(keepingCapacity: true)
    }

    subscript(name: Symbol) -> Int? {
        let index = Int(name.index)
        guard index < slots.count, slots[index] >= 0 else { return nil }
        return Int(slots[index])
    }

    mutating func insert(_ name: Symbol, at chain: Int) {
        let index = Int(name.index)
        if index >= slots.count {
            slots.append(contentsOf: repeatElement(-1, count: max(index + 1, slots.count * 2) - slots.count))
        }
        slots[index] = Int32(truncatingIfNeeded: chain)
        used.append(name)
    }
}
