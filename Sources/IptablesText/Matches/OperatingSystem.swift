internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m osf`
    mutating func readOperatingSystem() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeOperatingSystem(_ match: OSFMatch) {
    }
}
