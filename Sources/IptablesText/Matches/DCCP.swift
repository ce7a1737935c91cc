internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m dccp`
    mutating func readDCCP() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeDCCP(_ match: DCCPMatch) {
    }
}
