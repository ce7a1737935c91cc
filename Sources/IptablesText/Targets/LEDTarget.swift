internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j LED`
    mutating func readLEDTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeLEDTarget(_ target: LEDTarget) {
    }
}
