internal import NetTypes
internal import RuleModel
internal import SourceText

private let modes: Keywords<ConnectionBytesMatch.Mode> = [
    ("packets", .packets), ("bytes", .bytes), ("avgpkt", .averagePacket),
]
private let directions: Keywords<ConnectionBytesMatch.Direction> = [
    ("original", .original), ("reply", .reply), ("both", .both),
]

extension RuleReader {
    /// `-m connbytes`
    mutating func readConnectionBytes() throws(RuleFailure) -> Match {
        var range: Negatable<NumberRange<UInt64>>?
        var mode: ConnectionBytesMatch.Mode?
        var direction: ConnectionBytesMatch.Direction?
        while try beginOption() {
            if takes("--connbytes") {
                try refuseSecond(range)
                range = Negatable(try connectionBytes(), isNegated: negation())
            } else if takes("--connbytes-mode") {
                try refuseSecond(mode)
                mode = try keyword(modes, "'packets', 'bytes' or 'avgpkt'")
            } else if takes("--connbytes-dir") {
                try refuseSecond(direction)
                direction = try keyword(directions, "'original', 'reply' or 'both'")
            } else {
                break
            }
        }
        guard let range else { throw missing("--connbytes") }
        guard let mode else { throw missing("--connbytes-mode") }
        guard let direction else { throw missing("--connbytes-dir") }
        var match = ConnectionBytesMatch()
        match.range = range
        match.mode = mode
        match.direction = direction
        return .connectionBytes(match)
    }

    /// Takes `from:to`, where `from` alone has no upper end.
    private mutating func connectionBytes() throws(RuleFailure) -> NumberRange<UInt64> {
        let range = try value()
        guard var result: NumberRange<UInt64> = readNumberRange(range) else {
            throw bad(.number, "a number, or a range of two")
        }
        if firstIndex(of: UInt8(ascii: ":"), in: range) == nil { result.last = .max }
        return result
    }
}

extension RuleWriter {
    mutating func writeConnectionBytes(_ match: ConnectionBytesMatch) {
        option("--connbytes", match.range.value.first, isNegated: match.range.isNegated)
        if match.range.value.last < .max {
            put(":")
            put(match.range.value.last)
        }
        option("--connbytes-mode")
        put(" ")
        put(match.mode, in: modes)
        option("--connbytes-dir")
        put(" ")
        put(match.direction, in: directions)
    }
}
