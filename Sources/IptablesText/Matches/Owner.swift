internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-m owner`
    mutating func readOwner() throws(RuleFailure) -> Match {
        var match = OwnerMatch()
        while try beginOption() {
            if takes("--uid-owner") {
                try refuseSecond(match.user)
                match.user = try owner("a user's number, or a range of two")
            } else if takes("--gid-owner") {
                try refuseSecond(match.group)
                match.group = try owner("a group's number, or a range of two")
            } else if takes("--socket-exists") {
                try refuseSecond(match.socketExists)
                match.socketExists = Negatable(true, isNegated: negation())
            } else if takes("--suppl-groups") {
                guard match.group != nil else { throw optionFailure(.missingOption("--gid-owner")) }
                match.includesSupplementaryGroups = true
            } else {
                break
            }
        }
        guard match != OwnerMatch() else { throw missing("--uid-owner") }
        return .owner(match)
    }

    /// `5`, `5-9`, or `root`: other names are known to the host alone, and iptables-save writes numbers.
    private mutating func owner(_ expected: String) throws(RuleFailure) -> Negatable<NumberRange<UInt32>> {
        let isNegated = negation()
        let range = try value()
        if equals(range, "root") { return Negatable(NumberRange(0), isNegated: isNegated) }
        let dash = UInt8(ascii: "-")
        guard let numbers: NumberRange<UInt32> = readNumberRange(range, upTo: .max - 1, separator: dash),
            buffer[range.lowerBound] != dash, buffer[range.upperBound - 1] != dash
        else { throw bad(.number, expected) }
        return Negatable(numbers, isNegated: isNegated)
    }
}

extension RuleWriter {
    mutating func writeOwner(_ match: OwnerMatch) {
        if let socketExists = match.socketExists { option("--socket-exists", isNegated: socketExists.isNegated) }
        if let user = match.user {
            option("--uid-owner", isNegated: user.isNegated)
            put(" ")
            put(user.value, separator: "-")
        }
        if let group = match.group {
            option("--gid-owner", isNegated: group.isNegated)
            put(" ")
            put(group.value, separator: "-")
        }
        if match.includesSupplementaryGroups { option("--suppl-groups") }
    }
}
