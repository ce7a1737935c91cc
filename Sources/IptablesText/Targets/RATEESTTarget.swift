internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j RATEEST`
    mutating func readRATEESTTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeRateEstimateTarget(_ target: RateEstimateTarget) {
    }
}
