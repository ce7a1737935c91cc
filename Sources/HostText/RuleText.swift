import NetTypes
import RuleModel
import SourceText

/// Reads `ip rule` and `ip -6 rule`.
func readPolicyRules(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    var rules: [(rule: RoutingRule, version: IPVersion?)] = []
    var cursor = LineCursor(listing.excerpt)
    var words = Words()
    while cursor.advance(text) {
        words.split(text, cursor.range)
        guard !words.isAtEnd else { continue }
        var reader = RuleReader(place: cursor.place)
        if let rule = reader.read(text, &words, cursor, &reading) { rules.append((rule, reader.version)) }
    }
    addPolicyRules(rules, listing, into: &reading)
}

/// Puts rules where their version belongs. One listing may hold `ip rule` and then `ip -6 rule`: a priority that is
/// smaller than the one before it starts the second.
func addPolicyRules(
    _ rules: [(rule: RoutingRule, version: IPVersion?)], _ listing: Listing, into reading: inout HostReading
) {
    guard !rules.isEmpty else { return }
    var parts: [[(rule: RoutingRule, version: IPVersion?)]] = []
    for entry in rules {
        if let last = parts.last?.last, last.rule.priority <= entry.rule.priority {
            parts[parts.count - 1].append(entry)
        } else {
            parts.append([entry])
        }
    }
    for (position, part) in parts.enumerated() {
        var version: IPVersion?
        for entry in part where version == nil { version = entry.version }
        if version == nil, let isV6 = listing.hint.isV6 { version = isV6 ? .v6 : .v4 }
        if version == nil {
            // IPv6 has no rule for the table `default`.
            let hasDefault = part.contains { $0.rule.action == .lookup(table: RoutingRule.defaultTable) }
            version = hasDefault || (position == 0 && reading.host.routingRulesV4 == nil) ? .v4 : .v6
        }
        let place = part.first?.rule.place ?? .none
        let values = part.map { $0.rule }
        if version == .v6 {
            merge(values, into: &reading.host.routingRulesV6, place, &reading.diagnostics)
        } else {
            merge(values, into: &reading.host.routingRulesV4, place, &reading.diagnostics)
        }
    }
}

private func merge(
    _ rules: [RoutingRule], into known: inout [RoutingRule]?, _ place: Place, _ diagnostics: inout [Diagnostic]
) {
    guard let old = known else {
        known = rules
        return
    }
    func bare(_ rules: [RoutingRule]) -> [RoutingRule] {
        var result = rules
        for index in result.indices { result[index].place = .none }
        return result
    }
    if bare(old) != bare(rules) {
        diagnostics.append(
            Diagnostic(
                .warning, "rules-twice", "policy rules are listed twice and differ; the last listing counts", at: place)
        )
    }
    known = rules
}

struct RuleReader {
    var rule: RoutingRule
    /// Told by an address in the rule.
    private(set) var version: IPVersion?
    private var hasAction = false
    private var unknown: [Range<Int>] = []

    init(place: Place) { rule = RoutingRule(priority: 0, action: .nop, place: place) }

    mutating func read(
        _ text: Span<UInt8>, _ words: inout Words, _ cursor: LineCursor, _ reading: inout HostReading
    ) -> RoutingRule? {
        guard let word = words.next(), text[word.upperBound - 1] == UInt8(ascii: ":"),
            let priority = text.decimal32(word.lowerBound..<word.upperBound - 1)
        else {
            reading.tell(.warning, "bad-policy-rule", "this line is not a rule of `ip rule`", at: cursor.place)
            return nil
        }
        rule.priority = priority
        while let key = words.next() {
            if !readPart(text, key, &words, &reading) { unknown.append(key) }
        }
        if let first = unknown.first, let last = unknown.last {
            let range = first.lowerBound..<last.upperBound
            rule.unknownPart = reading.name(text, range)
            reading.tell(
                .warning, "unknown-rule-part", "'\(text.quote(range))' in a policy rule is not understood",
                at: cursor.place(range))
        }
        if !hasAction, unknown.isEmpty {
            rule.unknownPart = reading.name(text, cursor.range)
            reading.tell(.warning, "bad-policy-rule", "a policy rule without action", at: cursor.place)
        }
        return rule
    }

    private mutating func act(_ action: RoutingRule.Action) -> Bool {
        rule.action = action
        hasAction = true
        return true
    }

    private mutating func prefix(_ text: Span<UInt8>, _ word: Range<Int>) -> IPPrefix?? {
        if text.has(word, "all") { return .some(nil) }
        guard let prefix = IPPrefix(text, word) else { return nil }
        version = prefix.address.version
        return .some(prefix)
    }

    private func ports(_ text: Span<UInt8>, _ word: Range<Int>) -> PortRange? {
        guard let dash = text.firstIndex(of: UInt8(ascii: "-"), in: word) else {
            return text.decimal16(word).map { PortRange($0) }
        }
        guard let first = text.decimal16(word.lowerBound..<dash), let last = text.decimal16(dash + 1..<word.upperBound)
        else { return nil }
        return PortRange(first, last)
    }

    /// Reads one part and its value; `false`, with nothing taken, where it is not known.
    private mutating func readPart(
        _ text: Span<UInt8>, _ key: Range<Int>, _ words: inout Words, _ reading: inout HostReading
    ) -> Bool {
        if text.has(key, "not") {
            rule.isNegated = true
            return true
        }
        if text.has(key, "[detached]") || text.has(key, "[unresolved]") { return true }
        if text.has(key, "blackhole") { return act(.blackhole) }
        if text.has(key, "unreachable") { return act(.unreachable) }
        if text.has(key, "prohibit") { return act(.prohibit) }
        if text.has(key, "nop") { return act(.nop) }
        if text.has(key, "l3mdev") { return act(.vrf) }
        guard let value = words.peek else { return false }
        var isRead = false
        if text.has(key, "from") {
            if let from = prefix(text, value) {
                rule.from = from
                isRead = true
            }
        } else if text.has(key, "to") {
            if let to = prefix(text, value) {
                rule.to = to
                isRead = true
            }
        } else if text.has(key, "lookup") || text.has(key, "table") {
            if text.has(value, "[l3mdev-table]") {
                isRead = act(.vrf)
            } else {
                isRead = act(.lookup(table: reading.tableNumber(text, value, at: rule.place)))
            }
        } else if text.has(key, "goto") {
            if let target = text.decimal32(value) { isRead = act(.goto(priority: target)) }
        } else if text.has(key, "iif") {
            rule.inInterface = reading.name(text, value)
            isRead = true
        } else if text.has(key, "oif") {
            rule.outInterface = reading.name(text, value)
            isRead = true
        } else if text.has(key, "fwmark") {
            isRead = readMark(text, value)
        } else if text.has(key, "tos") || text.has(key, "dsfield") {
            if let tos = tosByte(text, value) {
                rule.tos = tos
                isRead = true
            }
        } else if text.has(key, "ipproto") {
            if let known = ruleProtocol(text.text(value)) {
                rule.protocol = known
                isRead = true
            }
        } else if text.has(key, "sport") {
            if let range = ports(text, value) {
                rule.sourcePorts = range
                isRead = true
            }
        } else if text.has(key, "dport") {
            if let range = ports(text, value) {
                rule.destinationPorts = range
                isRead = true
            }
        } else if text.has(key, "uidrange") {
            if let dash = text.firstIndex(of: UInt8(ascii: "-"), in: value),
                let first = text.decimal32(value.lowerBound..<dash),
                let last = text.decimal32(dash + 1..<value.upperBound)
            {
                rule.users = NumberRange(first, last)
                isRead = true
            }
        } else if text.has(key, "suppress_prefixlength") {
            if let length = text.number(value, limit: 128) {
                rule.suppressedPrefixLength = UInt8(length)
                isRead = true
            }
        } else if text.has(key, "suppress_ifgroup") {
            rule.suppressedGroup = text.has(value, "default") ? 0 : text.decimal32(value)
            isRead = rule.suppressedGroup != nil
        } else if text.has(key, "realms") {
            rule.realm = realm(text, value)
            isRead = true
        } else if text.has(key, "proto") || text.has(key, "protocol") {
            // Who made it: no decision hangs on it.
            isRead = true
        }
        if isRead { _ = words.next() }
        return isRead
    }

    private mutating func readMark(_ text: Span<UInt8>, _ value: Range<Int>) -> Bool {
        let slash = text.firstIndex(of: UInt8(ascii: "/"), in: value) ?? value.upperBound
        guard let mark = text.number(value.lowerBound..<slash) else { return false }
        var mask = UInt32.max
        if slash < value.upperBound {
            guard let read = text.number(slash + 1..<value.upperBound) else { return false }
            mask = UInt32(truncatingIfNeeded: read)
        }
        // The kernel compares under the mask: bits of the value outside it do not count.
        // Source: net/core/fib_rules.c `fib_rule_match`, Linux 6.1.
        rule.mark = MaskedWord(UInt32(truncatingIfNeeded: mark) & mask, mask: mask)
        return true
    }
}
