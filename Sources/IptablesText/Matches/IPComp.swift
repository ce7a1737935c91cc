internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m ipcomp`
    mutating func readIPComp() throws(RuleFailure) -> Match {
        var match = IPCompMatch()
        var spi: Negatable<NumberRange<UInt32>>?
        while try beginOption() {
            if takes("--ipcompspi") {
                try refuseSecond(spi)
                spi = Negatable(try numberRange(), isNegated: negation())
            } else if takes("--compres") {
                match.reservedIsZero = true
            } else {
                break
            }
        }
        if let spi { match.spi = spi }
        return .ipComp(match)
    }
}

extension RuleWriter {
    mutating func writeIPComp(_ match: IPCompMatch) {
        writeSPI("--ipcompspi", match.spi)
        if match.reservedIsZero { option("--compres") }
    }
}
