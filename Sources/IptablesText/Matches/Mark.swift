internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m mark`
    mutating func readMark() throws(RuleFailure) -> Match {
        var mark: Negatable<MaskedWord>?
        while try beginOption() {
            guard takes("--mark") else { break }
            try refuseSecond(mark)
            mark = Negatable(try maskedWord(), isNegated: negation())
        }
        guard let mark else { throw missing("--mark") }
        return .mark(mark)
    }
}

extension RuleWriter {
    mutating func writeMark(_ mark: Negatable<MaskedWord>) {
        option("--mark", isNegated: mark.isNegated)
        put(" ")
        put(mark.value)
    }
}
