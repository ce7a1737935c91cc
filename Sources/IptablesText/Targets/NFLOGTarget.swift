internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j NFLOG`
    mutating func readNFLOGTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeNFLogTarget(_ target: NFLogTarget) {
    }
}
