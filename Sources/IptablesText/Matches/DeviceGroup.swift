internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m devgroup`
    mutating func readDeviceGroup() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeDeviceGroup(_ match: DeviceGroupMatch) {
    }
}
