internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleReader {
    /// `-m dst`
    mutating func readDestinationOptions() throws(RuleFailure) -> Match {
        .destinationOptions(try readIPv6Options(length: "--dst-len", options: "--dst-opts"))
    }

    /// The options of `-m dst` and `-m hbh`.
    mutating func readIPv6Options(
        length lengthName: StaticString, options optionsName: StaticString
    ) throws(RuleFailure) -> IPv6OptionsMatch {
        var match = IPv6OptionsMatch()
        while try beginOption() {
            if takes(lengthName) {
                try refuseSecond(match.length)
                match.length = Negatable(try number(), isNegated: negation())
            } else if takes(optionsName) {
                try refuseSecond(match.options.first)
                match.options = try ipv6Options()
            } else {
                break
            }
        }
        return match
    }

    /// Takes `type[:length],…`, up to 16 of them. Source: ip6t_opts.h `IP6T_OPTS_OPTSNR`.
    private mutating func ipv6Options() throws(RuleFailure) -> [IPv6OptionsMatch.Option] {
        let range = try value()
        var options: [IPv6OptionsMatch.Option] = []
        for part in list(range) ?? [] {
            let colon = firstIndex(of: UInt8(ascii: ":"), in: part)
            guard let type: UInt8 = readNumber(part.lowerBound..<(colon ?? part.upperBound)) else {
                throw bad(.number, "a list of type:length")
            }
            var length: UInt8?
            if let colon {
                guard let number: UInt8 = readNumber(colon + 1..<part.upperBound) else {
                    throw bad(.number, "a list of type:length")
                }
                // The kernel keeps 255 for no length.
                length = number == 255 ? nil : number
            }
            options.append(IPv6OptionsMatch.Option(type: type, length: length))
        }
        guard !options.isEmpty, options.count <= 16 else { throw bad(.number, "a list of up to 16 type:length") }
        return options
    }
}

extension RuleWriter {
    mutating func writeDestinationOptions(_ match: IPv6OptionsMatch) {
        writeIPv6Options(match, length: "--dst-len", options: "--dst-opts")
    }

    mutating func writeIPv6Options(
        _ match: IPv6OptionsMatch, length lengthName: StaticString, options optionsName: StaticString
    ) {
        if let length = match.length { option(lengthName, length.value, isNegated: length.isNegated) }
        if match.options.isEmpty { return }
        option(optionsName)
        var separator: StaticString = " "
        for option in match.options {
            put(separator)
            put(option.type)
            if let length = option.length {
                put(":")
                put(length)
            }
            separator = ","
        }
    }
}
