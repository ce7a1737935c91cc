internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-j ULOG`
    mutating func readULOGTarget() throws(RuleFailure) -> Target {
        var target = ULogTarget()
        while try beginOption() {
            if takes("--ulog-nlgroup") {
                let group: UInt32 = try number(upTo: 32)
                guard group > 0 else { throw bad(.number, "a group from 1 to 32") }
                target.groups = 1 << (group - 1)
            } else if takes("--ulog-prefix") {
                if target.prefix != .empty { throw optionFailure(.repeatedOption) }
                target.prefix = try symbol()
            } else if takes("--ulog-cprange") {
                target.copyRange = try number()
            } else if takes("--ulog-qthreshold") {
                target.queueThreshold = try number(upTo: 50)
            } else {
                break
            }
        }
        return .ulog(target)
    }
}

extension RuleWriter {
    mutating func writeULogTarget(_ target: ULogTarget) {
        if target.prefix != .empty {
            option("--ulog-prefix")
            quoted(target.prefix)
        }
        if target.groups != 1 { option("--ulog-nlgroup", target.groups.trailingZeroBitCount + 1) }
        if target.copyRange != 0 { option("--ulog-cprange", target.copyRange) }
        if target.queueThreshold != 1 { option("--ulog-qthreshold", target.queueThreshold) }
    }
}
