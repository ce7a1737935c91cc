internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j NFQUEUE`
    mutating func readNFQUEUETarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeNFQueueTarget(_ target: NFQueueTarget) {
    }
}
