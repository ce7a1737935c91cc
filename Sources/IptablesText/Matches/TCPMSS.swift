internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m tcpmss`
    mutating func readTCPMSS() throws(RuleFailure) -> Match {
        var sizes: Negatable<NumberRange<UInt16>>?
        while try beginOption() {
            guard takes("--mss") else { break }
            try refuseSecond(sizes)
            let isNegated = negation()
            sizes = Negatable(try numberRange(), isNegated: isNegated)
        }
        guard let sizes else { throw missing("--mss") }
        return .tcpMSS(sizes)
    }
}

extension RuleWriter {
    mutating func writeTCPMSS(_ match: Negatable<NumberRange<UInt16>>) {
        option("--mss", isNegated: match.isNegated)
        put(" ")
        put(match.value)
    }
}
