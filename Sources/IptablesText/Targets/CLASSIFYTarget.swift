internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j CLASSIFY`
    mutating func readCLASSIFYTarget() throws(RuleFailure) -> Target {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeClassifyTarget(_ target: UInt32) {
    }
}
