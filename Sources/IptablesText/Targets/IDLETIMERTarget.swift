internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-j IDLETIMER`
    mutating func readIDLETIMERTarget() throws(RuleFailure) -> Target {
        var target = IdleTimerTarget()
        var timeout: UInt32?
        var label: Symbol?
        while try beginOption() {
            if takes("--timeout") {
                try refuseSecond(timeout)
                timeout = try number()
            } else if takes("--label") {
                try refuseSecond(label)
                label = try symbol()
            } else if takes("--alarm") {
                target.isAlarm = true
            } else {
                break
            }
        }
        guard let timeout else { throw missing("--timeout") }
        guard let label else { throw missing("--label") }
        target.timeout = timeout
        target.label = label
        return .idleTimer(target)
    }
}

extension RuleWriter {
    mutating func writeIdleTimerTarget(_ target: IdleTimerTarget) {
        option("--timeout", target.timeout)
        option("--label")
        put(" ")
        put(target.label)
        if target.isAlarm { option("--alarm") }
    }
}
