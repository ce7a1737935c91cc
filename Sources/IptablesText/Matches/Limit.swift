internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-m limit`
    mutating func readLimit() throws(RuleFailure) -> Match {
        var match = LimitMatch()
        var hasRate: Bool?
        while try beginOption() {
            if takes("--limit") {
                try refuseSecond(hasRate)
                hasRate = true
                let (count, seconds) = try rate()
                // Source: iptables 1.8.9, extensions/libxt_limit.c `parse_rate`: the division rounds down.
                let cost = 10_000 * seconds / count
                guard cost > 0 else { throw bad(.value, "a rate up to 10000/second") }
                match.rate = LimitRate(cost: UInt32(truncatingIfNeeded: cost))
            } else if takes("--limit-burst") {
                match.burst = try number(upTo: 10_000)
            } else {
                break
            }
        }
        return .limit(match)
    }

    /// Takes `5`, `5/sec`, `5/m`, `5/hour`, `5/day`: a count above 0, and the unit's length in seconds.
    mutating func rate() throws(RuleFailure) -> (count: UInt64, seconds: UInt64) {
        let range = try value()
        let slash = firstIndex(of: UInt8(ascii: "/"), in: range)
        guard let count = decimal(buffer.span.extracting(range.lowerBound..<(slash ?? range.upperBound))), count > 0
        else { throw bad(.value, "a rate such as 5/min") }
        guard let slash else { return (count, 1) }
        let unit = slash + 1..<range.upperBound
        guard !unit.isEmpty else { throw bad(.value, "a rate such as 5/min") }
        if begins(anyCase: "second", with: unit) { return (count, 1) }
        if begins(anyCase: "minute", with: unit) { return (count, 60) }
        if begins(anyCase: "hour", with: unit) { return (count, 3600) }
        if begins(anyCase: "day", with: unit) { return (count, 86400) }
        throw bad(.value, "a rate such as 5/min")
    }
}

extension RuleWriter {
    mutating func writeLimit(_ match: LimitMatch) {
        option("--limit")
        putRate(UInt64(match.rate.cost), scale: 10_000)
        if match.burst != 5 { option("--limit-burst", match.burst) }
    }

    /// A blank and the rate of one packet each `cost` parts of a second, of which a second has `scale`, in the unit
    /// that iptables-save picks; the unit's length in seconds.
    ///
    /// Source: iptables 1.8.9, extensions/libxt_limit.c `print_rate`: from days down, stops before the unit in which
    /// what is left over would be more than the count.
    @discardableResult
    mutating func putRate(_ cost: UInt64, scale: UInt64) -> UInt64 {
        let units: [(name: StaticString, seconds: UInt64)] = [("day", 86400), ("hour", 3600), ("min", 60), ("sec", 1)]
        guard cost > 0 else {
            put(" inf")
            return 0
        }
        var unit = units[0]
        for next in units.dropFirst() {
            let length = next.seconds * scale
            if cost > length || length / cost < length % cost { break }
            unit = next
        }
        put(" ")
        put(unit.seconds * scale / cost)
        put("/")
        put(unit.name)
        return unit.seconds
    }
}
