internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m physdev`
    mutating func readPhysicalDevice() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writePhysicalDevice(_ match: PhysicalDeviceMatch) {
    }
}
