internal import NetTypes
internal import RuleModel
internal import SourceText

/// Which rules of a long chain may match a packet, found by what they ask instead of one after another.
///
/// Each rule stands under one of its conditions, the one that the fewest other rules share: a value under a mask of one
/// field of the packet, or several such values (ranges are cut at powers of two). A packet is looked up once for each
/// field and mask that the chain asks for. Rules without such a condition are candidates for every packet.
///
/// Like `CompiledRule` it passes over rules that can't match and decides nothing else; a negated condition fails for so
/// few packets that no rule stands under one.
public struct RuleIndex: Sendable {
    /// A field of `PacketKey` and the bits of it that are asked.
    struct Question: Hashable, Sendable {
        enum Field: UInt8, Hashable, Sendable {
            case destination, source, sourcePort, destinationPort, mark, inInterface, outInterface, `protocol`
        }

        var field: Field
        var mask: UInt32
    }

    /// The rules that stand under values of one question.
    struct Answers: Sendable {
        let question: Question
        /// Ascending.
        var values: [UInt32] = []
        /// Where each value's rules begin in `rules`; one more entry than there are values.
        var starts: [UInt32] = []
        /// For each value its rules in the order of the chain.
        var rules: [UInt32] = []
        /// All of `rules` in the order of the chain: the candidates where the field is not known.
        var all: [UInt32] = []
    }

    let answers: [Answers]
    /// Rules that are candidates for every packet, in the order of the chain.
    let others: [UInt32]

    /// The length from which a chain has an index: below it the rules' prefilters are as fast.
    public static let leastRules = 16
    /// How many values one condition may stand for: the ports of a multiport match, or an address range.
    static let mostValues = 64
    /// How many questions one look-up may take.
    private static let mostQuestions = 96

    /// - Parameter prefilters: of each rule, in order.
    init(_ rules: [Rule], _ prefilters: ArraySlice<CompiledRule>) {
        var places: [Question: Int] = [:]
        var questions: [Question] = []
        func place(_ question: Question) -> UInt64? {
            if let place = places[question] { return UInt64(place) }
            if questions.count == RuleIndex.mostQuestions { return nil }
            places[question] = questions.count
            questions.append(question)
            return UInt64(questions.count - 1)
        }
        // Of all rules' conditions the values: the question's place in the upper half, the value in the lower one.
        var keys: [UInt64] = []
        var conditionEnds: [Int] = []
        var ruleEnds: [Int] = []
        var uses: [UInt64: UInt32] = [:]
        for (rule, prefilter) in zip(rules, prefilters) {
            for condition in conditions(of: rule, prefilter) {
                let start = keys.count
                for (question, value) in condition {
                    guard let place = place(question) else { break }
                    keys.append(place << 32 | UInt64(value))
                }
                guard keys.count - start == condition.count else {
                    keys.removeSubrange(start...)
                    continue
                }
                for key in keys[start...] { uses[key, default: 0] += 1 }
                conditionEnds.append(keys.count)
            }
            ruleEnds.append(conditionEnds.count)
        }
        var entries = [[(value: UInt32, rule: UInt32)]](repeating: [], count: questions.count)
        var others: [UInt32] = []
        var condition = 0
        for rule in rules.indices {
            var best: (keys: Range<Int>, cost: UInt32)?
            while condition < ruleEnds[rule] {
                let own = (condition == 0 ? 0 : conditionEnds[condition - 1])..<conditionEnds[condition]
                let cost = keys[own].reduce(0) { $0 + (uses[$1] ?? 0) }
                if cost < best?.cost ?? .max { best = (own, cost) }
                condition += 1
            }
            guard let best else {
                others.append(UInt32(rule))
                continue
            }
            for key in keys[best.keys] {
                entries[Int(key >> 32)].append((UInt32(truncatingIfNeeded: key), UInt32(rule)))
            }
        }
        answers = zip(questions, entries).filter { !$1.isEmpty }.map { Answers($0, $1) }
        self.others = others
    }
}

extension RuleIndex.Answers {
    fileprivate init(_ question: RuleIndex.Question, _ entries: [(value: UInt32, rule: UInt32)]) {
        self.question = question
        all = entries.map { $0.rule }
        for entry in entries.sorted(by: { ($0.value, $0.rule) < ($1.value, $1.rule) }) {
            // Two values of one condition may be one.
            if entry.value == values.last, entry.rule == rules.last { continue }
            if entry.value != values.last {
                values.append(entry.value)
                starts.append(UInt32(rules.count))
            }
            rules.append(entry.rule)
        }
        starts.append(UInt32(rules.count))
    }

    /// Where the rules lie in `rules` that stand under `value`.
    fileprivate func range(_ value: UInt32) -> Range<Int> {
        let place = values.firstIndex { $0 >= value }
        guard place < values.count, values[place] == value else { return 0..<0 }
        return Int(starts[place])..<Int(starts[place + 1])
    }
}

extension [UInt32] {
    /// The first index whose element `isReached` holds for, which it does for all behind it too; else `count`.
    fileprivate func firstIndex(from start: Int = 0, isReached: (UInt32) -> Bool) -> Int {
        var (first, end) = (start, count)
        while first < end {
            let middle = first + (end - first) / 2
            if isReached(self[middle]) { end = middle } else { first = middle + 1 }
        }
        return first
    }
}

/// A packet's look-up in a chain's index.
public struct RuleSearch: Sendable {
    public let key: PacketKey
    /// Lists of rules in the order of the chain, from the next one on.
    private var lists: [ArraySlice<UInt32>] = []

    /// - Parameter start: the rule from which on candidates are asked for.
    public init(_ index: RuleIndex, _ key: PacketKey, from start: Int) {
        self.key = key
        add(index.others[...], from: start)
        for answers in index.answers {
            if let value = key.value(of: answers.question.field) {
                add(answers.rules[answers.range(value & answers.question.mask)], from: start)
            } else {
                add(answers.all[...], from: start)
            }
        }
    }

    private mutating func add(_ list: ArraySlice<UInt32>, from start: Int) {
        let rest = list.drop { $0 < start }
        if !rest.isEmpty { lists.append(rest) }
    }

    /// The first candidate at or behind rule `start`, which must not be before one asked for earlier; `nil`: none is left.
    public mutating func next(from start: Int) -> Int? {
        var next: UInt32?
        for index in lists.indices {
            while let first = lists[index].first, first < start { lists[index].removeFirst() }
            if let first = lists[index].first, first < next ?? .max { next = first }
        }
        return next.map { Int($0) }
    }
}

extension PacketKey {
    /// `nil` where it is not known.
    fileprivate func value(of field: RuleIndex.Question.Field) -> UInt32? {
        switch field {
        case .destination: destination
        case .source: source
        case .sourcePort: sourcePort.map { UInt32($0) }
        case .destinationPort: UInt32(destinationPort)
        case .mark: mark
        case .inInterface: inInterface.value
        case .outInterface: outInterface.value
        case .protocol: UInt32(protocolNumber)
        }
    }
}
