internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j CLUSTERIP`
    mutating func readCLUSTERIPTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeClusterIPTarget(_ target: ClusterIPTarget) {
    }
}
