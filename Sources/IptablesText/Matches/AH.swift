internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m ah`; the options of length and reserved field are IPv6's.
    mutating func readAH() throws(RuleFailure) -> Match {
        var match = AHMatch()
        var spi: Negatable<NumberRange<UInt32>>?
        while try beginOption() {
            if takes("--ahspi") {
                try refuseSecond(spi)
                spi = Negatable(try numberRange(), isNegated: negation())
            } else if isV6, takes("--ahlen") {
                try refuseSecond(match.length)
                match.length = Negatable(try number(), isNegated: negation())
            } else if isV6, takes("--ahres") {
                match.reservedIsZero = true
            } else {
                break
            }
        }
        if let spi { match.spi = spi }
        // The kernel takes a length of 0 for none asked for. Source: net/ipv6/netfilter/ip6t_ah.c, Linux 6.1.
        if match.length == .is(0) { match.length = nil }
        return .ah(match)
    }
}

extension RuleWriter {
    mutating func writeAH(_ match: AHMatch) {
        writeSPI("--ahspi", match.spi)
        if let length = match.length { option("--ahlen", length.value, isNegated: length.isNegated) }
        if match.reservedIsZero { option("--ahres") }
    }

    /// A range of numbers, left out where it holds all of them.
    mutating func writeSPI(_ name: StaticString, _ spi: Negatable<NumberRange<UInt32>>) {
        if spi.value.isAll, !spi.isNegated { return }
        option(name, isNegated: spi.isNegated)
        put(" ")
        put(spi.value)
    }
}
