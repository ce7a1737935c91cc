internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-m helper`
    mutating func readHelper() throws(RuleFailure) -> Match {
        var helper: Negatable<Symbol>?
        while try beginOption() {
            guard takes("--helper") else { break }
            try refuseSecond(helper)
            helper = Negatable(try symbol(), isNegated: negation())
        }
        guard let helper else { throw missing("--helper") }
        return .helper(helper)
    }
}

extension RuleWriter {
    mutating func writeHelper(_ helper: Negatable<Symbol>) {
        option("--helper", isNegated: helper.isNegated)
        quoted(helper.value)
    }
}
