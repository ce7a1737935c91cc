internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-m recent`
    mutating func readRecent() throws(RuleFailure) -> Match {
        var match = RecentMatch()
        var operation: Negatable<RecentMatch.Operation>?
        var name: Symbol?
        while try beginOption() {
            if let next = takeRecentOperation() {
                try refuseSecond(operation)
                operation = Negatable(next, isNegated: negation())
            } else if takes("--seconds") {
                match.seconds = try number()
            } else if takes("--reap") {
                match.reap = true
            } else if takes("--hitcount") {
                match.hitCount = try number()
            } else if takes("--rttl") {
                match.comparesTTL = true
            } else if takes("--name") {
                try refuseSecond(name)
                name = try symbol()
            } else if takes("--mask") {
                try refuseSecond(match.mask)
                match.mask = try address()
            } else if takes("--rsource") {
                match.usesDestination = false
            } else if takes("--rdest") {
                match.usesDestination = true
            } else {
                break
            }
        }
        guard let operation else { throw missing("--set, --rcheck, --update or --remove") }
        match.operation = operation
        match.name = name ?? names.intern("DEFAULT")
        // Before 1.4.17 there was no mask.
        match.mask = match.mask ?? IPPrefix.mask(version, length: UInt8(version.addressBits))
        return .recent(match)
    }

    private mutating func takeRecentOperation() -> RecentMatch.Operation? {
        if takes("--set") { return .set }
        if takes("--rcheck") { return .check }
        if takes("--update") { return .update }
        if takes("--remove") { return .remove }
        return nil
    }
}

extension RuleWriter {
    mutating func writeRecent(_ match: RecentMatch) {
        let name: StaticString =
            switch match.operation.value {
            case .set: "--set"
            case .check: "--rcheck"
            case .update: "--update"
            case .remove: "--remove"
            }
        option(name, isNegated: match.operation.isNegated)
        if match.seconds != 0 { option("--seconds", match.seconds) }
        if match.reap { option("--reap") }
        if match.hitCount != 0 { option("--hitcount", match.hitCount) }
        if match.comparesTTL { option("--rttl") }
        option("--name")
        put(" ")
        put(match.name)
        if let mask = match.mask {
            option("--mask")
            put(" ")
            put(mask)
        }
        option(match.usesDestination ? "--rdest" : "--rsource")
    }
}
