internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-m osf`
    mutating func readOperatingSystem() throws(RuleFailure) -> Match {
        var match = OSFMatch()
        var genre: Negatable<Symbol>?
        while try beginOption() {
            if takes("--genre") {
                try refuseSecond(genre)
                let isNegated = negation()
                genre = Negatable(try symbol(), isNegated: isNegated)
            } else if takes("--ttl") {
                try refuseSecond(match.ttl)
                match.ttl = try number(upTo: 2)
            } else if takes("--log") {
                try refuseSecond(match.log)
                match.log = try number(upTo: 2)
            } else {
                break
            }
        }
        guard let genre else { throw missing("--genre") }
        match.genre = genre
        return .operatingSystem(match)
    }
}

extension RuleWriter {
    mutating func writeOperatingSystem(_ match: OSFMatch) {
        option("--genre", isNegated: match.genre.isNegated)
        put(" ")
        put(match.genre.value)
        if let ttl = match.ttl { option("--ttl", ttl) }
        if let log = match.log { option("--log", log) }
    }
}
