/// What Felix may have written for a rule: parts in an order that is mostly known, each in one of some spellings.
///
/// Felix hashes its own text of a rule, and the kernel gives back another one: options in another order, names for
/// numbers, defaults left out. The hash beside the rule says which of the possible texts it was, so that trying some
/// proves nothing wrong: 96 bits must agree.
struct FelixSpelling {
    /// A part of the text in its possible spellings, the likely one first. An empty one leaves the part out.
    struct Part {
        var spellings: [String]
        /// Its place in the order that policy rules have their conditions in.
        var rank = Rank.other
        /// Whether it may stand anywhere among the others: what iptables-save and nft move.
        var floats = false

        init(_ spellings: [String], _ rank: Rank = .other, floats: Bool = false) {
            self.spellings = spellings
            self.rank = rank
            self.floats = floats
        }

        init(_ spelling: String, _ rank: Rank = .other, floats: Bool = false) {
            self.init([spelling], rank, floats: floats)
        }
    }

    /// The order of a policy rule's conditions: what must hold, then what must not, then the marks.
    /// Source: felix/rules/policy.go `CalculateRuleMatch`.
    enum Rank: UInt8, Comparable {
        case limit, `protocol`, source, sourceSet, sourcePorts, sourcePortSet
        case destination, destinationSet, destinationPortSet, destinationPorts, icmp
        case notProtocol, notSource, notSourceSet, notSourcePorts, notSourcePortSet
        case notDestination, notDestinationSet, notDestinationPorts, notDestinationPortSet, notICMP
        case other

        static func < (a: Rank, b: Rank) -> Bool { a.rawValue < b.rawValue }

        func negated(_ isNegated: Bool) -> Rank {
            guard isNegated else { return self }
            switch self {
            case .protocol: return .notProtocol
            case .source: return .notSource
            case .sourceSet: return .notSourceSet
            case .sourcePorts: return .notSourcePorts
            case .sourcePortSet: return .notSourcePortSet
            case .destination: return .notDestination
            case .destinationSet: return .notDestinationSet
            case .destinationPortSet: return .notDestinationPortSet
            case .destinationPorts: return .notDestinationPorts
            case .icmp: return .notICMP
            case .limit, .notProtocol, .notSource, .notSourceSet, .notSourcePorts, .notSourcePortSet, .notDestination,
                .notDestinationSet, .notDestinationPorts, .notDestinationPortSet, .notICMP, .other:
                return self
            }
        }
    }

    /// `-A cali-INPUT HASH` and the comments; empty in nftables mode, whose hash leaves both out.
    var head: [String] = []
    var conditions: [Part] = []
    /// Conditions that the kernel does not give back since they always hold.
    var lost: [Part] = []
    /// `counter` and what follows.
    var tail: [Part] = []
    /// Whether all spellings that Felix has for it are among these.
    var isCertain = true

    /// The texts tried for one rule at most.
    static let limit = 6000

    /// The first text for which `isWanted` holds.
    func first(limit: Int = FelixSpelling.limit, where isWanted: (String) -> Bool) -> String? {
        var left = limit
        for order in orders() {
            var text: [String] = head
            if let found = search(order + tail, 0, &text, &left, isWanted) { return found }
            if left <= 0 { return nil }
        }
        return nil
    }

    /// The likeliest text.
    var likely: String {
        first(limit: 1) { _ in true } ?? ""
    }

    private func search(
        _ parts: [Part], _ index: Int, _ text: inout [String], _ left: inout Int, _ isWanted: (String) -> Bool
    ) -> String? {
        guard index < parts.count else {
            left -= 1
            let whole = joinedBySpaces(text)
            return isWanted(whole) ? whole : nil
        }
        for spelling in parts[index].spellings where left > 0 {
            if !spelling.isEmpty { text.append(spelling) }
            let found = search(parts, index + 1, &text, &left, isWanted)
            if !spelling.isEmpty { text.removeLast() }
            if let found { return found }
        }
        return nil
    }

    /// The conditions in the order of policy rules, as they are, with the floating ones in front, with those that were
    /// lost, then with the floating ones at every place.
    private func orders() -> [[Part]] {
        let fixed = conditions.filter { !$0.floats }
        let floating = conditions.filter { $0.floats }
        var orders = [ranked(conditions)]
        if conditions.count > 1 { orders += [floating + fixed, fixed + floating] }
        for part in lost { orders.append(ranked(conditions + [part])) }
        if lost.count > 1 { orders.append(ranked(conditions + lost)) }
        guard !floating.isEmpty, conditions.count > 1 else { return orders }
        var partial = [fixed]
        for part in floating {
            var longer: [[Part]] = []
            for order in partial {
                for place in 0...order.count {
                    var next = order
                    next.insert(part, at: place)
                    longer.append(next)
                }
            }
            partial = longer
            if partial.count > 800 { break }
        }
        return orders + partial.filter { $0.count == conditions.count }
    }

    /// In the order of policy rules; equal ones stay as they are.
    private func ranked(_ parts: [Part]) -> [Part] {
        var sorted: [Part] = []
        for part in parts {
            let place = sorted.firstIndex { $0.rank > part.rank } ?? sorted.count
            sorted.insert(part, at: place)
        }
        return sorted
    }
}

func joinedBySpaces(_ words: [String]) -> String {
    var text = ""
    for word in words {
        if !text.isEmpty { text += " " }
        text += word
    }
    return text
}

/// `0x10000`, and `0x0` for nothing: Go's `%#x`.
func goHexadecimal(_ value: UInt32) -> String { "0x" + String(value, radix: 16) }
