internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-m set`
    mutating func readSet() throws(RuleFailure) -> Match {
        var match = SetMatch()
        var hasSet = false
        while try beginOption() {
            // `--set` is how iptables before 1.4.4 called it.
            if takes("--match-set", "--set") {
                if hasSet { throw optionFailure(.repeatedOption) }
                hasSet = true
                let isNegated = negation()
                match.name = Negatable(try symbol(), isNegated: isNegated)
                match.directions = try setDirections()
            } else if takes("--return-nomatch") {
                match.returnsNoMatch = true
            } else if takes("--update-counters") {
                match.updatesCounters = !negation()
            } else if takes("--update-subcounters") {
                match.updatesSubcounters = !negation()
            } else if let comparison = takeComparison("--packets-eq", "--packets-lt", "--packets-gt") {
                try refuseSecond(match.packets)
                match.packets = SetMatch.CounterTest(comparison, try number())
            } else if let comparison = takeComparison("--bytes-eq", "--bytes-lt", "--bytes-gt") {
                try refuseSecond(match.bytes)
                match.bytes = SetMatch.CounterTest(comparison, try number())
            } else {
                break
            }
        }
        guard hasSet else { throw missing("--match-set") }
        return .set(match)
    }

    private mutating func takeComparison(
        _ equal: StaticString, _ less: StaticString, _ greater: StaticString
    ) -> SetMatch.CounterTest.Comparison? {
        if takes(equal) { return negation() ? .notEqual : .equal }
        if takes(less) { return .less }
        if takes(greater) { return .greater }
        return nil
    }

    /// Takes `src`, `src,dst`, …: one for each dimension, at most six.
    /// Source: iptables 1.8.9, extensions/libxt_set.h `parse_dirs`, which looks at three letters only.
    mutating func setDirections() throws(RuleFailure) -> [Bool] {
        guard hasValue else { throw RuleFailure(.missingValue, word: max(0, index - 1)) }
        let range = try value()
        var directions: [Bool] = []
        for part in list(range) ?? [] {
            let head = part.lowerBound..<min(part.upperBound, part.lowerBound + 3)
            if equals(head, "src") {
                directions.append(true)
            } else if equals(head, "dst") {
                directions.append(false)
            } else {
                throw bad(.value, "a list of src and dst")
            }
        }
        guard !directions.isEmpty, directions.count <= 6 else { throw bad(.value, "a list of up to six src and dst") }
        return directions
    }
}

extension RuleWriter {
    mutating func writeSet(_ match: SetMatch) {
        option("--match-set", isNegated: match.name.isNegated)
        writeSetName(match.name.value, match.directions)
        if match.returnsNoMatch { option("--return-nomatch") }
        if !match.updatesCounters { option("--update-counters", isNegated: true) }
        if !match.updatesSubcounters { option("--update-subcounters", isNegated: true) }
        if let test = match.packets { writeCounterTest(test, "--packets-eq", "--packets-lt", "--packets-gt") }
        if let test = match.bytes { writeCounterTest(test, "--bytes-eq", "--bytes-lt", "--bytes-gt") }
    }

    /// ` NAME src,dst`
    mutating func writeSetName(_ name: Symbol, _ directions: [Bool]) {
        put(" ")
        put(name)
        var separator: StaticString = " "
        for isSource in directions {
            put(separator)
            put(isSource ? "src" : "dst")
            separator = ","
        }
    }

    private mutating func writeCounterTest(
        _ test: SetMatch.CounterTest, _ equal: StaticString, _ less: StaticString, _ greater: StaticString
    ) {
        switch test.comparison {
        case .equal: option(equal, test.value)
        case .notEqual: option(equal, test.value, isNegated: true)
        case .less: option(less, test.value)
        case .greater: option(greater, test.value)
        }
    }
}
