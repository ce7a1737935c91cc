internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m addrtype`
    mutating func readAddressType() throws(RuleFailure) -> Match {
        throw notReadYet()
    }
}

extension RuleWriter {
    mutating func writeAddressType(_ match: AddressTypeMatch) {
    }
}
