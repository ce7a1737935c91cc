internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m ecn`
    mutating func readECN() throws(RuleFailure) -> Match {
        var match = ECNMatch()
        while try beginOption() {
            if takes("--ecn-tcp-cwr") {
                try refuseSecond(match.cwr)
                match.cwr = Negatable(true, isNegated: negation())
            } else if takes("--ecn-tcp-ece") {
                try refuseSecond(match.ece)
                match.ece = Negatable(true, isNegated: negation())
            } else if takes("--ecn-ip-ect") {
                try refuseSecond(match.ect)
                match.ect = Negatable(try number(upTo: 3), isNegated: negation())
            } else {
                break
            }
        }
        guard match != ECNMatch() else { throw missing("--ecn-tcp-cwr, --ecn-tcp-ece or --ecn-ip-ect") }
        return .ecn(match)
    }
}

extension RuleWriter {
    mutating func writeECN(_ match: ECNMatch) {
        if let ece = match.ece { option("--ecn-tcp-ece", isNegated: ece.isNegated) }
        if let cwr = match.cwr { option("--ecn-tcp-cwr", isNegated: cwr.isNegated) }
        if let ect = match.ect { option("--ecn-ip-ect", ect.value, isNegated: ect.isNegated) }
    }
}
