internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m frag`
    mutating func readFragmentHeader() throws(RuleFailure) -> Match {
        var match = FragmentHeaderMatch()
        var id: Negatable<NumberRange<UInt32>>?
        while try beginOption() {
            if takes("--fragid") {
                try refuseSecond(id)
                id = Negatable(try numberRange(), isNegated: negation())
            } else if takes("--fraglen") {
                try refuseSecond(match.length)
                match.length = Negatable(try number(), isNegated: negation())
            } else if takes("--fragres") {
                match.reservedIsZero = true
            } else if takes("--fragfirst") {
                match.isFirst = true
            } else if takes("--fragmore") {
                match.hasMore = true
            } else if takes("--fraglast") {
                match.isLast = true
            } else {
                break
            }
        }
        if let id { match.id = id }
        return .frag(match)
    }
}

extension RuleWriter {
    mutating func writeFragmentHeader(_ match: FragmentHeaderMatch) {
        writeSPI("--fragid", match.id)
        if let length = match.length { option("--fraglen", length.value, isNegated: length.isNegated) }
        if match.reservedIsZero { option("--fragres") }
        if match.isFirst { option("--fragfirst") }
        if match.hasMore { option("--fragmore") }
        if match.isLast { option("--fraglast") }
    }
}
