internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j TOS`
    mutating func readTOSTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeTOSTarget(_ target: MaskedByte) {
    }
}
