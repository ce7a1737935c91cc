internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-m realm`
    mutating func readRealm() throws(RuleFailure) -> Match {
        var realm: Negatable<MaskedWord>?
        while try beginOption() {
            guard takes("--realm") else { break }
            try refuseSecond(realm)
            let isNegated = negation()
            // The one name that every /etc/iproute2/rt_realms has; others are known to their host alone.
            if index < words.count, equals(words[index].range, "cosmos") {
                _ = try value()
                realm = Negatable(MaskedWord(0), isNegated: isNegated)
            } else {
                realm = Negatable(try maskedWord(), isNegated: isNegated)
            }
        }
        guard let realm else { throw missing("--realm") }
        return .realm(realm)
    }
}

extension RuleWriter {
    mutating func writeRealm(_ match: Negatable<MaskedWord>) {
        option("--realm", isNegated: match.isNegated)
        put(" ")
        if match.value == MaskedWord(0) { put("cosmos") } else { put(match.value) }
    }
}
