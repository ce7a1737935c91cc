internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j SYNPROXY`
    mutating func readSYNPROXYTarget() throws(RuleFailure) -> Target {
        var target = SYNPROXYTarget()
        while try beginOption() {
            if takes("--sack-perm") {
                target.sackPermitted = true
            } else if takes("--timestamp") {
                target.timestamps = true
            } else if takes("--wscale") {
                try refuseSecond(target.windowScale)
                target.windowScale = try number()
            } else if takes("--mss") {
                try refuseSecond(target.mss)
                target.mss = try number()
            } else if takes("--ecn") {
                target.ecn = true
            } else {
                break
            }
        }
        return .synproxy(target)
    }
}

extension RuleWriter {
    mutating func writeSYNPROXYTarget(_ target: SYNPROXYTarget) {
        if target.sackPermitted { option("--sack-perm") }
        if target.timestamps { option("--timestamp") }
        if let scale = target.windowScale { option("--wscale", scale) }
        if let mss = target.mss { option("--mss", mss) }
        if target.ecn { option("--ecn") }
    }
}
