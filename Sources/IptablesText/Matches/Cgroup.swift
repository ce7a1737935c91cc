internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m cgroup`
    mutating func readCgroup() throws(RuleFailure) -> Match {
        var match = CgroupMatch()
        while try beginOption() {
            if takes("--cgroup") {
                try refuseSecond(match.classID)
                match.classID = Negatable(try number(), isNegated: negation())
            } else if takes("--path") {
                try refuseSecond(match.path)
                match.path = Negatable(try symbol(), isNegated: negation())
            } else {
                break
            }
        }
        guard match.classID != nil || match.path != nil else { throw missing("--path or --cgroup") }
        return .cgroup(match)
    }
}

extension RuleWriter {
    mutating func writeCgroup(_ match: CgroupMatch) {
        if let path = match.path {
            option("--path", isNegated: path.isNegated)
            quoted(path.value)
        }
        if let classID = match.classID { option("--cgroup", classID.value, isNegated: classID.isNegated) }
    }
}
