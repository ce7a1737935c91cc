internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m statistic`
    mutating func readStatistic() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeStatistic(_ match: StatisticMatch) {
    }
}
