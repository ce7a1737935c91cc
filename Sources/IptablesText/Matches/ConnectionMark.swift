internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m connmark`
    mutating func readConnectionMark() throws(RuleFailure) -> Match {
        var mark: Negatable<MaskedWord>?
        while try beginOption() {
            guard takes("--mark") else { break }
            try refuseSecond(mark)
            mark = Negatable(try maskedWord(), isNegated: negation())
        }
        guard let mark else { throw missing("--mark") }
        return .connectionMark(mark)
    }
}

extension RuleWriter {
    mutating func writeConnectionMark(_ mark: Negatable<MaskedWord>) { writeMark(mark) }
}
