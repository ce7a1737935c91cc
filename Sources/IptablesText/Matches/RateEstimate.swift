internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m rateest`
    mutating func readRateEstimate() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeRateEstimate(_ match: RateEstimateMatch) {
    }
}
