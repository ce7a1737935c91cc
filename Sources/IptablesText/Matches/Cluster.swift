internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m cluster`
    mutating func readCluster() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeCluster(_ match: ClusterMatch) {
    }
}
