internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m iprange`
    mutating func readAddressRange() throws(RuleFailure) -> Match {
        var match = AddressRangeMatch()
        while try beginOption() {
            if takes("--src-range") {
                try refuseSecond(match.source)
                match.source = Negatable(try addressRange(), isNegated: negation())
            } else if takes("--dst-range") {
                try refuseSecond(match.destination)
                match.destination = Negatable(try addressRange(), isNegated: negation())
            } else {
                break
            }
        }
        guard match.source != nil || match.destination != nil else { throw missing("--src-range or --dst-range") }
        return .addressRange(match)
    }
}

extension RuleWriter {
    mutating func writeAddressRange(_ match: AddressRangeMatch) {
        writeRange("--src-range", match.source)
        writeRange("--dst-range", match.destination)
    }

    /// Both ends, also where they are one address.
    private mutating func writeRange(_ name: StaticString, _ range: Negatable<AddressRange>?) {
        guard let range else { return }
        option(name, isNegated: range.isNegated)
        put(" ")
        put(range.value.first)
        put("-")
        put(range.value.last)
    }
}
