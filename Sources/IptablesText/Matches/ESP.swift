internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m esp`
    mutating func readESP() throws(RuleFailure) -> Match {
        var spi: Negatable<NumberRange<UInt32>>?
        while try beginOption() {
            guard takes("--espspi") else { break }
            try refuseSecond(spi)
            spi = Negatable(try numberRange(), isNegated: negation())
        }
        return .esp(spi ?? .is(.all))
    }
}

extension RuleWriter {
    mutating func writeESP(_ spi: Negatable<NumberRange<UInt32>>) { writeSPI("--espspi", spi) }
}
