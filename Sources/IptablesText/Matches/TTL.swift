internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m ttl`
    mutating func readTTL() throws(RuleFailure) -> Match {
        var match: TimeToLiveMatch?
        while try beginOption() {
            let comparison: TimeToLiveMatch.Comparison
            if takes("--ttl-eq", "--ttl") {
                comparison = negation() ? .notEqual : .equal
            } else if takes("--ttl-lt") {
                comparison = .less
            } else if takes("--ttl-gt") {
                comparison = .greater
            } else {
                break
            }
            try refuseSecond(match)
            match = try timeToLive(.v4, comparison)
        }
        guard let match else { throw missing("--ttl-eq, --ttl-lt or --ttl-gt") }
        return .timeToLive(match)
    }

    mutating func timeToLive(
        _ version: IPVersion, _ comparison: TimeToLiveMatch.Comparison
    ) throws(RuleFailure) -> TimeToLiveMatch {
        var match = TimeToLiveMatch()
        match.version = version
        match.comparison = comparison
        match.value = try number()
        return match
    }
}

extension RuleWriter {
    mutating func writeTimeToLive(_ match: TimeToLiveMatch) {
        let isV4 = match.version == .v4
        switch match.comparison {
        case .equal: option(isV4 ? "--ttl-eq" : "--hl-eq", match.value)
        case .notEqual: option(isV4 ? "--ttl-eq" : "--hl-eq", match.value, isNegated: true)
        case .less: option(isV4 ? "--ttl-lt" : "--hl-lt", match.value)
        case .greater: option(isV4 ? "--ttl-gt" : "--hl-gt", match.value)
        }
    }
}
