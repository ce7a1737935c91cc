internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j IDLETIMER`
    mutating func readIDLETIMERTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeIdleTimerTarget(_ target: IdleTimerTarget) {
    }
}
