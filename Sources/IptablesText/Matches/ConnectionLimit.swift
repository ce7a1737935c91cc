internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m connlimit`
    mutating func readConnectionLimit() throws(RuleFailure) -> Match {
        var limit: UInt32?
        var match = ConnectionLimitMatch()
        match.maskLength = UInt8(version.addressBits)
        while try beginOption() {
            if takes("--connlimit-above") {
                try refuseSecond(limit)
                limit = try number()
                match.isUpTo = negation()
            } else if takes("--connlimit-upto") {
                try refuseSecond(limit)
                limit = try number()
                match.isUpTo = !negation()
            } else if takes("--connlimit-mask") {
                match.maskLength = try prefixLength()
            } else if takes("--connlimit-saddr") {
                match.countsDestination = false
            } else if takes("--connlimit-daddr") {
                match.countsDestination = true
            } else {
                break
            }
        }
        guard let limit else { throw missing("--connlimit-above or --connlimit-upto") }
        match.limit = limit
        return .connectionLimit(match)
    }

    /// Takes a prefix length of the table's family, or a mask that is one.
    mutating func prefixLength() throws(RuleFailure) -> UInt8 {
        let range = try value()
        if let length: UInt8 = readNumber(range, upTo: UInt8(version.addressBits)) { return length }
        guard let length = readAddress(range)?.leadingOnes else {
            throw bad(.number, "a prefix length up to \(version.addressBits)")
        }
        return length
    }
}

extension RuleWriter {
    mutating func writeConnectionLimit(_ match: ConnectionLimitMatch) {
        option(match.isUpTo ? "--connlimit-upto" : "--connlimit-above", match.limit)
        option("--connlimit-mask", match.maskLength)
        option(match.countsDestination ? "--connlimit-daddr" : "--connlimit-saddr")
    }
}
