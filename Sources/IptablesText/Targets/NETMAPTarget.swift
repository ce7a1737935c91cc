internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j NETMAP`
    mutating func readNETMAPTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeNetmapTarget(_ target: AddressMask) {
    }
}
