internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m iprange`
    mutating func readAddressRange() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeAddressRange(_ match: AddressRangeMatch) {
    }
}
