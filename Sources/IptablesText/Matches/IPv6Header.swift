internal import NetTypes
internal import RuleModel

/// The bits of the headers; the first name of each is the one that is written.
/// Source: iptables 1.8.9, extensions/libip6t_ipv6header.c, and `/etc/protocols`.
private let headers: Keywords<UInt8> = [
    ("hop-by-hop", 0x80), ("ipv6-opts", 0x40), ("ipv6-route", 0x20), ("ipv6-frag", 0x10), ("ah", 0x08), ("esp", 0x04),
    ("ipv6-nonxt", 0x02), ("protocol", 0x01), ("hop", 0x80), ("dst", 0x40), ("route", 0x20), ("frag", 0x10),
    ("auth", 0x08), ("none", 0x02), ("prot", 0x01), ("0", 0x80), ("60", 0x40), ("43", 0x20), ("44", 0x10),
    ("51", 0x08), ("50", 0x04), ("59", 0x02), ("255", 0x01),
]

extension RuleReader {
    /// `-m ipv6header`
    mutating func readIPv6Header() throws(RuleFailure) -> Match {
        var match = IPv6HeaderMatch()
        var named: Negatable<UInt8>?
        while try beginOption() {
            if takes("--header") {
                try refuseSecond(named)
                named = Negatable(try extensionHeaders(), isNegated: negation())
            } else if takes("--soft") {
                match.isSoft = true
            } else {
                break
            }
        }
        guard let named else { throw missing("--header") }
        match.headers = named
        return .ipv6Header(match)
    }

    private mutating func extensionHeaders() throws(RuleFailure) -> UInt8 {
        let range = try value()
        var bits: UInt8 = 0
        for part in list(range) ?? [] {
            guard let bit = find(part, in: headers) else { throw bad(.value, "a list of IPv6 extension headers") }
            bits |= bit
        }
        guard bits != 0 else { throw bad(.value, "a list of IPv6 extension headers") }
        return bits
    }
}

extension RuleWriter {
    mutating func writeIPv6Header(_ match: IPv6HeaderMatch) {
        option("--header", isNegated: match.headers.isNegated)
        var separator: StaticString = " "
        for header in headers.prefix(8) where match.headers.value & header.value != 0 {
            put(separator)
            put(header.name)
            separator = ","
        }
        if match.isSoft { option("--soft") }
    }
}
