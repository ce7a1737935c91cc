internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m cgroup`
    mutating func readCgroup() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeCgroup(_ match: CgroupMatch) {
    }
}
