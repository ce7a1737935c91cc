internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-j SNPT`
    mutating func readSNPTTarget() throws(RuleFailure) -> Target { try prefixTranslation(changesSource: true) }

    mutating func prefixTranslation(changesSource: Bool) throws(RuleFailure) -> Target {
        var from: IPPrefix?
        var to: IPPrefix?
        while try beginOption() {
            if takes("--src-pfx") {
                try refuseSecond(from)
                from = try prefix()
            } else if takes("--dst-pfx") {
                try refuseSecond(to)
                to = try prefix()
            } else {
                break
            }
        }
        guard let from else { throw missing("--src-pfx") }
        guard let to else { throw missing("--dst-pfx") }
        return .prefixTranslation(PrefixTranslationTarget(changesSource: changesSource, from: from, to: to))
    }

    private mutating func prefix() throws(RuleFailure) -> IPPrefix {
        let range = try value()
        guard let prefix = IPPrefix(buffer.span.extracting(range)), prefix.address.version == .v6, prefix.length <= 64
        else { throw bad(.address, "an IPv6 prefix of up to 64 bits") }
        return prefix
    }
}

extension RuleWriter {
    mutating func writePrefixTranslationTarget(_ target: PrefixTranslationTarget) {
        option("--src-pfx")
        put(" ")
        put(target.from.description)
        option("--dst-pfx")
        put(" ")
        put(target.to.description)
    }
}
