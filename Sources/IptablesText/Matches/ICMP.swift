internal import NetTypes
internal import RuleModel
internal import SourceText

/// Source: iptables 1.8.9, extensions/libxt_icmp.h.
private let v4Types: Keywords<(type: UInt8, code: UInt8?)> = [
    ("any", (255, nil)), ("echo-reply", (0, nil)), ("pong", (0, nil)), ("destination-unreachable", (3, nil)),
    ("network-unreachable", (3, 0)), ("host-unreachable", (3, 1)), ("protocol-unreachable", (3, 2)),
    ("port-unreachable", (3, 3)), ("fragmentation-needed", (3, 4)), ("source-route-failed", (3, 5)),
    ("network-unknown", (3, 6)), ("host-unknown", (3, 7)), ("network-prohibited", (3, 9)),
    ("host-prohibited", (3, 10)), ("TOS-network-unreachable", (3, 11)), ("TOS-host-unreachable", (3, 12)),
    ("communication-prohibited", (3, 13)), ("host-precedence-violation", (3, 14)), ("precedence-cutoff", (3, 15)),
    ("source-quench", (4, nil)), ("redirect", (5, nil)), ("network-redirect", (5, 0)), ("host-redirect", (5, 1)),
    ("TOS-network-redirect", (5, 2)), ("TOS-host-redirect", (5, 3)), ("echo-request", (8, nil)), ("ping", (8, nil)),
    ("router-advertisement", (9, nil)), ("router-solicitation", (10, nil)), ("time-exceeded", (11, nil)),
    ("ttl-exceeded", (11, nil)), ("ttl-zero-during-transit", (11, 0)), ("ttl-zero-during-reassembly", (11, 1)),
    ("parameter-problem", (12, nil)), ("ip-header-bad", (12, 0)), ("required-option-missing", (12, 1)),
    ("timestamp-request", (13, nil)), ("timestamp-reply", (14, nil)), ("address-mask-request", (17, nil)),
    ("address-mask-reply", (18, nil)),
]
private let v6Types: Keywords<(type: UInt8, code: UInt8?)> = [
    ("destination-unreachable", (1, nil)), ("no-route", (1, 0)), ("communication-prohibited", (1, 1)),
    ("beyond-scope", (1, 2)), ("address-unreachable", (1, 3)), ("port-unreachable", (1, 4)),
    ("failed-policy", (1, 5)), ("reject-route", (1, 6)), ("packet-too-big", (2, nil)), ("time-exceeded", (3, nil)),
    ("ttl-exceeded", (3, nil)), ("ttl-zero-during-transit", (3, 0)), ("ttl-zero-during-reassembly", (3, 1)),
    ("parameter-problem", (4, nil)), ("bad-header", (4, 0)), ("unknown-header-type", (4, 1)),
    ("unknown-option", (4, 2)), ("echo-request", (128, nil)), ("ping", (128, nil)), ("echo-reply", (129, nil)),
    ("pong", (129, nil)), ("router-solicitation", (133, nil)), ("router-advertisement", (134, nil)),
    ("neighbour-solicitation", (135, nil)), ("neighbor-solicitation", (135, nil)),
    ("neighbour-advertisement", (136, nil)), ("neighbor-advertisement", (136, nil)), ("redirect", (137, nil)),
]

extension RuleReader {
    /// `-m icmp`
    mutating func readICMP() throws(RuleFailure) -> Match { .icmp(try readICMPType(.v4)) }

    /// The one option of `-m icmp` and `-m icmp6`.
    mutating func readICMPType(_ version: IPVersion) throws(RuleFailure) -> ICMPMatch {
        var match: ICMPMatch?
        while try beginOption() {
            guard version == .v4 ? takes("--icmp-type") : takes("--icmpv6-type", "--icmp6-type") else { break }
            try refuseSecond(match)
            var read = try icmpType(version)
            read.isNegated = negation()
            match = read
        }
        guard let match else { throw missing(version == .v4 ? "--icmp-type" : "--icmpv6-type") }
        return match
    }

    /// Takes `type`, `type/code`, `type/first:last` or a name.
    private mutating func icmpType(_ version: IPVersion) throws(RuleFailure) -> ICMPMatch {
        let range = try value()
        var match = ICMPMatch()
        match.version = version
        for name in version == .v4 ? v4Types : v6Types where equals(anyCase: range, name.name) {
            match.type = name.value.type
            if let code = name.value.code { match.codes = NumberRange(code) }
            return match
        }
        let slash = firstIndex(of: UInt8(ascii: "/"), in: range)
        guard let type: UInt8 = readNumber(range.lowerBound..<(slash ?? range.upperBound)) else {
            throw bad(.value, "an ICMP type")
        }
        match.type = type
        guard let slash else { return match }
        guard let codes: NumberRange<UInt8> = readNumberRange(slash + 1..<range.upperBound) else {
            throw bad(.value, "an ICMP type")
        }
        match.codes = codes
        return match
    }
}

extension RuleWriter {
    mutating func writeICMP(_ match: ICMPMatch) {
        option(match.version == .v4 ? "--icmp-type" : "--icmpv6-type", isNegated: match.isNegated)
        put(" ")
        // The kernel takes type 255 for every type and code, in IPv4 alone.
        if match.version == .v4, match.type == 255 {
            put("any")
            return
        }
        put(match.type)
        if match.codes.isAll { return }
        put("/")
        put(match.codes)
    }
}
