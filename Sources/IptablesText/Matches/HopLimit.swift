internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m hl`
    mutating func readHopLimit() throws(RuleFailure) -> Match {
        var match: TimeToLiveMatch?
        while try beginOption() {
            let comparison: TimeToLiveMatch.Comparison
            if takes("--hl-eq", "--hl") {
                comparison = negation() ? .notEqual : .equal
            } else if takes("--hl-lt") {
                comparison = .less
            } else if takes("--hl-gt") {
                comparison = .greater
            } else {
                break
            }
            try refuseSecond(match)
            match = try timeToLive(.v6, comparison)
        }
        guard let match else { throw missing("--hl-eq, --hl-lt or --hl-gt") }
        return .timeToLive(match)
    }
}
