internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-m devgroup`. Group 0 is `default`, the one name in Debian's `/etc/iproute2/group`.
    mutating func readDeviceGroup() throws(RuleFailure) -> Match {
        var match = DeviceGroupMatch()
        while try beginOption() {
            if takes("--src-group") {
                try refuseSecond(match.source)
                match.source = Negatable(try deviceGroup(), isNegated: negation())
            } else if takes("--dst-group") {
                try refuseSecond(match.destination)
                match.destination = Negatable(try deviceGroup(), isNegated: negation())
            } else {
                break
            }
        }
        guard match.source != nil || match.destination != nil else { throw missing("--src-group or --dst-group") }
        return .deviceGroup(match)
    }

    private mutating func deviceGroup() throws(RuleFailure) -> MaskedWord {
        if index < words.count, equals(words[index].range, "default") {
            index += 1
            return MaskedWord(0)
        }
        return try maskedWord()
    }
}

extension RuleWriter {
    mutating func writeDeviceGroup(_ match: DeviceGroupMatch) {
        writeGroup("--src-group", match.source)
        writeGroup("--dst-group", match.destination)
    }

    private mutating func writeGroup(_ name: StaticString, _ group: Negatable<MaskedWord>?) {
        guard let group else { return }
        option(name, isNegated: group.isNegated)
        put(" ")
        if group.value == MaskedWord(0) { put("default") } else { put(group.value) }
    }
}
