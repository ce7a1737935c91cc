internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m mh`
    mutating func readMobilityHeader() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeMobilityHeader(_ match: Negatable<NumberRange<UInt8>>) {
    }
}
