internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m length`
    mutating func readLength() throws(RuleFailure) -> Match {
        var length: Negatable<NumberRange<UInt16>>?
        while try beginOption() {
            guard takes("--length") else { break }
            try refuseSecond(length)
            length = Negatable(try numberRange(), isNegated: negation())
        }
        guard let length else { throw missing("--length") }
        return .length(length)
    }
}

extension RuleWriter {
    mutating func writeLength(_ length: Negatable<NumberRange<UInt16>>) {
        option("--length", isNegated: length.isNegated)
        put(" ")
        put(length.value)
    }
}
